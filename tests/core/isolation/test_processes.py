"""Processes: descendants, command lines, memory, and how they are killed."""

import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from recbench.isolation.processes import (
    adopt_orphans,
    descendants,
    fork,
    kill_descendants,
    memory_used,
)
from recbench.isolation.runner import AVAILABLE

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")

MB = 2**20


@pytest.fixture
def child() -> Iterator[Callable[[str], int]]:
    """Return a function that starts a process and waits until it has run some Python code."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> int:
        text = f"import mmap, os, subprocess, sys, time\n{code}\nprint('done', flush=True)\n"
        text += "time.sleep(1000)"
        running = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
        started.append(running)
        assert running.stdout is not None
        assert running.stdout.readline() == "done\n"
        return running.pid

    yield start
    for running in started:
        for pid in [*descendants(running.pid), running.pid]:
            os.kill(pid, signal.SIGKILL)
        running.communicate()


def test_descendants_include_grandchildren(child: Any) -> None:
    pid = child("for _ in range(2):\n  if os.fork() == 0: os.fork(); time.sleep(1000)")
    until = time.monotonic() + 30
    while len(found := descendants(pid)) < 4:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert set(found) == {process.pid for process in psutil.Process(pid).children(recursive=True)}


def test_memory_includes_private_and_shared_memory_but_no_files(child: Any) -> None:
    limit = 2**60
    bare = memory_used([child("")], limit)
    own = memory_used([child(f"kept = b'1' * {64 * MB}")], limit)
    shared = memory_used(
        [child(f"kept = mmap.mmap(-1, {64 * MB})\nkept.write(b'1' * {64 * MB})")], limit
    )
    assert own - bare == pytest.approx(64 * MB, rel=0.2)
    assert shared - bare == pytest.approx(64 * MB, rel=0.2)
    path = os.path.abspath("file")
    with open(path, "wb") as file:
        file.truncate(64 * MB)
    mapped = f"mmap.mmap(os.open({path!r}, os.O_RDONLY), 0, prot=mmap.PROT_READ)"
    assert memory_used([child(f"kept = {mapped}\nsum(kept[::4096])")], limit) - bare < 16 * MB


def test_shared_memory_counts_once_if_the_limit_would_be_exceeded(child: Any) -> None:
    pid = child(f"kept = b'1' * {64 * MB}\nfor _ in range(3): os.fork() or time.sleep(1000)")
    pids = [pid, *descendants(pid)]
    assert len(pids) == 4
    assert memory_used(pids, 2**60) > 4 * 60 * MB
    assert memory_used(pids, 100 * MB) < 110 * MB
    assert memory_used([2**22 + 1], 0) == 0


def _in_a_fork(do: Callable[[], Any]) -> Any:
    """Call a function in a fork of this process, and return its result."""
    reading, writing = os.pipe()
    pid = fork()
    if pid == 0:
        try:
            adopt_orphans()
            os.write(writing, repr(do()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        text = answer.read().decode()
    os.waitpid(pid, 0)
    return eval(text)


def test_remaining_processes_are_killed_and_named() -> None:
    def leave() -> Any:
        for _ in range(4):
            subprocess.Popen(["sleep", "1000"])
        return kill_descendants(patience=0), descendants(os.getpid())

    named, left = _in_a_fork(leave)
    assert left == []
    assert len(named) == 4
    assert all(name.startswith("sleep 1000 (process ") for name in named[:3])
    assert named[3] == "and 1 more"


def test_a_command_line_of_arbitrary_bytes_is_named() -> None:
    def leave() -> Any:
        subprocess.Popen([b"\xff\xfe", "1000"], executable="sleep")
        return kill_descendants(patience=0), descendants(os.getpid())

    (name,), left = _in_a_fork(leave)
    assert left == []
    assert name.startswith("\ufffd\ufffd 1000 (process ")


def test_processes_that_end_in_time_are_not_named() -> None:
    def leave() -> Any:
        subprocess.Popen(["sleep", "0.1"])
        return kill_descendants(patience=10**6)  # it returns as soon as they have ended

    assert _in_a_fork(leave) == []


def test_a_process_that_hides_its_name_is_killed_as_well() -> None:
    """A process that unmaps the pages of its arguments has an empty command line."""

    def leave() -> Any:
        child = os.fork()
        if child == 0:
            with open("/proc/self/stat", encoding="ascii") as file:
                start = int(file.read().rpartition(")")[2].split()[45])  # arg_start
            _unmap(start & ~(mmap.PAGESIZE - 1))
            time.sleep(1000)
        while Path(f"/proc/{child}/cmdline").read_bytes():  # until it is hidden
            time.sleep(0.01)
        return kill_descendants(patience=0), descendants(os.getpid())

    named, left = _in_a_fork(leave)
    assert left == []
    assert len(named) == 1


def _unmap(address: int) -> None:
    import ctypes

    ctypes.CDLL(None).munmap(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE))
