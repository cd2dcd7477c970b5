"""Steps 3 and 4, the referee's end: a model in another process, as if it were here."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError
from recbench.isolation.forkserver import LOST
from recbench.isolation.stdout import OutputRelay
from recbench.isolation.wire import (
    ConnectionClosedError,
    SharedInteractions,
    WireError,
    receive,
    send,
)
from recbench.isolation.worker import HEAVY
from recbench.models.answers import READ_ONLY
from recbench.models.in_process import Costs
from recbench.progress import log

if TYPE_CHECKING:
    from recbench.isolation.runner import IsolatedHost


T = TypeVar("T")


STARTUP = 120.0
"""Seconds until a cell must be there; torch may have to be imported first."""


WHY = {
    signal.SIGSEGV: ", as a crash in native code does, or writing into train or history by force",
    signal.SIGKILL: ", as the system does where memory runs out",
}


class ModelProxy:
    """A model in another process, with the methods that the referee calls.

    After `build`, `score` or `recommend` is there, as in the model; keeps: whether it can save
    itself. left: what is only found out at the end.
    """

    keeps = False

    def __init__(self, home: IsolatedHost) -> None:
        self.home = home
        self.costs = Costs()
        self._report: dict[str, Any] = {}
        self._imports: list[str] = []
        self._deadline: float | None = time.monotonic() + STARTUP
        self._wire, theirs = socket.socketpair()
        self._printed = OutputRelay(home.kill_cell)
        try:
            home.start_cell(theirs.fileno(), self._printed.writing)
        finally:
            theirs.close()
            self._printed.start()

    def build(self, model: str, filled: dict[str, Any]) -> None:
        """Call the factory, as soon as the process is there."""
        doing = "building it"
        self._receive(doing, lambda _head, _found: None)
        timeout = self.home.limits.timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        head = {"do": "build", "model": model, "filled": filled}
        scores, self.keeps = self._ask(
            doing, head, lambda head, _: (bool(head["scores"]), bool(head["keeps"]))
        )
        if scores:
            self.score = self._score
        else:
            self.recommend = self._recommend

    def fit(self, train: Interactions, checkpoint: Path | None = None) -> Self:
        """Train, on memory that both processes see and neither can write.

        checkpoint: where one may be kept, as `recbench.checkpoint` says.
        """

        def read(head: dict[str, Any], _: Any) -> tuple[float, int | None]:
            parameters = head["parameters"]
            return float(head["seconds"]), None if parameters is None else int(parameters)

        head = {"do": "fit", "checkpoint": None if checkpoint is None else str(checkpoint)}
        answer = self._ask("fit", head, read, self.home.shared(train))
        self.costs.fit_seconds, self.costs.parameters = answer
        return self

    def _score(self, history: Interactions) -> Array:
        return self._answer("score", history, history.n_items, 16)

    def _recommend(self, history: Interactions, k: int) -> Array:
        return self._answer("recommend", history, k, 8)

    def _answer(self, doing: str, history: Interactions, width: int, most: int) -> Array:
        """An array with a row for each history. most: bytes that a number may have."""
        shape = len(history), width
        with contextlib.closing(SharedInteractions(history)) as given:
            head = {"do": doing, "shape": shape}
            return self._ask(
                doing, head, lambda _, found: found["answer"], given, math.prod(shape) * most
            )

    def save(self, folder: Path) -> None:
        """Have the model write itself into a folder."""
        self._ask("save", {"do": "save", "folder": str(folder)}, lambda _head, _found: None)

    def finish(self) -> None:
        """Let the model go. Raises RecbenchError for what only the end brings to light."""
        doing = "ending"
        threads, wrote = self._ask(
            doing,
            {"do": "finish"},
            lambda head, _: (list(map(str, head["threads"])), list(map(str, head["wrote"]))),
        )
        self.close(kill=False)
        if self._printed.flooded or self._report["reason"] in ("memory", "keeper"):
            raise self._gone(doing)
        if wrote:
            raise RecbenchError(f"a thread of it raised {wrote[0]}; {READ_ONLY}")
        if threads:
            raise RecbenchError(f"it left threads behind: {', '.join(threads)}")
        if self._report["left"]:
            raise RecbenchError(f"it left processes behind: {', '.join(self._report['left'])}")

    def close(self, *, kill: bool = True) -> None:
        """End the process, or see it end by itself, and wait until nothing is left of it."""
        if self._report:
            return
        self._wire.close()
        self._report = self.home.end_cell(kill=kill)
        self.costs.peak_memory = self._report["peak"]
        self._printed.join()
        self.home.have_imported(self._imports)

    def _ask(
        self,
        doing: str,
        head: dict[str, Any],
        read: Callable[[dict[str, Any], dict[str, Array]], T],
        given: SharedInteractions | None = None,
        most: int = 0,
    ) -> T:
        """Send, wait, and raise what the other end says is wrong."""
        head["level"] = log.getEffectiveLevel()
        if given is not None:
            head["given"] = given.head
        with contextlib.suppress(ConnectionClosedError):  # then there is no answer either
            send(self._wire, head, fd=None if given is None else given.fd)
        return self._receive(doing, read, most)

    def _receive(
        self, doing: str, read: Callable[[dict[str, Any], dict[str, Array]], T], most: int = 0
    ) -> T:
        try:
            answer, found = receive(self._wire, most, self._deadline)
            if "error" not in answer:
                self._imports = [one for one in HEAVY if one in answer.get("imported", ())]
                return read(answer, found)
        except TimeoutError as error:
            bound = f"--timeout of {self.home.limits.timeout} s"
            raise RecbenchError(f"{doing} did not end within the {bound}") from error
        except (WireError, KeyError, TypeError, ValueError, OverflowError) as error:
            self.close(kill=not isinstance(error, ConnectionClosedError))
            raise self._gone(doing) from error
        kind = UsageError if answer.get("usage") else RecbenchError
        raise kind(str(answer["error"]))

    def _gone(self, doing: str) -> RecbenchError:
        """The error for a process that ended, or that talks nonsense."""
        bound, status = f"{self.home.bound // 2**20} MB", self._report["status"]
        if self._printed.flooded:
            return RecbenchError(f"it printed more than {OutputRelay.MOST // 2**20} MB in {doing}")
        if self._report["reason"] == "memory":
            allows = "--memory allows" if self.home.limits.memory else "is free"
            return RecbenchError(f"{doing} took more memory than the {bound} that {allows}")
        if self._report["reason"] == "keeper":
            return RecbenchError(f"{doing} killed the process that watches over it")
        if self._report["reason"] == "asked" or status == LOST:
            return RecbenchError(f"{doing} closed or garbled its connection to recbench")
        if status < 0:
            name = signal.Signals(-status).name
            return RecbenchError(
                f"its process was killed by {name} in {doing}{WHY.get(-status, '')}"
            )
        return RecbenchError(f"its process ended in {doing}, with exit code {status}")
