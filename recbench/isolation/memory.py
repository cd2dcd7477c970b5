"""Steps 3 and 4, fit and score: how much memory a process may still use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from recbench.isolation.processes import descendants, memory_used

JOBS = "RECBENCH_JOBS"
"""The environment variable that says how many models run side by side on this machine."""

LIMIT = "RECBENCH_MEMORY_LIMIT"
"""The environment variable that tells a model's process its limit, in bytes."""

GROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows the limits of groups of processes, such as containers."""

OWN_GROUP = Path("/proc/self/cgroup")
"""The groups of this process, a line each."""


def free_memory() -> int:
    """Return how much memory this process may still use, in bytes.

    This is what the machine has available, or less: what is left of the limit of the model's
    process (`--memory`), of the container or other group of processes (version 2 of Linux' cgroups)
    and of the size of the process (`ulimit -v`). A model that needs much memory can refuse at once
    what would not fit, and say what it needs.

    Returns
    -------
    int
        Number of bytes, 0 or more.

    Examples
    --------
    >>> import recbench
    >>> recbench.free_memory() > 1_000_000  # a megabyte
    True
    """
    import psutil

    left = [int(psutil.virtual_memory().available), *_left_in_groups()]
    if LIMIT in os.environ:
        pid = os.getpid()
        left.append(int(os.environ[LIMIT]) - memory_used([pid, *descendants(pid)], 0))
    with contextlib.suppress(ImportError, AttributeError):  # on Windows
        import resource

        size, _ = resource.getrlimit(resource.RLIMIT_AS)
        if size != resource.RLIM_INFINITY:
            left.append(size - psutil.Process().memory_info().vms)
    return max(0, min(left))


def jobs() -> int:
    """Return how many models run side by side on this machine: 1 unless RECBENCH_JOBS says more."""
    text = os.environ.get(JOBS, "")
    return max(1, int(text)) if text.isdecimal() else 1


def _left_in_groups() -> Iterator[int]:
    """Yield what is left of the limits of this process's group and the groups around it."""
    with contextlib.suppress(OSError, ValueError):
        lines = OWN_GROUP.read_text(encoding="utf-8").splitlines()
        names = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
        for name in names:
            own = GROUPS / name
            for group in (own, *own.parents[: len(Path(name).parts)]):
                with contextlib.suppress(OSError, ValueError):  # no limit, or not readable
                    limit = int((group / "memory.max").read_text(encoding="ascii"))
                    used = int((group / "memory.current").read_text(encoding="ascii"))
                    numbers = (group / "memory.stat").read_text(encoding="ascii").split()
                    files = dict(zip(numbers[::2], numbers[1::2], strict=True))["inactive_file"]
                    yield limit - used + int(files)  # Linux drops its copies of files first
