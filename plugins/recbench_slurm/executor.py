"""An executor whose functions run as jobs of a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import recbench

from .call import Call
from .clusters import Local, Slurm

LARGEST_ARRAY = 1000
"""How many jobs are submitted together at most; SLURM accepts 1,000 unless told otherwise."""


class JobExecutor(Executor):
    """Runs each function as a job. A thread submits jobs and collects their results.

    Parameters
    ----------
    cluster : Slurm or Local
        Where jobs run.
    """

    def __init__(self, cluster: Slurm | Local) -> None:
        self._cluster = cluster
        self._waiting: list[tuple[Future[Any], Call]] = []
        self._jobs: dict[Future[Any], Any] = {}
        self._last = 0.0
        self._is_open = True
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recbench-slurm", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function as a job.

        Parameters
        ----------
        fn : callable
            A function that jobs can import.
        *args, **kwargs
            Its arguments.

        Returns
        -------
        concurrent.futures.Future
            What it returns, or the exception that it raised or that its job ended with. To cancel
            it cancels the job, also if it runs.
        """
        future: Future[Any] = Future()
        with self._lock:
            if not self._is_open:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.append((future, Call(fn, args, kwargs)))
            self._last = time.monotonic()
        self._changed.set()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more functions, and clean up when all have ended.

        Parameters
        ----------
        wait : bool, default: True
            Whether to wait until then.
        cancel_futures : bool, default: False
            Whether to cancel all jobs, also those that run, and wait until they are.
        """
        with self._lock:
            self._is_open = False
            futures = [*(future for future, _ in self._waiting), *self._jobs]
        if cancel_futures:
            for future in futures:
                future.cancel()
        self._changed.set()
        if wait or cancel_futures:
            self._thread.join()

    def _work(self) -> None:
        try:
            while self._is_open or self._waiting or self._jobs:
                self._cancel()
                self._start()
                self._collect()
                self._changed.wait(self._cluster.poll)
                self._changed.clear()
        finally:
            self._cluster.close()

    def _cancel(self) -> None:
        """Cancel the jobs of futures that were cancelled."""
        with self._lock:
            unstarted = [future for future, _ in self._waiting if future.cancelled()]
            self._waiting = [pair for pair in self._waiting if pair[0] not in unstarted]
            running = {future: job for future, job in self._jobs.items() if future.cancelled()}
            for future in running:
                del self._jobs[future]
        if running:
            self._cluster.cancel([*running.values()])
            for job in running.values():
                self._cluster.remove(job)
        for future in [*unstarted, *running]:
            future.set_running_or_notify_cancel()

    def _start(self) -> None:
        """Submit what waits, as far as there is room, when no more comes for a moment."""
        with self._lock:
            if self._is_open and time.monotonic() - self._last < self._cluster.gather:
                return
            room = min(self._cluster.at_once - len(self._jobs), LARGEST_ARRAY)
            batch = self._waiting[: int(room)]
            del self._waiting[: len(batch)]
        if not batch:
            return
        try:
            jobs = self._cluster.submit([call for _, call in batch])
        except Exception as error:
            reason = " ".join(str(error).split())
            for future, _ in batch:
                _end(future, recbench.RecbenchError(f"slurm: no job could be submitted: {reason}"))
        else:
            with self._lock:
                self._jobs |= {future: job for (future, _), job in zip(batch, jobs, strict=True)}

    def _collect(self) -> None:
        """Pass on what jobs ended with."""
        for future, job in self._jobs.copy().items():
            if not self._cluster.has_ended(job):
                continue
            with self._lock:
                del self._jobs[future]
            try:
                is_returned, value = self._cluster.result(job)
            except Exception:
                error = recbench.RecbenchError(f"slurm: {self._cluster.why_failed(job)}")
                _end(future, error)
            else:
                self._cluster.remove(job)
                _end(future, None if is_returned else value, value)


def _end(future: Future[Any], error: BaseException | None, value: Any = None) -> None:
    """End a future, unless it was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
