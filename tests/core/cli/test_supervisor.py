"""The supervisor: what ends the process of a command is reported, and nothing is left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers import install

from recbench.cli import supervisor

pytest.importorskip("fcntl", reason="needs signals of POSIX")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands are forked on Linux only")

SEGFAULTS = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
EXITS = "import ctypes\nctypes.CDLL(None)._exit(0)\n"

ENDS = """
import os, signal, sys, recbench

def end(where):
    if os.environ.get("WHERE") == where:
        os.kill(os.getpid(), signal.SIGSEGV) if os.environ["HOW"] == "segfault" else os._exit(0)

def data():
    end("dataset")

class Splitter:
    def split(self, interactions):
        end("splitter")

def metric(ranking, k):
    end("metric")
    return 0.0

def table(results):
    end("table")
    return "mine"

@recbench.hookimpl
def recbench_datasets(): return {"my-data": data}
@recbench.hookimpl
def recbench_splitters(): return {"my-split": Splitter}
@recbench.hookimpl
def recbench_metrics(): return {"my-metric": metric}
@recbench.hookimpl
def recbench_tables(): return {"my-table": table}
@recbench.hookimpl
def recbench_run_finished(result): end("listener")
"""
"""A plugin of which any part can end the process that it runs in."""

SLOW = """
import os, pathlib, time, recbench

def wait(name):
    pathlib.Path(name).write_text(str(os.getpid()))
    while True:
        time.sleep(0.01)

class Slow:
    def fit(self, train): wait("fitting")
    def score(self, history): pass

@recbench.hookimpl
def recbench_models(): return {"slow": Slow}
@recbench.hookimpl
def recbench_run_finished(result): wait("listening")
"""
"""A plugin with a model and a listener that never return, and write their process to a file."""


def _start(site: Path, *args: str, **more: Any) -> subprocess.Popen[str]:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, **more.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "recbench", *args],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def _call(site: Path, *args: str, **more: Any) -> tuple[int, str, str]:
    running = _start(site, *args, **more)
    out, err = running.communicate(timeout=120)
    return running.returncode, out, err


def _until(holds: Any) -> None:
    """Wait for a state, however long it takes."""
    while not holds():
        time.sleep(0.01)


def _process_in(path: str) -> psutil.Process:
    """Wait for a process to write its id to a file."""
    _until(lambda: Path(path).exists() and Path(path).read_text())
    return psutil.Process(int(Path(path).read_text()))


def test_plugins_whose_import_ends_the_process_are_broken_and_the_others_work(
    tmp_path: Path, tiny: str
) -> None:
    site = install(tmp_path / "site", bad_segv=SEGFAULTS, bad_exit=EXITS, bad_sys="exit(0)\n")
    code, out, _ = _call(site, "plugins")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 1
    assert "bad_segv 1.0 BROKEN: importing it ended the process with SIGSEGV" in lines
    assert "bad_exit 1.0 BROKEN: importing it ended the process with exit code 0" in lines
    assert (
        "bad_sys 1.0 BROKEN: SystemExit: 0 (bad_sys.py, line 1; --debug shows the traceback)"
        in lines
    )
    assert "random 0.1.0 models: random" in lines
    code, out, err = _call(site, "run", "popular", "--dataset", tiny, "--in-process")
    assert code == 0
    assert "NDCG@10" in out
    code, _, err = _call(site, "run", "bad-segv", "--dataset", tiny, "--in-process")
    assert code == 1
    assert "plugin bad_segv is broken: importing it ended the process with SIGSEGV" in err


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [("exit", 1, "exit code 0"), ("segfault", 128 + signal.SIGSEGV, "SIGSEGV")],
)
@pytest.mark.parametrize(
    ("where", "args", "named"),
    [
        ("dataset", ["--dataset", "my-data"], "dataset my-data (plugin ends)"),
        ("splitter", ["--split", "my-split"], "splitter my-split (plugin ends)"),
        ("metric", [], "metric my-metric (plugin ends)"),
        ("table", ["--format", "my-table"], "table my-table (plugin ends)"),
        ("listener", [], "recbench_run_finished (plugin ends)"),
    ],
)
def test_a_plugin_that_ends_the_command_is_named(
    tmp_path: Path, tiny: str, how: str, code: int, words: str, where: str, args: Any, named: str
) -> None:
    site = install(tmp_path / "site", ends=ENDS)
    data = () if where == "dataset" else ("--dataset", tiny)
    made = _call(
        *(site, "run", "popular", "--in-process", *data, *args), env={"WHERE": where, "HOW": how}
    )
    assert made[:2] == (code, "")
    *_, last = made[2].splitlines()
    assert last == f"Error: {named} ended the command with {words}. Repair or uninstall its plugin"


def test_the_exit_code_is_that_of_the_command_however_its_process_ends(tmp_path: Path) -> None:
    late = "import atexit, os\natexit.register(os._exit, 0)\n"
    site = install(tmp_path / "site", late=late)
    code, out, err = _call(site, "models", "zzz")
    assert (code, out) == (2, "")
    assert "no model 'zzz'" in err
    code, out, _ = _call(site, "models", "popular")
    assert code == 0
    assert out.startswith("model popular")


def test_a_killed_command_is_reported_without_a_plugin_if_none_was_running(
    tmp_path: Path, tiny: str
) -> None:
    site = install(tmp_path / "site", slow=SLOW)
    running = _start(site, "run", "slow", "--dataset", tiny)
    _process_in("fitting")
    (command,) = psutil.Process(running.pid).children()
    command.kill()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGKILL
    assert err.endswith("Error: the command ended with SIGKILL before it had finished\n")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGHUP, -signal.SIGHUP),
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGINT, 130),
    ],
)
def test_a_signal_to_the_supervisor_ends_the_command_and_its_models(
    tmp_path: Path, tiny: str, number: signal.Signals, code: int
) -> None:
    site = install(tmp_path / "site", slow=SLOW)
    running = _start(site, "run", "slow", "--dataset", tiny)
    model = _process_in("fitting")
    started = psutil.Process(running.pid).children(recursive=True)
    assert model in started
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == code
    assert "Error" not in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not alive


def test_ctrl_c_in_a_listener_says_what_it_interrupted(tmp_path: Path, tiny: str) -> None:
    site = install(tmp_path / "site", slow=SLOW)
    args = ("run", "popular", "--dataset", tiny, "--in-process")
    running = _start(site, *args, start_new_session=True)
    _process_in("listening")
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.endswith(
        "Interrupted in recbench_run_finished (plugin slow). Finished results are stored; run the "
        "same command to continue.\n"
    )


def test_an_interruption_that_comes_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    interrupt = supervisor.interrupt_once()
    with pytest.raises(KeyboardInterrupt):
        interrupt(2, None)
    now += 0.9
    interrupt(2, None)
    now += 0.9
    with pytest.raises(KeyboardInterrupt):
        interrupt(2, None)


def test_a_command_can_be_stopped_and_continued(tmp_path: Path, tiny: str) -> None:
    site = install(tmp_path / "site", slow=SLOW)
    running = _start(site, "run", "popular", "--dataset", tiny, "--in-process", process_group=0)
    command = _process_in("listening")
    both = [psutil.Process(running.pid), command]
    assert command.parent() == both[0]
    os.killpg(running.pid, signal.SIGTSTP)
    _until(lambda: all(process.status() == psutil.STATUS_STOPPED for process in both))
    os.killpg(running.pid, signal.SIGCONT)
    _until(lambda: all(process.status() == psutil.STATUS_SLEEPING for process in both))
    running.terminate()
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGTERM


def test_a_command_that_was_started_to_ignore_the_end_of_its_children_runs_models(
    tmp_path: Path, tiny: str
) -> None:
    command = f"trap '' CHLD; exec '{sys.executable}' -m recbench run popular --dataset '{tiny}'"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stdout


def test_other_systems_than_linux_do_not_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(supervisor, "fork", lambda: pytest.fail("it forks"))
    supervisor.supervise()
