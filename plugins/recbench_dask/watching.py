"""Watch the workers while functions wait for them."""

from __future__ import annotations

import logging
import math
import subprocess
import threading
import time
from typing import Any

from .executor import DaskExecutor

LOG = logging.getLogger("recbench")

INTERVAL = 1.0
"""Seconds between two looks at the workers of a cluster."""

PATIENCE = 5.0
"""Seconds for which a cluster may lack workers, while they start again, before a warning."""


def watch_processes(process: subprocess.Popen[bytes], executor: DaskExecutor) -> None:
    """Break an executor when the process that starts its workers has ended."""

    def wait() -> None:
        process.wait()
        executor.lose_workers()

    threading.Thread(target=wait, daemon=True).start()


def watch_cluster(client: Any, address: str, executor: DaskExecutor) -> None:
    """Tell the user when a cluster has no workers, so that models wait."""

    def has_none() -> bool:
        try:
            return not client.nthreads()
        except Exception:  # without a connection, functions fail anyway
            return False

    def watch() -> None:
        last, is_told = -math.inf, False
        while True:
            if not has_none():
                last, is_told = time.monotonic(), False
            elif not is_told and time.monotonic() - last > PATIENCE:
                LOG.warning("dask: no worker is connected to %s; models wait for one", address)
                is_told = True
            if executor.has_ended.wait(INTERVAL):
                return

    threading.Thread(target=watch, daemon=True).start()
