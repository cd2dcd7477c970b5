"""Every step: report the progress of long work, as bars or else as lines of a log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from recbench import bars, reported


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
            with bars.hidden():  # a handler may write to the terminal behind the bars
                super().callHandlers(record)
        else:
            logging.StreamHandler().handle(record)


log = logging.getLogger("recbench")
log.__class__ = Log  # the program may have made the logger already


class Bar(bars.State):
    """A bar on a terminal or in a notebook, and nothing elsewhere. Use it as a context manager.

    The parameters are those of `Progress`.
    """

    def __init__(
        self, label: str, total: int | None = None, unit: str = "step", done: int = 0
    ) -> None:
        super().__init__(label, total, unit, done)
        self._screen: bars.Screen | None = None

    def __enter__(self) -> Self:
        self._screen = screen()
        if self._screen is not None:
            self._screen.open(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._screen is not None:
            self._screen.close(self)

    def step(self, n: int = 1, message: str = "") -> None:
        """Show that n more steps are done, and the current state."""
        self.done += n
        self.message = str(message) or self.message
        if self._screen is not None:
            self._screen.update(self)


def screen() -> bars.Screen | None:
    """Return where a new bar is drawn; None if nowhere, or if the log is not enabled for INFO."""
    return bars.screen() if log.isEnabledFor(logging.INFO) else None


def announce(text: str, *values: object) -> None:
    """Log what is done next, unless a notebook shows it as bars."""
    if not getattr(screen(), "is_enough", False):
        log.info(text, *values)


class Progress(Bar):
    """Report the progress of long work. Use it as a context manager.

    A terminal shows a bar with the latest message, and so does a notebook. Elsewhere, each message
    is written as a line. All go to stderr, unless the logger `recbench` is not enabled for INFO.
    A model can use it too: its process sends the state to the main process, which draws it.

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
        super().__init__(label, total, unit, done)
        self.stays = True

    def step(
        self, n: int = 1, message: str = "", values: Mapping[str, float] | None = None
    ) -> None:
        """Report that more steps are done, and values that were measured there.

        Parameters
        ----------
        n : int, default: 1
            Number of steps that were done since the last call.
        message : str, optional
            Current state, such as "loss 0.31". Without a message and values, no line is written.
        values : mapping of str to float, optional
            What was measured at this step, such as {"loss": 0.31, "validation": 0.12}. While a
            model trains, the values are passed to the hook `recbench_progress` and stored with the
            result, and `recbench curves` draws them. The step is the number of steps done so far.
            Without a message, they are the message. The name "validation" is for a metric on data
            that the model holds out itself, of which higher is better: `recbench tune` may stop a
            trial whose value is worse than those of others. Values that are not finite are ignored.

        Raises
        ------
        ValueError
            If `values` is not a mapping from names to numbers. A name has 1 to 100 characters, and
            a step at most 100 values.

        Examples
        --------
        >>> import recbench
        >>> with recbench.Progress("my-model", total=100) as progress:
        ...     progress.step(25, "a quarter is done")
        >>> progress.done
        25
        >>> with recbench.Progress("my-model", total=2, unit="epoch") as progress:
        ...     progress.step(values={"loss": 0.31})
        >>> progress.message
        'loss 0.31'
        """
        if values is not None:
            numbers = reported.checked("Progress.step", values)
            message = message or ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        super().step(n, message)
        if values:
            reported.report("Progress.step", self.done, numbers)
        if message and self._screen is None:
            total = f"/{self.total}" if self.total else ""
            log.info("%s: %s %d%s, %s", self.label, self.unit, self.done, total, message)
