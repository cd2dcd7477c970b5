"""Jobs, threads: the share of the cores of each of several processes side by side."""

from __future__ import annotations

import os

from recbench.isolation.memory import JOBS

VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""The environment variables by which numerical libraries know how many threads they may use."""


def usable_cores() -> int:
    """Return how many cores this process may use.

    Returns
    -------
    int
        1 or more. On Linux, cores that the process is not allowed to use do not count.

    Examples
    --------
    >>> import recbench
    >>> recbench.usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def job_environment(jobs: int = 1, threads: int | None = None) -> dict[str, str]:
    """Return the environment variables that give a process its share of this machine.

    An executor starts its workers with them, so that models that run side by side do not slow each
    other: numerical libraries start no more threads than that, and recbench lets each model use its
    share of the free memory.

    Parameters
    ----------
    jobs : int, default: 1
        How many models run side by side on the machine.
    threads : int or None, default: None
        How many threads each may use. None shares the cores equally, and keeps a lower limit that
        the environment of this process has.

    Returns
    -------
    dict of str to str
        Name -> value, such as OMP_NUM_THREADS, and RECBENCH_JOBS.

    Examples
    --------
    >>> import recbench
    >>> environment = recbench.job_environment(jobs=2, threads=1)
    >>> environment["OMP_NUM_THREADS"], environment["RECBENCH_JOBS"]
    ('1', '2')
    """
    share = max(1, usable_cores() // jobs)
    limits = {variable: threads or min(share, _limit(variable) or share) for variable in VARIABLES}
    return {**{variable: str(limit) for variable, limit in limits.items()}, JOBS: str(jobs)}


def _limit(variable: str) -> int:
    """Return the number in an environment variable; 0 if there is none."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0


def limit_threads(jobs: int) -> None:
    """Limit this process, and those that it starts, to its share of the machine."""
    from threadpoolctl import threadpool_limits

    os.environ.update(job_environment(jobs))
    threadpool_limits(int(os.environ[VARIABLES[0]]))  # of libraries that are loaded already
