"""Jobs, threads: the share of the cores of each of several processes side by side."""

from __future__ import annotations

import os

VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""The environment variables by which numerical libraries know how many threads they may use."""


def n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(n_jobs: int) -> int:
    """Return how many threads each of several processes gets: 1 or more."""
    return max(1, n_cores() // n_jobs)


def limit_threads(n_jobs: int) -> None:
    """Limit this process, and those that it starts, to its share of the cores.

    A limit that the user has set in the environment stays if it is lower.
    """
    from threadpoolctl import threadpool_limits

    threads = share(n_jobs)
    for variable in VARIABLES:
        text = os.environ.get(variable, "")
        if not text.isdecimal() or int(text) > threads:
            os.environ[variable] = str(threads)
    threadpool_limits(threads)  # of libraries that are loaded already
