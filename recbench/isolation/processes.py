"""Steps 3 and 4, fit and score: fork, measure and kill processes on Linux."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_DEATH_SIGNAL, _GET_DUMPABLE, _DUMPABLE, _SUBREAPER = 1, 3, 4, 36  # prctl(2)

MAX_NAMED = 3
"""How many of the threads or processes that were left running are named."""


def fork() -> int:
    """os.fork without the warning that threads are not copied; the child does not need them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


class _Memory:
    """Whether processes of the same user may read this one's memory and descriptors.

    An administrator always can.
    """

    def __init__(self) -> None:
        self._lock, self._n_hiding, self._was_hidden = threading.Lock(), 0, False

    def hide(self) -> None:
        """Hide it until `show` has been called as often, in whatever order."""
        with self._lock:
            if self._n_hiding == 0:
                self._was_hidden = _prctl(_GET_DUMPABLE, 0) == 0
                _prctl(_DUMPABLE, 0)
            self._n_hiding += 1

    def show(self) -> None:
        """Show it again, unless it was hidden before or somebody else hides it."""
        with self._lock:
            self._n_hiding -= 1
            if self._n_hiding == 0 and not self._was_hidden:
                _prctl(_DUMPABLE, 1)


MEMORY = _Memory()
"""That of this process."""


def _prctl(option: int, value: int) -> int:
    """Call prctl(2). Returns -1 if it fails."""
    with contextlib.suppress(OSError, AttributeError):
        return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0))
    return -1


def limits() -> list[Any]:
    """Return the limits, priority and cores of this process, which a model could change."""
    import resource

    names = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
    own = [resource.getrlimit(getattr(resource, name)) for name in names]
    return [own, os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)]


def hold_standard_files() -> None:
    """Open /dev/null in place of a closed stdin, stdout or stderr, so that no other file is."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def blank_files(but: int) -> None:
    """Redirect every open file of this process to /dev/null, except `but`, 0, 1 and 2.

    The descriptors stay in use, so objects that still own one can close it without harm.
    """
    devnull = os.open(os.devnull, os.O_RDWR)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in (but, devnull):
            with contextlib.suppress(OSError):  # the descriptor that listdir used
                os.dup2(devnull, fd, inheritable=False)
    os.close(devnull)


def descendants(root: int) -> list[int]:
    """Return the ids of all descendants of a process.

    Read from /proc: psutil would look through all processes of the machine, which is too slow for
    a check every 50 ms.
    """
    found: list[int] = []
    parents = [root]
    while parents:
        parent = parents.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                text = Path(f"/proc/{parent}/task/{task}/children").read_text(encoding="ascii")
                children = [int(pid) for pid in text.split()]
                parents += children
                found += children
    return found


def kill_descendants(patience: float) -> list[str]:
    """Kill all descendants of this process, and name those that had to be killed.

    patience: seconds that they get to end by themselves. Five seconds later this gives up on
    processes that the kernel cannot kill.
    """
    killed: dict[int, str] = {}
    patient_until = time.monotonic() + patience
    while time.monotonic() < patient_until + 5:
        for pid in descendants(os.getpid()):
            command = _command(pid)
            if command and time.monotonic() > patient_until:
                killed.setdefault(pid, command)
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            break
        time.sleep(0.005)
    names = [f"{command} (process {pid})" for pid, command in killed.items()]
    more = [f"and {len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else []
    return names[:MAX_NAMED] + more


def _command(pid: int) -> str:
    """Return the command line of a process, or "" if it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        text = " ".join(process.cmdline())
    except psutil.AccessDenied:
        text = ""
    except psutil.Error:
        return ""
    text = os.fsencode(text).decode(errors="replace")  # it may hold any bytes
    return text.strip()[:60] or "unnamed"


def memory_used(pids: Sequence[int], limit: int) -> int:
    """Return the bytes of memory that processes use, without the pages of mapped files.

    The fast sum counts shared memory once per process. Only if that exceeds the limit is each
    shared page counted in part (its proportional set size), which is slow.
    Read from /proc: psutil does not separate shared memory from the pages of files.
    """
    most = sum(_bytes(pid, "status", "RssAnon:", "RssShmem:") for pid in pids)
    if most <= limit:
        return most
    return sum(_bytes(pid, "smaps_rollup", "Pss_Anon:", "Pss_Shmem:") for pid in pids) or most


def _bytes(pid: int, file: str, *fields: str) -> int:
    """Return the sum of some fields of a file in /proc/PID, in bytes; 0 if the process ended."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/{file}").read_text(errors="replace").splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(fields))
    return 0
