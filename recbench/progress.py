"""Every step: report the progress of long work, as a bar on a terminal or else as lines."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any, Self


class Log(logging.Logger):
    """A logger that writes to stderr, from INFO on, unless the program has configured logging."""

    def getEffectiveLevel(self) -> int:  # noqa: N802  the name in logging
        """Return the level from which messages are used."""
        return super().getEffectiveLevel() if self.level or self.hasHandlers() else logging.INFO

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  the name in logging
        """Return whether messages of a level are used, without the cache of `logging`."""
        return level > self.manager.disable and level >= self.getEffectiveLevel()

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802  the name in logging
        """Pass a message to all handlers, or to stderr if there are none."""
        if self.hasHandlers():
            super().callHandlers(record)
        else:
            logging.StreamHandler().handle(record)


log = logging.getLogger("recbench")
log.__class__ = Log  # the program may have made the logger already


class Progress:
    """Report the progress of long work. Use it as a context manager.

    A terminal shows one bar with the latest message. Elsewhere, each message is written as a
    line. Both go to stderr, unless the logger `recbench` is not enabled for INFO.

    Parameters
    ----------
    label : str
        Name of the work in progress, such as the name of a model.
    total : int, optional
        Number of steps, or None if it is unknown.
    unit : str, default: "step"
        What one step is, such as "epoch". With "byte", the bar shows sizes.
    done : int, default: 0
        Number of steps that an earlier run has done, for work that resumes.

    Attributes
    ----------
    done : int
        Number of steps done so far.

    Examples
    --------
    >>> import recbench
    >>> with recbench.Progress("my-model", total=3, unit="epoch") as progress:
    ...     for epoch in range(3):
    ...         progress.step(message=f"loss {1 / (epoch + 1):.3f}")
    >>> progress.done
    3
    """

    def __init__(
        self, label: str, total: int | None = None, unit: str = "step", done: int = 0
    ) -> None:
        self.label, self.total, self.unit, self.done = label, total, unit, done
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            self._bar, self._task = _bar(self.label, self.total, self.unit, self.done)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, n: int = 1, message: str = "") -> None:
        """Report that more steps are done.

        Parameters
        ----------
        n : int, default: 1
            Number of steps that were done since the last call.
        message : str, optional
            Current state, such as "loss 0.31". Without a message, no line is written.

        Examples
        --------
        >>> import recbench
        >>> with recbench.Progress("my-model", total=100) as progress:
        ...     progress.step(25, "a quarter is done")
        >>> progress.done
        25
        """
        self.done += n
        if self._bar is not None:
            fields = {"message": message} if message else {}
            self._bar.update(self._task, advance=n, **fields)
        elif message:
            total = f"/{self.total}" if self.total else ""
            log.info("%s: %s %d%s, %s", self.label, self.unit, self.done, total, message)


def _bar(label: str, total: int | None, unit: str, done: int) -> tuple[Any, Any]:
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=10),
        progress.MofNCompleteColumn() if unit != "byte" else progress.DownloadColumn(),
        progress.TextColumn("{task.fields[message]}"),
        console=Console(stderr=True),
    )
    return bar, bar.add_task(label, total=total, completed=done, message="")
