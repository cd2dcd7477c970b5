"""A cluster of Dask that tests join."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process and those of a cluster import the functions of made_work."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def start(functions: None, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Return a function that starts a command of Dask with these arguments."""
    started = []

    def command(*arguments: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments], stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield command
    for process in started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


@pytest.fixture
def scheduler(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> tuple[subprocess.Popen[bytes], str]:
    """Return a scheduler that runs, and its address."""
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    process = start("scheduler", *options, "--dashboard-address", "127.0.0.1:0")
    log = tmp_path / "log.txt"
    while "Scheduler at:" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    line = next(line for line in log.read_text().splitlines() if "Scheduler at:" in line)
    return process, line.split()[-1]


@pytest.fixture
def add_worker(
    start: Callable[..., subprocess.Popen[bytes]], scheduler: tuple[subprocess.Popen[bytes], str]
) -> Callable[..., subprocess.Popen[bytes]]:
    """Return a function that starts a worker with these options."""

    def worker(*options: str) -> subprocess.Popen[bytes]:
        fixed = ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
        return start("worker", scheduler[1], *fixed, *options)

    return worker
