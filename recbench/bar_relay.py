"""Every step: bars of another process: what it sends of them, and what this one draws."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from recbench import bars
from recbench.progress import Bar

Send = Callable[[dict[str, Any]], None]
"""Sends the state of a bar, as plain values, to the process that draws it."""


class SentBars:
    """The screen of a process that does not draw. It sends each bar, but not too often.

    Threads can use it. Processes that are forked from this one cannot, and show nothing.

    is_heard: whether the other process listens now. is_enough: as that of the screen there.
    """

    def __init__(
        self,
        send: Send,
        is_heard: Callable[[], bool] = lambda: True,
        *,
        is_enough: bool = False,
    ) -> None:
        self._send, self._is_heard, self._pid = send, is_heard, os.getpid()
        self.is_enough = is_enough
        self.lock = threading.RLock()
        self._known: dict[bars.State, bool] = {}  # bar -> whether the other process knows it
        self._changed: dict[bars.State, None] = {}
        self._pace = bars.Pace()

    def open(self, bar: bars.State) -> None:
        """Send a bar, as `update` does."""
        self._known[bar] = False
        self.update(bar)

    def update(self, bar: bars.State) -> None:
        """Send the bars that have changed, unless they were sent too often."""
        if os.getpid() != self._pid:
            return
        with self.lock:
            self._changed[bar] = None
            if self._is_heard() and self._pace.allows():
                for changed in self._changed:
                    self._tell(changed)
                self._changed.clear()

    def close(self, bar: bars.State) -> None:
        """Send the end of a bar, if its beginning was sent."""
        if os.getpid() != self._pid:
            return
        with self.lock:
            self._changed.pop(bar, None)
            if self._known.pop(bar) and self._is_heard():
                self._tell(bar, ended=True)

    def _tell(self, bar: bars.State, *, ended: bool = False) -> None:
        self._send(
            {
                "bar": id(bar),
                "label": str(bar.label),
                "total": None if bar.total is None else int(bar.total),
                "unit": str(bar.unit),
                "done": int(bar.done),
                "message": bar.message,
                "stays": bar.stays,
                "ended": ended,
            }
        )
        if not ended:
            self._known[bar] = True


class DrawnBars:
    """The bars of one other process, drawn by this one, which trusts nothing that it is sent."""

    def __init__(self) -> None:
        self._bars: dict[int, Bar] = {}

    def draw(self, state: Mapping[str, Any]) -> None:
        """Draw a bar in the state that was sent.

        Raises KeyError or ValueError for what is not the state of a bar.
        """
        number, total, done = state["bar"], state["total"], state["done"]
        texts = state["label"], state["unit"], state["message"]
        numbers = (number, done) if total is None else (number, done, total)
        if not all(type(value) is int and abs(value) < 2**63 for value in numbers):
            raise ValueError(f"invalid numbers of a bar: {numbers!r:.100}")
        if not all(type(text) is str for text in texts):
            raise ValueError(f"invalid texts of a bar: {texts!r:.100}")
        bar = self._bars.get(number)
        if bar is not None:
            bar.total = total
            bar.step(done - bar.done, state["message"])
        elif not state["ended"] and len(self._bars) < bars.MOST:
            bar = self._bars[number] = Bar(state["label"], total, state["unit"], done)
            bar.message = state["message"]
            bar.__enter__()
        if bar is not None and state["ended"]:
            bar.stays = bool(state["stays"])
            self._bars.pop(number).__exit__(None, None, None)

    def close(self) -> None:
        """Remove all bars, as nothing more is sent of them."""
        while self._bars:
            with contextlib.ExitStack() as stack:
                stack.push(self._bars.popitem()[1])
