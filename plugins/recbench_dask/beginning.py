"""Run a function on a worker, unless another worker that was lost has begun it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distributed import Event

import recbench


def call_once(token: str, call: Callable[[], Any]) -> Any:
    """Return what a function returns. Raises RecbenchError if a worker has begun this call before.

    If a worker is lost, Dask itself runs its calls again on other workers, several times. With
    this, whoever has submitted a call hears of the loss instead, and decides.

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
