"""Steps 3 and 4, fit and score: what a model's process tells and asks while it answers a request.

It tells the progress of long work, which the main process draws, and the values that the model
reports. It asks for the ids, titles and features of users and items that the model reads.
All are messages with the key "aside". They come only between a request and its reply, when the main
process listens, so what it sends next is the answer. Nothing is sent that is not asked for.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from recbench import bars
from recbench.bar_relay import DrawnBars, SentBars
from recbench.data.interactions import Array
from recbench.data.metadata import Metadata
from recbench.errors import RecbenchError, describe_error
from recbench.isolation.packing import Packed, unpack
from recbench.isolation.wire import WireError, receive, send
from recbench.reported import LONGEST_NAME, MOST_STEPS, MOST_VALUES, Receive, receive_by

Encode = Callable[[Metadata, str], Packed]
"""Returns the array of a name of the metadata, packed."""


class Asides:
    """The model's end.

    Threads of the model can use it. Processes that the model starts cannot: they would take what
    is meant for the model.
    """

    def __init__(self, referee: socket.socket) -> None:
        self._referee, self._pid = referee, os.getpid()
        self._is_answering = False
        self._metadata: dict[int, Metadata] = {}
        self._bars = SentBars(self._tell_progress, lambda: self._is_answering)
        self._lock = self._bars.lock

    def begin(self, *, draws: bool, listens: bool) -> None:
        """Begin to answer a request.

        draws, listens: whether the main process draws bars, and listens to reported values.
        """
        bars.draw_on(self._bars if draws else None)
        receive_by(self.values if listens else None)
        self._is_answering = True

    def reply(self, head: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Send the reply to the request, once no thread waits for an answer."""
        with self._lock:
            self._is_answering = False
            send(self._referee, head, arrays)

    def metadata(self, head: Mapping[str, Any]) -> Metadata | None:
        """Return the metadata of a request's interactions; the same object for the same number."""
        if "metadata" not in head:
            return None
        number, names = head["metadata"]
        if number not in self._metadata:
            self._metadata[number] = Metadata(names, functools.partial(self._load, number))
        return self._metadata[number]

    def _load(self, number: int, name: str) -> Array:
        if os.getpid() != self._pid:
            raise RecbenchError(
                f"{name} cannot be read in a process that the model has started. Read it before "
                "starting one"
            )
        with self._lock:
            if not self._is_answering:
                raise RecbenchError(
                    f"{name} can only be read while recbench calls a method of the model. Read it "
                    "there"
                )
            send(self._referee, {"aside": "metadata", "number": number, "name": name})
            head, arrays = receive(self._referee, sys.maxsize)
        if "error" in head:
            raise RecbenchError(head["error"])
        return unpack(arrays)

    def _tell_progress(self, state: dict[str, Any]) -> None:
        send(self._referee, {"aside": "progress", **state})

    def values(self, step: int, values: Mapping[str, float]) -> None:
        """Tell the main process of reported values."""
        with self._lock:
            if self._is_answering:
                send(self._referee, {"aside": "values", "step": step, "values": dict(values)})


class Listener:
    """The end of the main process, which trusts nothing that it hears.

    reads: the names of the metadata that the model has asked for. on_values: receives
    reported values; what it raises passes through `hear`.
    """

    def __init__(self, wire: socket.socket, encode: Encode) -> None:
        self.reads: set[str] = set()
        self.on_values: Receive | None = None
        self._wire, self._encode = wire, encode
        self._metadata: list[Metadata] = []
        self._bars = DrawnBars()

    def announce(self, metadata: Metadata) -> tuple[int, tuple[str, ...]]:
        """Return what the model's process must know of metadata to ask for them."""
        if not any(metadata is known for known in self._metadata):
            self._metadata.append(metadata)
        return self._number(metadata), metadata.names

    def _number(self, metadata: Metadata) -> int:
        return next(n for n, known in enumerate(self._metadata) if known is metadata)

    def hear(self, head: Mapping[str, Any], deadline: float | None) -> None:
        """Draw the progress that an aside tells, or send the metadata that it asks for.

        Raises WireError, KeyError, TypeError, ValueError or OverflowError for an invalid aside,
        and the errors of `send`.
        """
        match head["aside"]:
            case "progress":
                self._bars.draw(head)
            case "values":
                self._receive(head["step"], head["values"])
            case "metadata":
                self._answer(head["number"], head["name"], deadline)
            case other:
                _refuse(other)

    def _receive(self, step: Any, values: Any) -> None:
        if self.on_values is None or type(step) is not int or not 0 <= step <= MOST_STEPS:
            _refuse(step)
        if type(values) is not dict or len(values) > MOST_VALUES:
            _refuse(values)
        for name, value in values.items():
            if type(value) is not float or not 0 < len(name) <= LONGEST_NAME:
                _refuse((name, value))
        self.on_values(step, values)

    def _answer(self, number: Any, name: Any, deadline: float | None) -> None:
        if number not in range(len(self._metadata)) or name not in self._metadata[number].names:
            _refuse(name)
        self.reads.add(name)
        try:
            packed = self._encode(self._metadata[number], name)
        except RecbenchError as error:
            send(self._wire, {"error": describe_error(error)}, deadline=deadline)
        else:
            send(self._wire, {}, packed, deadline=deadline)

    def close(self) -> None:
        """Remove all bars, as a request has been answered, or never will be."""
        self._bars.close()


def _refuse(said: object) -> NoReturn:
    raise WireError(f"invalid aside: {said!r:.100}")
