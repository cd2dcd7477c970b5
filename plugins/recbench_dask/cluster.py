"""Clusters of Dask: one that is started on this machine, or one that is running elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask.config
import distributed
import psutil

import recbench

from . import host
from .executor import DaskExecutor
from .watching import watch_cluster, watch_processes

UNLIMITED = 1_000_000
"""How many workers may be lost that a function was assigned to: it may only have waited there."""

SETTINGS = {
    "distributed.scheduler.allowed-failures": UNLIMITED,
    "distributed.worker.daemon": False,  # a model may use multiprocessing
    # nobody looks at these, and every process would take a part of a core for them
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "5s",
    "distributed.admin.system-monitor.interval": "10s",
}
"""Settings of Dask for the scheduler and the workers that are started here."""

MEMORY = {
    # Dask has its workers give memory back as soon as it is free, which makes large arrays slow.
    # These limits, in bytes, are the ones that glibc ends up with if it may adjust them.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
}
"""Variables of the environment of workers."""


def start_cluster(workers: int, timeout: float) -> DaskExecutor:
    """Return an executor on new processes of this machine.

    The scheduler is in this process, so it cannot outlive it. The workers are started by a script
    of their own, so that they do not run the user's script again, as multiprocessing would.
    """
    with contextlib.ExitStack() as ending:
        ending.enter_context(_quiet())
        folder = Path(
            ending.enter_context(
                tempfile.TemporaryDirectory(prefix="recbench-dask-", ignore_cleanup_errors=True)
            )
        )
        with dask.config.set({**SETTINGS, "temporary-directory": str(folder)}):
            cluster = distributed.LocalCluster(
                n_workers=0,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=False,
            )
        ending.callback(cluster.close)
        client = distributed.Client(cluster, set_as_default=False, direct_to_workers=True)
        ending.callback(client.close)
        process = _start_workers(cluster.scheduler_address, workers, folder)
        ending.callback(_end_workers, process)
        _wait_for_worker(client, process, timeout, folder)
        executor = DaskExecutor(client, ending.pop_all().close)
        watch_processes(process, executor)
        return executor


def join_cluster(address: str, timeout: float) -> DaskExecutor:
    """Return an executor on the workers of a cluster that is running."""
    with contextlib.ExitStack() as ending:
        ending.enter_context(_quiet())
        try:
            _greet(address, timeout)
            client = distributed.Client(address, timeout=timeout, set_as_default=False)
        except Exception as error:
            raise recbench.RecbenchError(
                f"dask: no scheduler answers at {address} within {timeout:g} s; start one with "
                "`dask scheduler`, or check the address"
            ) from error
        ending.callback(client.close)
        executor = DaskExecutor(client, ending.pop_all().close)
        watch_cluster(client, address, executor)
        return executor


def _greet(address: str, timeout: float) -> None:
    """Raise an exception if no scheduler answers; a client would wait for ever for its answer."""

    async def ask() -> None:
        arguments = distributed.Security().get_connection_args("client")
        async with distributed.rpc(address, timeout=timeout, connection_args=arguments) as server:
            identity = await asyncio.wait_for(server.identity(), timeout)
            if identity["type"] != "Scheduler":
                raise ValueError(identity["type"])

    with ThreadPoolExecutor(1) as thread:  # a notebook has an event loop in this thread
        thread.submit(asyncio.run, ask()).result()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log messages from the terminal; what matters becomes an exception."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _start_workers(address: str, workers: int, folder: Path) -> subprocess.Popen[bytes]:
    options = {
        "--nworkers": workers,
        "--nthreads": 1,
        "--memory-limit": 0,  # recbench limits the memory of models
        "--host": "127.0.0.1",
        "--local-directory": folder,
    }
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-P", host.__file__, address, "--no-dashboard"),
                *(str(part) for option in options.items() for part in option),
            ],
            stdin=subprocess.PIPE,  # its end tells the script to end the workers
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the main process
            env=os.environ
            | MEMORY
            | {_variable(name): str(value) for name, value in SETTINGS.items()}
            | recbench.job_environment(workers)
            | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )


def _variable(setting: str) -> str:
    """Return the variable by which Dask takes a setting."""
    return "DASK_" + setting.upper().replace(".", "__").replace("-", "_")


def _wait_for_worker(
    client: Any, process: subprocess.Popen[bytes], timeout: float, folder: Path
) -> None:
    deadline = time.monotonic() + timeout
    while not client.nthreads():
        if process.poll() is not None or time.monotonic() > deadline:
            lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
            reason = f": {lines[-1].strip()}" if lines else ""
            raise recbench.RecbenchError(f"dask: no worker is ready after {timeout:g} s{reason}")
        time.sleep(0.02)


def _end_workers(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(process.pid)
        host.kill([first, *first.children(recursive=True)])  # the first would restart the others
    process.communicate()
