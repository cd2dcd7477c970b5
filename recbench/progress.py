"""Every step: telling how far long work is, as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any, Self

log = logging.getLogger("recbench")


class Progress:
    """Long work that tells how far it is. Use as a context manager.

        with recbench.Progress("transformer", total=epochs, unit="epoch") as progress:
            for epoch in range(epochs):
                ...
                progress.step(message=f"loss {loss:.3f}")

    On a terminal one bar is redrawn with the latest message; elsewhere each message is a line.
    Both go to stderr, and only where the logger `recbench` is enabled for INFO, as the CLI does.

    label: whose work; total: how many steps, None if unknown; unit: what a step is.
    """

    def __init__(self, label: str, total: int | None = None, unit: str = "step") -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            self._bar, self._task = _bar(self.label, self.total, self.unit)
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
        """Say that `n` more steps are done, and perhaps how it goes."""
        self.done += n
        if self._bar is not None:
            fields = {"message": message} if message else {}
            self._bar.update(self._task, advance=n, **fields)
        elif message:
            total = f"/{self.total}" if self.total else ""
            log.info("%s: %s %d%s, %s", self.label, self.unit, self.done, total, message)


def _bar(label: str, total: int | None, unit: str) -> tuple[Any, Any]:
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=10),
        progress.MofNCompleteColumn() if unit != "byte" else progress.DownloadColumn(),
        progress.TextColumn("{task.fields[message]}"),
        console=Console(stderr=True),
    )
    return bar, bar.add_task(label, total=total, message="")
