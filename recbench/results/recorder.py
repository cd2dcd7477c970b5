"""Step 6, results: the learning curves of a model, recorded while it trains."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from recbench.errors import printable
from recbench.files import read
from recbench.results.json_form import read_as
from recbench.results.result import LearningCurves

MOST_POINTS = 1000
"""How many points a curve has. When there are more, every second one is dropped."""

MOST_CURVES = 100
"""How many curves a result has; values with further names are left out."""

Recorded = tuple[int, float, Mapping[str, float]]
"""A step, the seconds since the training began, and the values there."""


class Recorder:
    """Records values by name, with their steps and times, up to a limit.

    file: where they are kept while the model trains, a line per step, beside its checkpoint, so
    that a training that resumes has the values of all its runs. None keeps them in memory only.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file, self._every = file, 1
        self._points: dict[str, dict[int, tuple[float, float]]] = {}
        self._before = [] if file is None else list(_lines(file))
        self._seconds_before = 0.0

    @property
    def curves(self) -> LearningCurves:
        """Name of a value -> (step, seconds since the training began, value) of each step."""
        return {
            name: tuple((step, *points[step]) for step in sorted(points))
            for name, points in self._points.items()
            if points
        }

    def record(self, step: int, seconds: float, values: Mapping[str, float]) -> bool:
        """Record the values of a step that are finite. Return whether they are kept.

        seconds: since this run of the training began.
        """
        self._resume(step)
        if step % self._every:
            return False
        at = round(self._seconds_before + seconds, 3)
        self._add(step, at, values)
        if self._file is not None:
            line = json.dumps([step, at, dict(values)])
            with contextlib.suppress(OSError), self._file.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        return True

    def _add(self, step: int, at: float, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            is_known = printable(name) in self._points
            if math.isfinite(value) and (is_known or len(self._points) < MOST_CURVES):
                self._points.setdefault(printable(name), {})[step] = at, value
        if max(map(len, self._points.values()), default=0) > MOST_POINTS:
            self._thin_out()

    def _resume(self, step: int) -> None:
        """Take over what earlier runs have recorded before the first step of this one."""
        before, self._before = self._before, []
        for number, at, values in before:
            for points in self._points.values():
                for later in [each for each in points if each > number]:
                    del points[later]  # a training that began again, or from an older checkpoint
            if number < step:
                self._add(number, at, values)
                self._seconds_before = at

    def _thin_out(self) -> None:
        """Keep every second of the steps that are recorded."""
        self._every *= 2
        for name, points in self._points.items():
            self._points[name] = {
                step: point for step, point in points.items() if step % self._every == 0
            }


def _lines(file: Path) -> Iterator[Recorded]:
    """Yield what a file has recorded, up to the first line that is damaged."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        for line in read(file).decode().splitlines():
            yield read_as(tuple[int, float, Mapping[str, float]], json.loads(line))
