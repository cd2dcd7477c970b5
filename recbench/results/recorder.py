"""Step 6, results: the learning curves of a model, recorded while it trains."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

from recbench.errors import printable
from recbench.files import read, write
from recbench.results.json_form import read_as
from recbench.results.result import Curves

MOST_POINTS = 1000
"""How many points a curve has. When there are more, every second one is dropped."""

PAUSE = 0.2
"""Seconds between two writes of the file."""

MOST_CURVES = 100
"""How many curves a result has; values with further names are left out."""


class Recorder:
    """Records values by name, with their steps and times, up to a limit.

    file: where the points are kept while the model trains, beside its checkpoint, so that a
    training that resumes has those of all its runs. None keeps them in memory only.
    curves: name -> points in the order of their steps.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file, self._every = file, 1
        self._points: dict[str, dict[int, tuple[float, float]]] = {}
        self._seconds_before = 0.0
        self._is_first, self._written = True, -math.inf
        self._before = _read(file)

    @property
    def curves(self) -> Curves:
        """The points of each curve: (step, seconds since the training began, value)."""
        return {
            name: tuple((step, *points[step]) for step in sorted(points))
            for name, points in self._points.items()
            if points
        }

    def record(self, step: int, seconds: float, values: Mapping[str, float]) -> bool:
        """Record the values of a step that are finite. Return whether they are kept.

        seconds: since this run of the training began.
        """
        if self._is_first:
            self._resume(step)
        if step % self._every:
            return False
        at = round(self._seconds_before + seconds, 3)
        for name, value in values.items():
            is_known = printable(name) in self._points
            if math.isfinite(value) and (is_known or len(self._points) < MOST_CURVES):
                self._points.setdefault(printable(name), {})[step] = at, value
        if max(map(len, self._points.values()), default=0) > MOST_POINTS:
            self._thin_out()
        if self._file is not None and time.monotonic() - self._written >= PAUSE:
            self._written = time.monotonic()
            with contextlib.suppress(OSError):
                write(self._file, json.dumps(self.curves).encode())
        return True

    def _resume(self, step: int) -> None:
        """Take over the points of earlier runs that are before the first step of this one."""
        self._is_first = False
        for name, points in self._before.items():
            kept = {number: point for number, *point in points if number < step}
            if kept:
                self._points[name] = {number: (at, value) for number, (at, value) in kept.items()}
                self._seconds_before = max(self._seconds_before, *(at for at, _ in kept.values()))

    def _thin_out(self) -> None:
        """Keep every second of the steps that are recorded."""
        self._every *= 2
        for name, points in self._points.items():
            self._points[name] = {
                step: point for step, point in points.items() if step % self._every == 0
            }


def _read(file: Path | None) -> Curves:
    """Return the curves in a file; none if there is no such file, or if it is damaged."""
    if file is not None:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            curves: Curves = read_as(Curves, json.loads(read(file)))
            return curves
    return {}
