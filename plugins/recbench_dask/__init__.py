"""The executor `dask`: models on the processes of this machine, or on a cluster, by Dask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from importlib.util import find_spec
from urllib.parse import urlsplit

import recbench

__all__ = ["dask"]


@recbench.hookimpl
def recbench_executors() -> Mapping[str, Callable[..., Executor]]:
    return {"dask": dask}


def dask(
    workers: int | None = None, address: str | None = None, timeout: float | None = None
) -> Executor:
    """Run models with Dask, in processes here or on a cluster that is running.

    Parameters
    ----------
    workers : int, default: number of cores
        Number of processes that are started on this machine. Each runs one model at a time, with
        its share of the cores.
    address : str, default: no cluster
        Scheduler of a cluster, such as "tcp://host:8786", in place of processes on this machine.
    timeout : float or none, default: None
        Seconds to wait for the scheduler to answer, by default 10, or for the first process to be
        ready, by default 60.

    Returns
    -------
    concurrent.futures.Executor
        Runs functions on the workers. Its `shutdown` ends all that was started.

    Raises
    ------
    recbench.UsageError
        If an option has a wrong value.
    recbench.RecbenchError
        If Dask is not installed, the scheduler does not answer, or no process starts.

    Notes
    -----
    To install Dask: `pip install "recbench-toolkit[dask]"`. The workers of a cluster need the same
    versions of recbench and its plugins. If a process on this machine dies, Dask starts a new
    one.

    References
    ----------
    Rocklin, "Dask: parallel computation with blocked algorithms and task scheduling", SciPy 2015.
    """
    if workers is not None and address is not None:
        raise recbench.UsageError(
            f"dask: workers={workers} starts processes here, and address={address} joins a "
            "cluster that has its own; leave out one of the two"
        )
    recbench.check_options(
        "dask",
        ("workers", workers, workers is None or workers >= 1, "1 or more"),
        ("timeout", timeout, timeout is None or 0 < timeout < float("inf"), "above 0"),
        ("address", address, address is None or _has_port(address), "like tcp://host:8786"),
    )
    if find_spec("distributed") is None:
        raise recbench.RecbenchError(
            "dask needs the library dask.distributed, which is not installed; run "
            'pip install "recbench-toolkit[dask]"'
        )
    from .cluster import join_cluster, start_cluster

    if address is not None:
        return join_cluster(address if "://" in address else f"tcp://{address}", timeout or 10)
    return start_cluster(workers or recbench.usable_cores(), timeout or 60)


def _has_port(address: str) -> bool:
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        return bool(parts.hostname and parts.port)
    except ValueError:
        return False
