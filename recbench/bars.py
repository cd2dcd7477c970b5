"""Every step: where bars are drawn: all of them in one place, on a terminal or in a notebook."""

from __future__ import annotations

import contextlib
import html
import importlib
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from recbench.errors import clean_reason

RATE, BURST = 10.0, 10
"""How often bars that move are drawn: times per second, and how many times in a row."""

LONGEST = 200
"""How many characters of a label or a message are shown."""

BAR, NARROW = 10, 60
"""The width of a bar, which is half in terminals that are narrower than this, in columns."""

MOST = 20
"""How many bars are shown at once, and how many that have ended."""


@dataclass(eq=False)
class State:
    """What a bar shows. stays: whether its last state stays on the screen."""

    label: str
    total: int | None = None
    unit: str = "step"
    done: int = 0
    message: str = ""
    stays: bool = False

    @property
    def count(self) -> str:
        """How much is done, such as 3/40."""
        if self.unit != "byte":
            return f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        from rich.filesize import decimal

        return "/".join(decimal(size) for size in (self.done, self.total) if size is not None)

    @property
    def texts(self) -> tuple[str, str, str]:
        """Label, count and message, which can be printed safely."""
        return clean_reason(self.label, LONGEST), self.count, clean_reason(self.message, LONGEST)


class Screen(Protocol):
    """Where bars are drawn."""

    def open(self, bar: State) -> None:
        """Show a bar."""

    def update(self, bar: State) -> None:
        """Show the new state of a bar."""

    def close(self, bar: State) -> None:
        """Show a bar no longer; or else in its last state, if it stays."""


class Pace:
    """Limits how often something is done that may be left out."""

    def __init__(self) -> None:
        self._left, self._time = float(BURST), time.monotonic()

    def allows(self) -> bool:
        """Return whether it may be done now, and count it if so."""
        now = time.monotonic()
        self._left = min(self._left + RATE * (now - self._time), BURST)
        self._time = now
        allowed = self._left >= 1
        self._left -= allowed
        return allowed


class Display(ABC):
    """A screen of this process, which shows all open bars below each other."""

    def __init__(self) -> None:
        self.bars: list[State] = []
        self.lock = threading.RLock()
        self._pace = Pace()

    def open(self, bar: State) -> None:
        """Show a bar."""
        with self.lock:
            self.bars.append(bar)
            self.draw(self.bars[:MOST])

    def update(self, bar: State) -> None:  # noqa: ARG002  all bars are drawn
        """Show the new state of all bars, unless they were drawn too often already."""
        with self.lock:
            if self._pace.allows():
                self.draw(self.bars[:MOST])

    def close(self, bar: State) -> None:
        """Show a bar no longer; or else in its last state, if it stays."""
        with self.lock:
            self.bars.remove(bar)
            if bar.stays:
                self.keep(bar)
            self.draw(self.bars[:MOST])

    @abstractmethod
    def keep(self, bar: State) -> None:
        """Show a bar that has ended in its last state."""

    @abstractmethod
    def draw(self, bars: list[State]) -> None:
        """Show these bars and no others."""


class Terminal(Display):
    """Draws bars at the bottom of a terminal. What is printed meanwhile appears above them."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        super().__init__()
        self._console = Console(file=stream, force_jupyter=False)
        self._live: Any = None  # what is on the terminal now, if anything
        self._in_line = False  # whether the cursor is in a line that somebody has begun
        self._n_writers = 0  # how many others write now

    def draw(self, bars: list[State]) -> None:
        """Show these bars and no others."""
        if not bars:
            self._hide()
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name)
                if isinstance(stream, _Above):
                    setattr(sys, name, stream.below)
            return
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and not isinstance(stream, _Above) and stream.isatty():
                setattr(sys, name, _Above(stream, self))
        if self._in_line or self._n_writers:
            return
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(_grid(bars, self._console.width), refresh=True)

    def _hide(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Draw no bars in this context, in which something else writes to the terminal."""
        with self.lock:
            self._hide()
            self._n_writers += 1
        try:
            yield  # without the lock, as what writes may have one of its own
        finally:
            with self.lock:
                self._n_writers -= 1
                self._in_line = False
                self.draw(self.bars[:MOST])

    def keep(self, bar: State) -> None:
        """Print a bar above the others."""
        self._hide()
        self._console.print(_grid([bar], self._console.width))

    def print(self, stream: TextIO, text: str) -> None:
        """Print text above the bars. They are hidden until the line that it begins has ended."""
        with self.lock:
            self._hide()
            stream.write(text)
            stream.flush()
            if text:
                self._in_line = not text.endswith("\n")
            self.draw(self.bars[:MOST])


class _Above:
    """A stream whose text appears above the bars of a terminal."""

    def __init__(self, below: TextIO, terminal: Terminal) -> None:
        self.below, self._terminal = below, terminal

    def write(self, text: str) -> int:
        self._terminal.print(self.below, text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


def _grid(bars: list[State], width: int) -> Any:
    """Return bars below each other. In a narrow terminal, messages and long labels are cut."""
    from rich.cells import cell_len
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    texts = [bar.texts for bar in bars]
    labels, counts, _ = (max(map(cell_len, column)) for column in zip(*texts, strict=True))
    of_bar = BAR if width >= NARROW else BAR // 2
    widths = [min(labels, max(width // 3, 1)), of_bar, counts]
    widths.append(max(width - sum(widths) - len(widths), 1))
    grid = Table.grid(padding=(0, 1))
    for column in widths:
        grid.add_column(no_wrap=True, width=column, overflow="ellipsis")
    for bar, (label, count, message) in zip(bars, texts, strict=True):
        drawn = ProgressBar(bar.total, bar.done, width=of_bar)
        grid.add_row(Text(label), drawn, Text(count), Text(message))
    return grid


class Notebook(Display):
    """Draws bars as HTML below the cell of a notebook that runs.

    is_enough: whether the log need not say what is done next.
    """

    is_enough = True

    def __init__(self) -> None:
        super().__init__()
        self._id = ""
        self._ended: deque[State] = deque(maxlen=MOST)

    def draw(self, bars: list[State]) -> None:
        """Show these bars, and those that have ended and stay."""
        ipython: Any = importlib.import_module("IPython.display")
        shown = [*self._ended, *bars]
        content = {
            "text/html": _html(shown) if shown else "",
            "text/plain": "\n".join("  ".join(filter(None, bar.texts)) for bar in shown),
        }
        if self._id:
            ipython.update_display(content, raw=True, display_id=self._id)
        else:
            self._id = ipython.display(content, raw=True, display_id=True).display_id
        if not bars:
            self._id = ""
            self._ended.clear()

    def keep(self, bar: State) -> None:
        """Show a bar in its last state above the others, as long as the cell is shown."""
        self._ended.append(bar)


def _html(bars: list[State]) -> str:
    rows = []
    for bar in bars:
        label, count, message = map(html.escape, bar.texts)
        width = f' value="{bar.done}" max="{bar.total}"' if bar.total else ""
        cells = (label, f"<progress{width}></progress>", count, message)
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


class _Current:
    """The screen in use. wire: that of a model's process, which draws nothing itself."""

    pid: int | None = None
    wire: Screen | None = None
    display: Display | None = None


def draw_on(screen: Screen | None) -> None:
    """In a process that does not draw itself: show all bars there; or, with None, none."""
    _Current.pid, _Current.wire, _Current.display = os.getpid(), screen, None


def screen() -> Screen | None:
    """Return where a new bar is shown; None if nowhere."""
    if _Current.pid is not None:  # other processes that a model starts show none
        return _Current.wire if _Current.pid == os.getpid() else None
    if _Current.display is None or not _Current.display.bars:
        _Current.display = _display()
    return _Current.display


def hidden() -> contextlib.AbstractContextManager[None]:
    """Return a context in which this process draws no bars on a terminal."""
    display = _Current.display
    if isinstance(display, Terminal) and display.bars:
        return display.hidden()
    return contextlib.nullcontext()


def _display() -> Display | None:
    if _is_notebook():
        return Notebook()
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    return Terminal(sys.stderr)


def _is_notebook() -> bool:
    """Whether this is the kernel of a notebook, which has imported IPython."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)
