"""The fork server: one model's end is not another's, whatever that model did to it."""

import ctypes
import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import plugin

import recbench
from recbench import load_plugins
from recbench.isolation.launcher import Launcher
from recbench.isolation.processes import limits
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.testing import example
from recbench_popular import Popular

resource = pytest.importorskip("resource", reason="needs limits of POSIX")

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")

OPTIONS: dict[str, Any] = {"seed": 0, "device": "cpu"}


def _ancestors(pid: int) -> Iterator[int]:
    """Yield the parent of a process, its parent, and so on: watcher, fork server, main process."""
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid


class Kills(Popular):
    """Kills the fork server."""

    def fit(self, train: Any) -> Any:
        os.kill(list(_ancestors(os.getpid()))[1], signal.SIGKILL)
        return super().fit(train)


class Stops(Popular):
    """Stops the fork server."""

    def fit(self, train: Any) -> Any:
        os.kill(list(_ancestors(os.getpid()))[1], signal.SIGSTOP)
        return super().fit(train)


class StopsWatcher(Popular):
    """Stops the watcher."""

    def fit(self, train: Any) -> Any:
        os.kill(os.getppid(), signal.SIGSTOP)
        return super().fit(train)


class Limits(Popular):
    """Leaves no open file to the fork server, nor to the watcher."""

    def fit(self, train: Any) -> Any:
        for pid in list(_ancestors(os.getpid()))[:2]:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, 4))
        return super().fit(train)


class Searches(Popular):
    """Fails if an object with targets is in its memory."""

    def fit(self, train: Any) -> Any:
        gc.unfreeze()
        known = ("Dataset", "Split", "Experiment", "Ranking")
        found = {type(value).__name__ for value in gc.get_objects()} & set(known)
        assert not found, found
        return super().fit(train)


MODELS = {
    "kills": Kills,
    "stops": Stops,
    "stops-watcher": StopsWatcher,
    "limits": Limits,
    "searches": Searches,
}
PLUGINS = load_plugins(mine=plugin(models=MODELS))


@pytest.mark.parametrize("before", ["random", "kills", "stops", "stops-watcher", "limits"])
def test_the_next_model_runs_and_finds_no_targets(tiny: str, before: str) -> None:
    held = recbench.load_dataset(tiny)  # as in a notebook
    results = recbench.run([before, "searches", "popular"], tiny, results=None, plugins=PLUGINS)
    assert [result.status for result in results[1:]] == ["ok", "ok"]
    assert results[1].values == results[2].values
    assert held.interactions.n_users == results[0].setting.n_users


def test_a_watcher_that_stays_stopped_is_killed(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    signal_all = Launcher._signal_all

    def leave_stopped(launcher: Launcher, number: signal.Signals) -> None:
        if number != signal.SIGCONT:
            signal_all(launcher, number)

    monkeypatch.setattr(Launcher, "_signal_all", leave_stopped)
    monkeypatch.setattr("recbench.isolation.launcher.HANGS", 2.5)
    (result,) = recbench.run("stops-watcher", tiny, results=None, plugins=PLUGINS)
    assert "killed the process that monitors it" in result.status


def test_searching_would_find_targets_in_this_process(tiny: str) -> None:
    (result,) = recbench.run("searches", tiny, results=None, plugins=PLUGINS, in_process=True)
    assert "Experiment" in result.status


def test_a_late_message_about_a_cell_does_not_end_the_next_one() -> None:
    host = IsolatedHost(load_plugins())
    launcher = host._launcher
    with host:
        with host.cell("popular", OPTIONS) as model:
            model.fit(example())
        first = launcher._cell
        with host.cell("popular", OPTIONS) as model:
            assert launcher._cell == first + 1
            launcher._send(kill=first)
            launcher._send(end=first)
            assert model.fit(example()).n_parameters == example().n_items
            assert model.score(example()).shape == (40, 32)


def test_a_fork_server_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    start = Launcher.start

    def start_a_deaf_one_first(launcher: Launcher) -> socket.socket:
        commands = start(launcher)
        started.append(launcher._pid)
        if len(started) == 1:
            os.kill(launcher._pid, signal.SIGKILL)
        return commands

    monkeypatch.setattr(Launcher, "start", start_a_deaf_one_first)
    with IsolatedHost(load_plugins()) as host, host.cell("popular", OPTIONS) as model:
        assert model.traits.scores
    assert len(started) == 2


def test_a_second_interruption_leaves_no_process_and_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    launcher = Launcher()
    launcher.start()
    pid = launcher._pid
    shared = launcher.share(example())
    monkeypatch.setattr("select.select", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launcher.stop()
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(shared.fd)


def test_times_do_not_include_the_transfer_and_are_at_most_the_time_that_passed() -> None:
    class Still(Popular):
        """Its clock stands still."""

        def score(self, history: Any) -> Any:
            import time

            time.perf_counter = lambda: 0.0
            return super().score(history)

    class Early(Popular):
        """Its clock goes backwards."""

        def score(self, history: Any) -> Any:
            import time

            time.perf_counter = lambda: -1e9
            return super().score(history)

    plugins = load_plugins(mine=plugin(models={"still": Still, "early": Early}))
    with IsolatedHost(plugins) as host:
        for name in ("popular", "still", "early"):
            with host.cell(name, OPTIONS) as model:
                report = model.fit(example())
                model.score(example())
                assert 0 <= report.seconds < 60
                assert 0 <= model.seconds < 60


def test_only_an_administrator_can_read_the_memory_of_the_main_process_during_a_run() -> None:
    get_dumpable = 3

    def dumpable() -> int:
        return int(ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0))

    assert dumpable() == 1
    with IsolatedHost(load_plugins()) as host:
        assert dumpable() == 0
        with host.cell("popular", OPTIONS):
            pass
    assert dumpable() == 1
    first, second = IsolatedHost(load_plugins()), IsolatedHost(load_plugins())
    for host in (first, second):
        host.__enter__()
    first.__exit__()
    assert dumpable() == 0
    second.__exit__()
    assert dumpable() == 1


def test_limits_show_every_change() -> None:
    before = limits()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limits() == before
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
    try:
        assert limits() != before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


UNUSUAL = """
import signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
socket.setdefaulttimeout(0.001)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
import recbench
results = recbench.run(["popular", "random"], "synthetic", results=None)
print([result.status for result in results])
"""


def test_signals_and_time_limits_of_the_main_process_do_not_reach_models() -> None:
    done = subprocess.run([sys.executable, "-c", UNUSUAL], capture_output=True, text=True)
    assert done.stdout == "['ok', 'ok']\n", done.stderr


def test_a_closed_stderr_does_not_fail_a_model() -> None:
    code = "import recbench; print(recbench.run('popular', 'synthetic', results=None)[0].status)"
    command = [f"{sys.executable} -c {code!r} 2>&-"]
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "ok\n"


CHANGES = """
import locale, os, signal, socket, warnings
import numpy as np
import torch
import recbench
from recbench_popular import Popular

torch.set_default_dtype(torch.float64)
socket.setdefaulttimeout(0.001)
np.seterr(all="raise")
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.environ["CHANGED"] = "yes"

@recbench.hookimpl
def recbench_models():
    return {"changes": Popular}
"""

ASKS = """
import os
import signal
import socket
import sys
import numpy as np
import recbench
from recbench_popular import Popular

class Asks(Popular):
    def fit(self, train):
        import torch
        assert torch.get_default_dtype() == torch.float32
        assert socket.getdefaulttimeout() is None
        assert np.geterr()["under"] == "ignore"
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
        assert "changes" not in sys.modules
        return super().fit(train)

@recbench.hookimpl
def recbench_models():
    return {"asks": Asks}
"""


def test_what_a_plugin_changes_when_it_is_imported_does_not_reach_other_models(
    tmp_path: Path,
) -> None:
    for module, text in {"changes": CHANGES, "asks": ASKS}.items():
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{module}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[recbench]\n{module} = {module}\n")
    code = """
import recbench
results = recbench.run(["changes", "asks"], "synthetic", results=None)
print([result.status for result in results])
"""
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout == "['ok', 'ok']\n", done.stderr
