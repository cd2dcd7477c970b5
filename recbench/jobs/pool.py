"""Jobs, pool: an executor whose processes are forked from this one, so they have all it has loaded.

Each process is a `concurrent.futures.ProcessPoolExecutor` of its own: if it is killed, only the
function that it was running is lost, and another process takes its place.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import ForkContext
from multiprocessing.process import BaseProcess
from typing import Any

from recbench import guard
from recbench.errors import RecbenchError
from recbench.isolation.processes import MEMORY, die_with_parent
from recbench.jobs.relay import Receiver, Sender
from recbench.jobs.threads import limit_threads
from recbench.jobs.worker import WORKER

Work = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]

POLL_SECONDS = 0.2
"""Interval between two looks at what has ended, and at what processes show and report."""

TRIES = 2
"""How often something is run if the process that runs it is lost."""

PATIENCE = 5.0
"""Seconds to wait until it is known how a process has ended."""


class LostProcessError(RecbenchError):
    """A process was lost. The text says how, as in "was killed by SIGKILL"."""


class ForkedPool(Executor):
    """Runs functions in processes that are forked from this one, each with a share of the cores.

    What the functions log, print and report appears in this process. Linux only.

    receiver: what this process hears of the others.
    """

    def __init__(self, n_jobs: int) -> None:
        self.receiver = Receiver()
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._is_shut = False
        MEMORY.hide()
        self._slots = [_Slot(n_jobs, self.receiver.sender()) for _ in range(n_jobs)]
        self.receiver.start()
        self._threads = [
            threading.Thread(target=self._serve, args=(slot,), daemon=True) for slot in self._slots
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of a call, which the next process that is free makes."""
        if self._is_shut:
            raise RuntimeError("the pool has been shut down")
        future: Future[Any] = Future()
        self._waiting.put((future, function, args, kwargs))
        return future

    def _serve(self, slot: _Slot) -> None:
        """Make calls in one process, one after the other."""
        while (work := self._waiting.get()) is not None:
            future, function, args, kwargs = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                answer = slot.call(function, args, kwargs)
            except BrokenProcessPool:
                self.receiver.forget(slot.pid)
                future.set_exception(LostProcessError(slot.ended))
                with contextlib.suppress(OSError, BrokenProcessPool):  # the next call tries again
                    slot.start()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(answer)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all processes; with `wait`, once they have made the calls that are left."""
        if self._is_shut:
            return
        self._is_shut = True
        if cancel_futures or not wait:
            with contextlib.suppress(queue.Empty):
                while True:
                    work = self._waiting.get_nowait()
                    if work is not None and work[0].cancel():
                        work[0].set_running_or_notify_cancel()  # for those who wait for it
        for _ in self._threads:
            self._waiting.put(None)
        if not wait:
            for slot in self._slots:
                slot.close()
        for thread in self._threads:
            thread.join()
        for slot in self._slots:
            slot.close()
        self.receiver.stop()
        MEMORY.show()


class _Context(ForkContext):
    """Starts processes by forking, and remembers the last one."""

    last: BaseProcess

    def Process(  # type: ignore[override]  # noqa: N802  the name in multiprocessing
        self, *args: Any, **kwargs: Any
    ) -> Any:
        self.last = super().Process(*args, **kwargs)
        return self.last


class _Slot:
    """One process of the pool, or the one that has taken its place. pid: of the current one."""

    def __init__(self, n_jobs: int, sender: Sender) -> None:
        self._n_jobs, self._sender = n_jobs, sender
        self._lock, self._is_closed = threading.Lock(), False
        self.start()

    def start(self) -> None:
        """Fork a process, unless the slot is closed."""
        with self._lock:
            if self._is_closed:
                return
            self._context = _Context()
            self._pool = ProcessPoolExecutor(
                1, self._context, initializer=_begin, initargs=(self._n_jobs, self._sender)
            )
            with warnings.catch_warnings():  # the new process does not need the threads of this one
                warnings.simplefilter("ignore", DeprecationWarning)
                began = self._pool.submit(os.getpid)
            self.pid: int = began.result()

    def call(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a function in the process. Raises BrokenProcessPool if it ends."""
        return self._pool.submit(function, *args, **kwargs).result()

    @property
    def ended(self) -> str:
        """How the process has ended."""
        process, until = self._context.last, time.monotonic() + PATIENCE
        while process.exitcode is None and time.monotonic() < until:
            time.sleep(0.01)  # another thread waits for it
        code = process.exitcode
        if code is None or code >= 0:
            return f"exited with code {code}"
        return f"was killed by {signal.Signals(-code).name}"

    def close(self) -> None:
        """Kill the process. All that it has started ends with it."""
        with self._lock:
            self._is_closed = True
            self._context.last.kill()
            self._pool.shutdown()


def _begin(n_jobs: int, sender: Sender) -> None:
    """In a forked process: leave what belongs to the other one, and take a share of the cores."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits for this one decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    guard.detach()
    limit_threads(n_jobs)
    sender.take_over()
    WORKER.forked(sender.begin)
