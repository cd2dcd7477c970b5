"""Run a function on a worker, but not once more if another worker has begun it and is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distributed import Event

import recbench


def call_once(token: str, call: Callable[[], Any]) -> Any:
    """Return what a function returns. Raises RecbenchError if a worker has begun this call before.

    Dask runs what a lost worker was running on other workers, several times. Whoever submits the
    call should learn that it was lost, and decide.

    token: identifies the call among all those of the cluster.
    """
    begun = Event(f"recbench-{token}")
    try:
        if begun.is_set():
            raise recbench.RecbenchError("the worker that was running it has ended")
        begun.set()
        return call()
    finally:
        begun.clear()
