"""An executor on a client of Dask, which ends all that was started for it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import recbench

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
    """

    def __init__(self, client: Any, end: Callable[[], None]) -> None:
        self._client, self._end = client, end
        self._address = client.scheduler.address
        self._inner = client.get_executor(pure=False)
        self._futures: set[Future[Any]] = set()
        self._is_open = True

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
        if not self._is_open:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        try:
            inner = self._inner.submit(functools.partial(fn, *args, **kwargs))
            if self._client.status not in ("running", "connecting"):  # it ends no more futures
                raise ConnectionError(self._client.status)  # noqa: TRY301
        except Exception as error:
            future.set_exception(self._lost(error))
            return future
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
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
        if not self._is_open:
            return
        self._is_open = False
        if wait and not cancel_futures:
            concurrent.futures.wait(self._futures.copy())
        is_joined = self._client.cluster is None and self._client.status == "running"
        with stopping(self._client) if is_joined else contextlib.nullcontext():
            for future in self._futures.copy():
                future.cancel()
        self._end()

    def _settle(self, future: Future[Any], inner: Future[Any]) -> None:
        """Pass on what a future of Dask ended with."""
        if not future.set_running_or_notify_cancel():
            return
        error = self._lost() if inner.cancelled() else inner.exception()
        if error is None:
            future.set_result(inner.result())
        else:
            future.set_exception(error)

    def _lost(self, cause: Exception | None = None) -> recbench.RecbenchError:
        error = recbench.RecbenchError(
            f"dask: the connection to the scheduler at {self._address} is lost; start the "
            "scheduler again if it has ended"
        )
        error.__cause__ = cause
        return error
