"""Steps 3 and 4, the referee's end: a model in another process, as if it were here."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError
from recbench.isolation.forkserver import NOBODY_LISTENS, CellEnd
from recbench.isolation.launcher import Launcher
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
from recbench.models.answers import wrong_shape
from recbench.models.in_process import READ_ONLY
from recbench.models.protocols import FitReport, ModelHandle
from recbench.progress import log

T = TypeVar("T")

Read = Callable[[dict[str, Any], dict[str, Array]], T]
"""What makes something of a reply: of its head and its arrays."""

STARTUP = 120.0
"""Seconds until a cell must be there; torch may have to be imported first."""

MAX_ITEMSIZE = 16
"""Bytes that a number of an answer may have."""

SIGNAL_HINTS = {
    "SIGSEGV": ", as a crash in native code does, or writing into train or history by force",
    "SIGKILL": ", as the system does where memory runs out",
}


class ModelProxy(ModelHandle):
    """A model in another process. What it says is not trusted.

    `build` comes first, and `finish` last; only `close` must be called.
    """

    def __init__(self, launcher: Launcher) -> None:
        self.scores = self.storable = False
        self._launcher = launcher
        self._end: CellEnd | None = None
        self._imported: list[str] = []
        self._deadline: float | None = time.monotonic() + STARTUP
        self._wire, theirs = socket.socketpair()
        self._output = OutputRelay(launcher.kill_cell)
        try:
            launcher.start_cell(theirs.fileno(), self._output.writing)
        finally:
            theirs.close()
            self._output.start()

    def build(self, model: str, filled: dict[str, Any]) -> None:
        """Call the factory, as soon as the process is there."""
        self._receive("build", lambda _head, _arrays: None)
        timeout = self._launcher.timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self.scores, self.storable = self._request(
            "build",
            lambda head, _: (bool(head["scores"]), bool(head["storable"])),
            model=model,
            filled=filled,
        )

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> FitReport:
        """Train, on memory that both processes see and neither can write."""

        def read(head: dict[str, Any], _: Any) -> FitReport:
            number = head["n_parameters"]
            return FitReport(bool(head["resumed"]), None if number is None else int(number))

        place = None if checkpoint is None else str(checkpoint)
        return self._request("fit", read, self._launcher.share(train), checkpoint=place)

    def score(self, history: Interactions) -> Array:
        """What should be (rows, n_items) scores, of a model that scores."""
        return self._answer("score", history, history.n_items)

    def recommend(self, history: Interactions, k: int) -> Array:
        """What should be (rows, k) item numbers, of a model that gives lists."""
        return self._answer("recommend", history, k, k=k)

    def _answer(self, method: str, history: Interactions, width: int, **arguments: Any) -> Array:
        with contextlib.closing(SharedInteractions(history)) as shared:
            return self._request(
                method,
                lambda _, arrays: arrays["answer"],
                shared,
                shape=(len(history), width),
                **arguments,
            )

    def save(self, folder: Path) -> None:
        """Have the model write itself into a folder."""
        self._request("save", lambda _head, _arrays: None, folder=str(folder))

    def finish(self) -> None:
        """Let the model go. Raises RecbenchError for what only the end brings to light."""
        threads, wrote = self._request(
            "finish",
            lambda head, _: (list(map(str, head["threads"])), list(map(str, head["thread_wrote"]))),
        )
        end = self.close(kill=False)
        if self._output.flooded or end.reason in ("memory", "unwatched"):
            raise self._why_ended("finish", end)
        if wrote:
            raise RecbenchError(f"a thread of it raised {wrote[0]}; {READ_ONLY}")
        if threads:
            raise RecbenchError(f"it left threads behind: {', '.join(threads)}")
        if end.left_processes:
            raise RecbenchError(f"it left processes behind: {', '.join(end.left_processes)}")

    def close(self, *, kill: bool = True) -> CellEnd:
        """End the process, or see it end by itself, and wait until nothing is left of it."""
        if self._end is None:
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
        shape: tuple[int, int] | None = None,
        **arguments: Any,
    ) -> T:
        """Send, wait, and raise what the other end says is wrong.

        read: makes something of the reply's head and arrays. shared: what the request is about.
        shape: of the array that is asked for; a larger one is not read.
        """
        head = {"request": request, "log_level": log.getEffectiveLevel(), **arguments}
        if shared is not None:
            head["interactions"] = shared.head
        with contextlib.suppress(ConnectionClosedError):  # then there is no answer either
            send(self._wire, head, fd=None if shared is None else shared.fd)
        return self._receive(request, read, shape)

    def _receive(self, request: str, read: Read[T], shape: tuple[int, int] | None = None) -> T:
        max_bytes = 0 if shape is None else math.prod(shape) * MAX_ITEMSIZE
        try:
            head, arrays = receive(self._wire, max_bytes, self._deadline)
            if "error" not in head:
                imported = head.get("imported", ())
                self._imported = [package for package in HEAVY_PACKAGES if package in imported]
                return read(head, arrays)
        except TimeoutError as error:
            limit = f"--timeout of {self._launcher.timeout} s"
            raise RecbenchError(f"{_words(request)} did not end within the {limit}") from error
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

    def _why_ended(self, request: str, end: CellEnd) -> RecbenchError:
        """The error for a process that ended, or that talks nonsense."""
        doing = _words(request)
        if self._output.flooded:
            limit = f"{OutputRelay.MAX_BYTES // 2**20} MB"
            return RecbenchError(f"it printed more than {limit} in {doing}")
        if end.reason == "memory":
            limit = f"{self._launcher.memory_limit // 2**20} MB"
            allows = "--memory allows" if self._launcher.memory else "is free"
            return RecbenchError(f"{doing} took more memory than the {limit} that {allows}")
        if end.reason == "unwatched":
            return RecbenchError(f"{doing} killed the process that watches over it")
        if end.reason == "asked" or end.status == NOBODY_LISTENS:
            return RecbenchError(f"{doing} closed or garbled its connection to recbench")
        if end.status < 0:
            name = signal.Signals(-end.status).name
            hint = SIGNAL_HINTS.get(name, "")
            return RecbenchError(f"its process was killed by {name} in {doing}{hint}")
        return RecbenchError(f"its process ended in {doing}, with exit code {end.status}")


def _words(request: str) -> str:
    """What a model does on a request, in words."""
    return {"build": "building it", "finish": "ending"}.get(request, request)
