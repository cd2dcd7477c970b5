"""Functions that tests run on the workers of executors."""

import contextlib
import os
import time
from pathlib import Path

import psutil


def environment(*names: str) -> list[str | None]:
    return [os.environ.get(name) for name in names]


def fail(text: str) -> None:
    raise ValueError(text)


def die(*, of: str) -> None:
    """End this process, or the one that started it, with a signal."""
    os.kill({"job": os.getpid(), "parent": os.getppid()}[of], 9)
    time.sleep(600)


def last_long(marker: Path) -> None:
    marker.write_text(str(os.getpid()))
    time.sleep(600)


def wait_for(marker: Path) -> int:
    """Return the id of the process that wrote it."""
    deadline = time.monotonic() + 120
    while not (marker.is_file() and marker.read_text()):
        assert time.monotonic() < deadline, f"{marker} was not written"
        time.sleep(0.02)
    return int(marker.read_text())


def is_gone(folder: Path, pattern: str) -> bool:
    """Return whether the files of a folder with such names are removed soon."""
    deadline = time.monotonic() + 60
    while list(folder.glob(pattern)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def ends(process: psutil.Process) -> bool:
    """Return whether a process ends soon. It may be left as a zombie."""
    deadline = time.monotonic() + 60
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    return True
