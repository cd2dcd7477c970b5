"""Jobs, relay: what forked processes show is drawn and logged by the one that has forked them.

Messages are datagrams of JSON, which arrive whole or not at all, from any number of processes.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import queue
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

from recbench import bars
from recbench.bar_relay import DrawnBars, SentBars
from recbench.bars import Screen
from recbench.progress import log, screen
from recbench.reported import Receive
from recbench.results.result import Result
from recbench.spec import Spec

LARGEST = 1 << 16
"""The largest message, in bytes."""

LONGEST = 5000
"""How many characters of a text are sent at once."""

END = b"{}"
"""The last message, which the receiver sends itself."""

Reported = tuple[str, int, Mapping[str, float]]
"""The key of a cell, a step, and the values that its model reports there."""


class Sender(logging.Handler):
    """The end of a process that was forked: it sends its log, bars, output and reported values.

    shown: where the other process draws bars; None if nowhere.
    """

    def __init__(self, sending: socket.socket, shown: Screen | None) -> None:
        super().__init__()
        self._sending, self._shown = sending, shown
        self._name = self._label = ""  # of the model that runs

    def begin(self, cell: Result) -> Receive:
        """Name a cell in all that follows, and return what sends the values of its model."""
        self._name, self._label = Spec.parse(cell.model).name.casefold(), cell.label

        def send(step: int, values: Mapping[str, float]) -> None:
            self._send("values", key=cell.key, step=step, values=dict(values))

        return send

    def _named(self, text: str) -> str:
        """Return a text that says which model it is about."""
        if not self._label or not text.strip() or text.startswith(self._label):
            return text
        begin, _, rest = text.partition(": ")
        if begin.casefold() == self._name:
            return f"{self._label}: {rest}" if rest else self._label
        return f"{self._label}: {text}"

    def take_over(self) -> None:
        """Send all that this process shows from now on."""
        log.handlers[:] = [self]
        log.propagate = False
        sys.stdout = sys.stderr = _Lines(self)
        is_enough = getattr(self._shown, "is_enough", False)
        bars.draw_on(SentBars(self._send_bar, is_enough=is_enough) if self._shown else None)

    def _send_bar(self, state: dict[str, Any]) -> None:
        self._send("bar", state={**state, "label": self._named(state["label"])})

    def emit(self, record: logging.LogRecord) -> None:
        """Send a message of the log."""
        text = self._named(self.format(record))
        self._send("log", level=record.levelno, text=text[:LONGEST])

    def write(self, text: str) -> None:
        """Send output, line by line."""
        text = "".join(map(self._named, text.splitlines(keepends=True)))
        for start in range(0, len(text), LONGEST):
            self._send("output", text=text[start : start + LONGEST])

    def _send(self, what: str, **said: Any) -> None:
        message = json.dumps({"what": what, "pid": os.getpid(), **said}).encode()
        if len(message) <= LARGEST:
            with contextlib.suppress(OSError):  # nobody listens any more
                self._sending.send(message)


class _Lines(io.TextIOBase):
    """A stream that passes whole lines on."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._begun, self._lock = sender, "", threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            whole, newline, rest = (self._begun + text).rpartition("\n")
            if len(rest) > LONGEST:
                whole, newline, rest = whole + newline + rest, "", ""
            self._begun = rest
        self._sender.write(whole + newline)
        return len(text)


class Receiver:
    """The end of the process that draws and logs.

    A thread receives, so that no process has to wait; `show` draws and logs what has come, in the
    thread that calls it.
    """

    def __init__(self) -> None:
        self._receiving, self._sending = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._come: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._bars: dict[int, DrawnBars] = {}
        self._lost: set[int] = set()
        self._reported: list[Reported] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def sender(self) -> Sender:
        """Return the other end, for a process that is forked from this one."""
        return Sender(self._sending, screen())

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """Draw and log what has come, and end."""
        with contextlib.suppress(OSError):
            self._sending.send(END)
        self._thread.join(timeout=5)
        self.show()
        for drawn in self._bars.values():
            drawn.close()
        self._sending.close()
        self._receiving.close()

    def forget(self, pid: int) -> None:
        """Take no more notice of the bars of a process that has ended. Threads can call this."""
        self._lost.add(pid)

    def show(self) -> list[Reported]:
        """Draw and log what has come since the last time, and return what models have reported."""
        while not self._come.empty():
            with contextlib.suppress(ValueError, LookupError, TypeError):  # it cannot be shown
                self._show(json.loads(self._come.get()))
        for pid in self._lost & self._bars.keys():
            self._bars.pop(pid).close()
        reported, self._reported = self._reported, []
        return reported

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while (message := self._receiving.recv(LARGEST)) != END:
                self._come.put(message)

    def _show(self, message: Mapping[str, Any]) -> None:
        match message["what"]:
            case "log":
                log.log(message["level"], "%s", message["text"])
            case "output":
                if sys.stderr is not None:
                    sys.stderr.write(message["text"])
                    sys.stderr.flush()
            case "values":
                self._reported.append((message["key"], message["step"], message["values"]))
            case "bar":
                if message["pid"] not in self._lost:
                    drawn = self._bars.setdefault(message["pid"], DrawnBars())
                    drawn.draw(message["state"])
