"""Steps 3 and 4: what Linux knows of processes, and how to be rid of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

_DEATH_SIGNAL, _SUBREAPER = 1, 36  # prctl(2)


SHOWN = 3
"""How many of the processes that were left behind are named."""


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
    """Turn every open file of this process into /dev/null, but for one and the first three.

    Their numbers stay taken, so whoever still believes to own one can close it without harm.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd not in (but, nothing):
            with contextlib.suppress(OSError):  # the one that listed them
                os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)


def descendants(of: int) -> list[int]:
    """Every process below this one."""
    found: list[int] = []
    todo = [of]
    while todo:
        parent = todo.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                text = Path(f"/proc/{parent}/task/{task}/children").read_text(encoding="ascii")
                todo += map(int, text.split())
                found += map(int, text.split())
    return found


def sweep(patience: float) -> list[str]:
    """Kill every process below this one, and name those that did not end by themselves in time.

    patience: seconds. Gives up after some seconds more, on what the kernel cannot kill.
    """
    left: dict[int, str] = {}
    patient_until = time.monotonic() + patience
    while time.monotonic() < patient_until + 5:
        for pid in descendants(os.getpid()):
            command = _command(pid)
            if command and time.monotonic() > patient_until:
                left.setdefault(pid, command)
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            break
        time.sleep(0.005)
    names = [f"{command} (process {pid})" for pid, command in left.items()]
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return names[:SHOWN] + more


def _command(pid: int) -> str:
    """What a process is called, or "" where it has ended already."""
    with contextlib.suppress(OSError, IndexError):
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        if state not in "ZX":
            text = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            return text.decode(errors="replace").strip()[:60] or "a process"
    return ""


def memory(pids: Iterable[int], bound: int) -> int:
    """Bytes that processes have for themselves; those they share count once if it matters.

    What they share is only found out, which takes long, where they would be above the bound.
    """
    pids = list(pids)
    most = sum(_field(pid, "status", "RssAnon:", "RssShmem:") for pid in pids)
    if most <= bound or len(pids) < 2:
        return most
    return sum(_field(pid, "smaps_rollup", "Pss_Anon:", "Pss_Shmem:") for pid in pids) or most


def _field(pid: int, file: str, *names: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/{file}").read_text(errors="replace").splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
    return 0


def free_memory() -> int:
    """Bytes of memory that are free on this machine."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 2**62
