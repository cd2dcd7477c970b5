"""Start Dask's worker processes, and end them when the process that asked for them has ended.

This file runs as a script, so that the workers import neither it nor the user's own script.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kill processes in this order, and wait until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + 10
    while any(_is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; what is left of it may stay until its parent looks."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _end_with_parent() -> None:
    """Kill the workers when stdin ends, which the parent keeps open as long as it lives.

    Their folder, which the parent can no longer remove, is removed too. Dask may start a worker
    again in the meantime, so this looks once more until nothing is left.
    """
    os.read(sys.stdin.fileno(), 1)
    folder = Path(sys.argv[sys.argv.index("--local-directory") + 1])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        workers = psutil.Process().children(recursive=True)
        if not folder.exists() and not any(_is_alive(worker) for worker in workers):
            break
        kill(workers)
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    from distributed.cli.dask_worker import main

    ending = threading.Thread(target=_end_with_parent, daemon=True)
    ending.start()
    try:
        main()
    finally:  # without its scheduler, Dask ends too: before the folder is removed
        if select.select([sys.stdin], [], [], 1)[0]:
            ending.join()
