"""Steps 3 and 4, fit and score: the proxy, through which the referee calls a model's process."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError
from recbench.isolation.asides import Listener
from recbench.isolation.forkserver import CONNECTION_LOST, CellEnd
from recbench.isolation.launcher import STARTUP, Launcher
from recbench.isolation.stdout import OutputRelay
from recbench.isolation.wire import (
    ConnectionClosedError,
    SharedInteractions,
    TooLargeError,
    WireError,
    receive,
    send,
)
from recbench.isolation.worker import HEAVY_PACKAGES
from recbench.models.in_process import READ_ONLY
from recbench.models.protocols import FitReport, ModelHandle, Traits
from recbench.models.returned import wrong_shape
from recbench.offers import Offer
from recbench.progress import log, screen

T = TypeVar("T")

Read = Callable[[dict[str, Any], dict[str, Array]], T]
"""Reads a reply: takes its head and its arrays, and returns what the caller needs."""

MAX_ATTENTION = 1 << 30
"""The largest answer of `attention`, in bytes."""

MAX_ITEMSIZE = 16
"""Bytes that one number of an answer may use."""

SIGNAL_HINTS = {
    "SIGSEGV": "Look for a bug in native code, or for writes into train or history, which are "
    "read-only: copy an array before torch.from_numpy. --debug shows the line",
    "SIGKILL": "If the system ran out of memory, free some, or use a smaller model or dataset",
}
"""What to do about a process that a signal killed."""


class ModelProxy(ModelHandle):
    """A model in another process, whose replies are not trusted.

    Call `build` first and `finish` last. Only `close` must be called.
    """

    def __init__(self, launcher: Launcher) -> None:
        self.traits = Traits()
        self._launcher = launcher
        self._end: CellEnd | None = None
        self._imported: list[str] = []
        self._remaining: float | None = STARTUP  # seconds
        self._wire, theirs = socket.socketpair()
        theirs.setblocking(True)  # whatever socket.setdefaulttimeout says
        self._listener = Listener(self._wire, launcher.encode)
        self.reads = self._listener.reads
        self._output = OutputRelay(launcher.kill_cell)
        try:
            launcher.start_cell(theirs.fileno(), self._output.writing)
        finally:
            theirs.close()
            self._output.start()

    def build(self, model: str, offer: Offer, pickled: bytes, filled: dict[str, Any]) -> None:
        """Wait for the process to start, and have it load the plugin and call the factory.

        model: with options. pickled: the offer of a plugin that was given as an object; empty if it
        is installed.
        """
        self._receive("start", lambda _head, _arrays: None, None, self._deadline())
        self._remaining = self._launcher.timeout
        self.traits = self._request(
            "build",
            lambda head, _: Traits(
                scores=bool(head["scores"]),
                storable=bool(head["storable"]),
                explains=bool(head["explains"]),
                attends=bool(head["attends"]),
                method=str(head["method"]),
                checkpoint=str(head["checkpoint"]),
            ),
            given={"pickled": np.frombuffer(pickled, np.uint8)} if pickled else None,
            model=model,
            plugin=offer.plugin,
            name=offer.name,
            filled=filled,
        )

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> FitReport:
        """Train on shared memory, which neither process can write."""
        began = time.monotonic()

        def read(head: dict[str, Any], _: Any) -> FitReport:
            number = head["n_parameters"]
            parameters = None if number is None else int(number)
            returned = str(head["returned"])
            return FitReport(bool(head["resumed"]), parameters, _seconds(head, began), returned)

        self._listener.on_values = self.on_values
        place = None if checkpoint is None else str(checkpoint)
        return self._request("fit", read, self._launcher.share(train), checkpoint=place)

    def score(self, history: Interactions) -> Array:
        """Return what should be scores of shape (rows, n_items)."""
        return self._answer("score", history, (len(history), history.n_items))

    def top(self, history: Interactions, k: int, *, leave_out: bool) -> Array:
        """Return what should be items and their scores, of shape (2, rows, k)."""
        shape = 2, len(history), k
        return self._answer("top", history, shape, k=k, leave_out=leave_out)

    def recommend(self, history: Interactions, k: int) -> Array:
        """Return what should be item numbers of shape (rows, k)."""
        return self._answer("recommend", history, (len(history), k), k=k)

    def explain(self, history: Interactions, items: Array) -> Array:
        """Return what should be weights of shape (len(items), history.n_interactions)."""
        shape = len(items), history.n_interactions
        return self._answer("explain", history, shape, given={"items": items})

    def attention(self, history: Interactions) -> Array:
        """Return what should be attention weights of shape (layers, heads, n, n)."""
        return self._answer("attention", history, None)

    def _answer(
        self, method: str, history: Interactions, shape: tuple[int, ...] | None, **arguments: Any
    ) -> Array:
        began = time.monotonic()

        def read(head: dict[str, Any], arrays: dict[str, Array]) -> Array:
            self.seconds = _seconds(head, began)
            return arrays["answer"]

        with contextlib.closing(SharedInteractions(history)) as shared:
            return self._request(method, read, shared, shape=shape, **arguments)

    def save(self, folder: Path) -> None:
        """Have the model save itself into a folder."""
        self._request("save", lambda _head, _arrays: None, folder=str(folder.absolute()))

    def load(self, folder: Path) -> None:
        """Have the model load itself from a folder."""
        self._request("load", lambda _head, _arrays: None, folder=str(folder.absolute()))

    def finish(self) -> None:
        """End the process. Raises RecbenchError for problems that show only at the end.

        If the process has ended already, the error that reported it has been raised already.
        """
        if self._end is not None:
            return
        threads, wrote = self._request(
            "finish",
            lambda head, _: (list(map(str, head["threads"])), list(map(str, head["thread_wrote"]))),
        )
        end = self.close(kill=False)
        if self._output.flooded or end.reason in ("memory", "unwatched"):
            raise self._why_ended("finish", end)
        if wrote:
            raise RecbenchError(f"one of its threads raised {wrote[0]}; {READ_ONLY}")
        if threads:
            raise RecbenchError(
                f"it left threads running: {', '.join(threads)}. End them before the last call "
                "returns"
            )
        if end.left_processes:
            raise RecbenchError(
                f"it left processes running: {', '.join(end.left_processes)}. End them before the "
                "last call returns"
            )

    def close(self, *, kill: bool = True) -> CellEnd:
        """Kill the process or let it exit, and wait until it and its children have ended."""
        if self._end is None:
            self._listener.close()
            self._wire.close()
            self._end = self._launcher.end_cell(kill=kill)
            self.peak_memory = self._end.peak_memory
            self._output.join()
            self._launcher.import_ahead(self._imported)
        return self._end

    def _request(
        self,
        request: str,
        read: Read[T],
        shared: SharedInteractions | None = None,
        *,
        given: dict[str, Array] | None = None,
        shape: tuple[int, ...] | None = None,
        **arguments: Any,
    ) -> T:
        """Send a request, wait for the reply, and raise the error that it reports.

        read: returns the result from the reply's head and arrays. shared: the interactions that
        the request is about. given: arrays to send. shape: the shape that the answer must have; a
        larger one is not read.
        """
        head = {
            "request": request,
            "log_level": log.getEffectiveLevel(),
            "draws": screen() is not None,
            "listens": request == "fit" and self.on_values is not None,
            **arguments,
        }
        if shared is not None:
            head["interactions"] = shared.head
            if shared.metadata is not None:
                head["metadata"] = self._listener.announce(shared.metadata)
        deadline = self._deadline()
        with contextlib.suppress(ConnectionClosedError, TimeoutError):  # the reply shows them
            send(self._wire, head, given, None if shared is None else shared.fd, deadline)
        return self._receive(request, read, shape, deadline)

    def _deadline(self) -> float | None:
        """Return when the time limit runs out if only requests take time, as of time.monotonic."""
        return None if self._remaining is None else time.monotonic() + self._remaining

    def _receive(
        self, request: str, read: Read[T], shape: tuple[int, ...] | None, deadline: float | None
    ) -> T:
        max_bytes = MAX_ATTENTION if request == "attention" else 0
        if shape is not None:
            max_bytes = math.prod(shape) * MAX_ITEMSIZE
        try:
            head, arrays = receive(self._wire, max_bytes, deadline)
            while "aside" in head:
                self._listener.hear(head, deadline)
                head, arrays = receive(self._wire, max_bytes, deadline)
            self._listener.close()
            if deadline is not None:
                self._remaining = deadline - time.monotonic()
            if "error" not in head:
                imported = head.get("imported", ())
                self._imported = [package for package in HEAVY_PACKAGES if package in imported]
                return read(head, arrays)
        except TimeoutError as error:
            self.close()
            raise self._too_slow(request) from error
        except TooLargeError as error:
            end = self.close()
            if shape is not None and error.shapes.keys() == {"answer"}:
                raise wrong_shape(request, error.shapes["answer"], shape) from error
            raise self._why_ended(request, end) from error
        except (WireError, KeyError, TypeError, ValueError, OverflowError) as error:
            end = self.close(kill=not isinstance(error, ConnectionClosedError))
            raise self._why_ended(request, end) from error
        kind = UsageError if head.get("usage") else RecbenchError
        raise kind(str(head["error"]))

    def _too_slow(self, request: str) -> RecbenchError:
        """Return the error for a request that was not answered before the deadline."""
        timeout = self._launcher.timeout
        if request == "start":
            return RecbenchError(
                f"its process did not start within {STARTUP:g} s. Run it again when the machine is "
                "less busy"
            )
        return RecbenchError(
            f"the time limit of {timeout:g} s (--timeout) ran out during {_step(request)}. Raise "
            "the limit, or leave it out"
        )

    def _why_ended(self, request: str, end: CellEnd) -> RecbenchError:
        """Return the error for a process that ended, or that sent an invalid reply."""
        step = _step(request)
        if self._output.flooded:
            limit = f"{OutputRelay.MAX_BYTES // 2**20} MB"
            return RecbenchError(f"it printed more than {limit} during {step}. Print less")
        if end.reason == "memory":
            limit = f"{self._launcher.memory_limit // 2**20:,} MB"
            if self._launcher.memory:
                return RecbenchError(
                    f"{step} used more memory than the limit of {limit} (--memory). Raise the "
                    "limit, or leave it out"
                )
            jobs = self._launcher.jobs
            share, fewer = "90% of what was free", ""
            if jobs > 1:
                share = f"its share of what was free, as {jobs} run side by side"
                fewer = ", run fewer side by side"
            return RecbenchError(
                f"{step} used more than {limit} of memory, {share}. Free some memory{fewer}, or "
                "use a smaller model or dataset"
            )
        if end.reason == "unwatched":
            return RecbenchError(
                f"{step} killed the process that monitors it. A model may only end processes that "
                "it has started"
            )
        if end.reason == "asked" or end.status == CONNECTION_LOST:
            return RecbenchError(
                f"{step} closed or corrupted the connection to recbench. A model may only close or "
                "write files that it has opened"
            )
        if end.status < 0:
            name = signal.Signals(-end.status).name
            hint = f". {SIGNAL_HINTS[name]}" if name in SIGNAL_HINTS else ""
            return RecbenchError(f"its process was killed by {name} during {step}{hint}")
        return RecbenchError(
            f"its process exited with code {end.status} during {step}. A model must return or "
            "raise, not exit"
        )


def _seconds(head: dict[str, Any], began: float) -> float:
    """Return the time that a reply reports; at most the time since the request began."""
    seconds, elapsed = float(head["seconds"]), time.monotonic() - began
    return seconds if 0 <= seconds <= elapsed else elapsed


def _step(request: str) -> str:
    """Return what a model does on a request, for error messages."""
    steps = {
        "start": "process startup",
        "build": "model construction",
        "top": "score",
        "finish": "shutdown",
    }
    return steps.get(request, request)
