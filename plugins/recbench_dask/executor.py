"""An executor on a client of Dask, which ends all that was started for it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

import recbench

from .beginning import call_once
from .running import stopping


class DaskExecutor(Executor):
    """Runs functions on the workers of a client.

    Dask's own executor leaves the client open, and cancels its futures if the scheduler is gone.
    Here they fail with a reason, so that whoever waits for them can tell the two apart.

    Parameters
    ----------
    client : distributed.Client
        A connected client.
    end : callable
        Ends the client and what was started for it. It is called once.

    Attributes
    ----------
    client : distributed.Client
        The client.
    has_ended : threading.Event
        Set as soon as it is shut down.
    """

    def __init__(self, client: Any, end: Callable[[], None]) -> None:
        self.client, self._end = client, end
        self._address = client.scheduler.address
        self._inner = client.get_executor(pure=False)
        self._inners: dict[Future[Any], Future[Any]] = {}
        self._is_broken = False
        self.has_ended = threading.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function on a worker.

        Parameters
        ----------
        fn : callable
            A function that the workers can import.
        *args, **kwargs
            Its arguments.

        Returns
        -------
        concurrent.futures.Future
            What it returns, or the exception that it or its worker ended with.
        """
        if self.has_ended.is_set():
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._is_broken:
            raise self._lost()
        future: Future[Any] = Future()
        try:
            call = functools.partial(fn, *args, **kwargs)
            inner = self._inner.submit(call_once, secrets.token_hex(8), call)
            if self.client.status not in ("running", "connecting"):  # it ends no more futures
                raise ConnectionError(self.client.status)  # noqa: TRY301
        except Exception as error:
            future.set_exception(self._lost(error))
            return future
        self._inners[future] = inner
        future.add_done_callback(self._inners.pop)
        future.add_done_callback(lambda future: future.cancelled() and inner.cancel())
        inner.add_done_callback(functools.partial(self._settle, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers that were started, and the connection.

        Parameters
        ----------
        wait : bool, default: True
            Whether to wait for what runs. Without it, everything is cancelled.
        cancel_futures : bool, default: False
            Whether to cancel everything, also what runs.
        """
        if self.has_ended.is_set():
            return
        self.has_ended.set()
        if wait and not cancel_futures:
            concurrent.futures.wait(list(self._inners))
        is_joined = self.client.cluster is None and self.client.status == "running"
        with stopping(self.client) if is_joined else contextlib.nullcontext():
            for future in list(self._inners):
                future.cancel()
        self._end()

    def lose_workers(self) -> None:
        """End what is left with a BrokenExecutor, because all workers have ended for good."""
        self._is_broken = True
        for inner in list(self._inners.values()):
            inner.cancel()

    def _settle(self, future: Future[Any], inner: Future[Any]) -> None:
        """Pass on what a future of Dask ended with."""
        if not future.set_running_or_notify_cancel():
            return
        error = self._lost() if inner.cancelled() else inner.exception()
        if error is None:
            future.set_result(inner.result())
        else:
            future.set_exception(error)

    def _lost(self, cause: Exception | None = None) -> Exception:
        if self._is_broken:
            return BrokenExecutor("dask: the processes on this machine have been ended")
        error = recbench.RecbenchError(
            f"dask: the connection to the scheduler at {self._address} is lost; start the "
            "scheduler again if it has ended"
        )
        error.__cause__ = cause
        return error
