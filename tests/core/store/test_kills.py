"""Real runs that are killed, run simultaneously or fill the disk: finished results stay."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from recbench import Store

resource = pytest.importorskip("resource", reason="needs POSIX signals and limits")

MODELS = ("popular", "random:seed=1", "random:seed=2", "random:seed=3", "random:seed=4")
DATASET = ("--dataset", "synthetic:users=200,items=200,interactions=4000")
KILLS = 12
TOKEN = "RECBENCH_TEST_CRASH"
SEED = "RECBENCH_TEST_SEED"

KILLER = f"""
import os, signal, sys

def deadly(real, calls=[int(os.environ.get("{TOKEN}_AT", 0)) if "run" in sys.orig_argv else 0]):
    def call(*args, **more):
        calls[0] -= 1
        if not calls[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    return call

for name in ("fsync", "replace", "unlink"):
    setattr(os, name, deadly(getattr(os, name)))
"""
"""The sitecustomize module: kill the process before the nth call that changes the disk for good."""

Values = dict[tuple[str, str], Any]


def _command(*args: str) -> list[str]:
    return [sys.executable, "-m", "recbench", *args]


def _start(folder: Path, *args: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _command("run", *args, *DATASET, "--results", str(folder)),
        env={**os.environ, TOKEN: str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _run(folder: Path, *args: str) -> None:
    running = _start(folder, *args)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err


def _table(folder: Path) -> str:
    done = subprocess.run(
        _command("table", "--format", "csv", "--results", str(folder)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stderr
    costs = ["fit_seconds", "score_seconds", "peak_memory", "parameters"]  # differ by run
    return pd.read_csv(io.StringIO(done.stdout)).drop(columns=costs).to_csv(index=False)


def _shown(folder: Path) -> Values:
    """Return all numbers of the table."""
    cells = Store(folder).all()
    assert all(cell.ok for cell in cells)
    return {(cell.key, key): repr(value) for cell in cells for key, value in cell.values.items()}


def _left_running(folder: Path) -> list[str]:
    """Return the processes that were started by runs with this results folder."""
    mark, found = f"{TOKEN}={folder}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def _assert_nothing_is_left_running(folder: Path) -> None:
    for _ in range(60):
        if not _left_running(folder):
            return
        time.sleep(0.05)
    raise AssertionError(_left_running(folder))


class Undisturbed(NamedTuple):
    """An undisturbed run: its numbers, its table, and how long it took."""

    values: Values
    table: str
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    _run(folder, *MODELS, "--k", "1,3,5,10")
    seconds = time.monotonic() - began
    return Undisturbed(_shown(folder), _table(folder), seconds)


@pytest.fixture(autouse=True)
def _no_damage_is_reported(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert "left out" not in caplog.text


@pytest.fixture
def draw() -> random.Random:
    """Return the generator of kill times, with a new seed or the seed in the environment."""
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(10**6))
    print(f"the times are drawn from {SEED}={seed}")  # shown if the test fails
    return random.Random(seed)


def test_a_run_killed_at_any_moment_is_completed_by_the_next(
    tmp_path: Path, undisturbed: Undisturbed, draw: random.Random
) -> None:
    folder = tmp_path / "results"
    whole: Values = {}
    for kill in range(KILLS):
        again = ["--force"] if kill % 3 == 2 else []
        running = _start(folder, *MODELS, "--k", "1,3,5,10", *again)
        seconds = draw.uniform(0, undisturbed.seconds)
        print(f"kill {kill} after {seconds:.3f} s")
        time.sleep(seconds)
        if kill % 2:
            os.killpg(running.pid, signal.SIGKILL)
        else:  # its other processes must notice this and exit, which tests the isolation
            running.kill()
        running.communicate(timeout=60)
        _assert_nothing_is_left_running(folder)
        shown = _shown(folder)
        assert shown.items() <= undisturbed.values.items()
        assert whole.keys() <= shown.keys()
        whole = shown
    _run(folder, *MODELS, "--k", "1,3,5,10")
    assert _table(folder) == undisturbed.table


def test_a_run_killed_between_two_writes_shows_the_old_or_the_new_result(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    folder, site = tmp_path / "results", tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(KILLER)
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    _run(folder, "popular", "--k", "1,3")
    whole = _shown(folder)
    for call in range(1, 20):
        ks = "5,10" if call % 2 else "1,3,5"  # the columns differ each time, and are replaced
        arguments = ("popular", "--k", ks, "--force")
        running = _start(folder, *arguments, PYTHONPATH=path, **{f"{TOKEN}_AT": str(call)})
        running.communicate(timeout=60)
        shown = _shown(folder)
        assert shown.items() <= undisturbed.values.items()
        assert whole.keys() <= shown.keys()
        whole = shown
        if running.returncode == 0:
            break
        assert running.returncode == 128 + signal.SIGKILL
    assert call > 6
    assert len(list(folder.rglob("popular*.parquet"))) > 1  # killed runs could not remove theirs
    for left in folder.rglob("*"):
        os.utime(left, (0, 0))
    _run(folder, *MODELS, "--k", "1,3,5,10")
    assert len(list(folder.rglob("popular*.parquet"))) == 1
    assert not list(folder.rglob(".writing-*"))
    assert _table(folder) == undisturbed.table


def test_four_simultaneous_runs_with_different_ks_equal_one_run_with_all(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    folder = tmp_path / "results"
    for runs in [_start(folder, *MODELS, "--k", k) for k in ("1", "3", "5", "10")]:
        _, err = runs.communicate(timeout=60)
        assert runs.returncode == 0, err
        assert "left out" not in err
        assert "computed again" not in err
    assert _table(folder) == undisturbed.table


@pytest.mark.parametrize("where", [[], ["--in-process"]])
def test_a_run_on_a_full_disk_reports_it_and_the_next_completes_it(
    tmp_path: Path, undisturbed: Undisturbed, where: list[str]
) -> None:
    folder = tmp_path / "results"
    _run(folder, "popular", "--k", "1,3,5,10")
    before = _shown(folder)
    done = subprocess.run(
        _command("run", *MODELS, *DATASET, "--results", str(folder), *where, "--force"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, 1)
    assert done.stderr.count("File too large") >= len(MODELS)
    assert "not meant to happen" not in done.stderr
    stored = [cell for cell in Store(folder).all() if cell.ok]
    assert {(cell.key, key) for cell in stored for key in cell.values} == before.keys()
    assert not list(folder.rglob(".writing-*"))
    _run(folder, *MODELS, "--k", "1,3,5,10")
    assert _shown(folder) == undisturbed.values
