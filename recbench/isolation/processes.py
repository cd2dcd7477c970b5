"""Steps 3 and 4: what Linux knows of processes, and how to be rid of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

_DEATH_SIGNAL, _SUBREAPER = 1, 36  # prctl(2)

MAX_NAMED = 3
"""How many of the things that were left behind are named."""


def fork() -> int:
    """os.fork, without the warning that threads are not copied: what follows needs none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def adopt_orphans() -> None:
    """Make what is left of any child's children a child of this process."""
    _prctl(_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process as soon as the one that forked it is gone."""
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def blank_files(but: int) -> None:
    """Turn every open file of this process into /dev/null, but for `but` and the first three.

    Their numbers stay taken, so whoever still believes to own one can close it without harm.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in (but, nothing):
            with contextlib.suppress(OSError):  # the one that listed them
                os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)


def descendants(root: int) -> list[int]:
    """Every process below this one.

    From /proc and not by psutil, which looks through all processes of the machine for it: too long
    for what is asked for every 50 ms.
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
    """Kill every process below this one, and name those that did not end by themselves in time.

    patience: seconds. Gives up after some seconds more, on what the kernel cannot kill.
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
    """What a process is called, or "" where it has ended already."""
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
    text = os.fsencode(text).decode(errors="replace")  # it may be called by any bytes
    return text.strip()[:60] or "a process"


def memory_used(pids: Sequence[int], limit: int) -> int:
    """Bytes that processes have for themselves; those they share count once if it matters.

    What they share, also with what they were forked from, is only found out, which takes long,
    where they would be above the limit.
    From /proc and not by psutil, which cannot tell memory that is shared from files' pages.
    """
    most = sum(_bytes(pid, "status", "RssAnon:", "RssShmem:") for pid in pids)
    if most <= limit:
        return most
    return sum(_bytes(pid, "smaps_rollup", "Pss_Anon:", "Pss_Shmem:") for pid in pids) or most


def _bytes(pid: int, file: str, *fields: str) -> int:
    """The sum of some fields, in bytes, of a process's file in /proc; 0 where it has ended."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/{file}").read_text(errors="replace").splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(fields))
    return 0


def free_memory() -> int:
    """Bytes of memory that are free on this machine."""
    import psutil

    return int(psutil.virtual_memory().available)
