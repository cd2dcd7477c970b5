"""What all trackers share: which events belong to which run, and what happens if a run fails."""

from __future__ import annotations

import abc
import contextlib
import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar

import recbench

from .facts import Point, began_at, ended_at, points_of

LOG = logging.getLogger("recbench")

PAUSE = 1.0
"""Seconds between two times that the values of a run are written."""

MOST_FAILURES = 3
"""After this many failures without a success between them, nothing more is recorded."""


@dataclass
class Open:
    """A cell whose run has begun and not ended.

    run: what the tracker calls it. latest: the time of its beginning or of its latest point, in
    seconds since 1970. waiting: points that are not written yet. written: those that are, by name
    and step. last: when something was written.
    """

    run: Any
    latest: float
    waiting: list[Point] = field(default_factory=list)
    written: set[tuple[str, int]] = field(default_factory=set)
    last: float = -math.inf


class Tracker(abc.ABC):
    """Turns events into runs. Cells that train at the same time have a run each."""

    name: ClassVar[str]
    """What users call the tracker."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[str, Open] = {}
        self._lost: set[str] = set()
        self._failures = 0
        self._n_ended = 0

    @recbench.hookimpl
    def recbench_progress(
        self, cell: recbench.Result, step: int, values: Mapping[str, float]
    ) -> None:
        """Record values that a model reports; at most once a second, as a call can be slow.

        Parameters
        ----------
        cell : recbench.Result
            The model, dataset and seed.
        step : int
            How far the training is.
        values : mapping of str to float
            Values by name.
        """
        with self._lock:
            if cell.key in self._lost or self._has_given_up:
                return
            with self._counted(cell.key):
                now = time.time()
                opened = self._opened(cell, now)
                opened.waiting += [
                    Point(recbench.printable(name), step, value, now)
                    for name, value in values.items()
                    if math.isfinite(value)
                ]
                if time.monotonic() - opened.last >= PAUSE:
                    self._write_waiting(opened)

    @recbench.hookimpl
    def recbench_run_finished(self, result: recbench.Result) -> None:
        """Record a result, and what is missing of its learning curves.

        Parameters
        ----------
        result : recbench.Result
            A result, or a failure.
        """
        with self._lock, self._counted(result.key):
            if self._has_given_up:
                return
            opened = self._opened(result, began_at(result))
            try:
                known = opened.written | {(point.name, point.step) for point in opened.waiting}
                opened.waiting += [
                    point for point in points_of(result) if (point.name, point.step) not in known
                ]
                self._write_waiting(opened)
                # events can come later than they happened, such as while a store is made
                self._end(opened.run, result, max(ended_at(result), opened.latest))
            except Exception:
                del self._open[result.key]
                raise
            del self._open[result.key]  # after Ctrl-C, it is still open
            self._lost.discard(result.key)
            self._n_ended += 1

    @recbench.hookimpl
    def recbench_all_finished(self, results: recbench.Results) -> None:
        """Record the table, and end the runs of models that were interrupted.

        Parameters
        ----------
        results : recbench.Results
            All results.
        """
        with self._lock, self._counted(""):
            if self._has_given_up:
                return
            interrupted, self._open = list(self._open.values()), {}
            number, self._n_ended = self._n_ended + len(interrupted), 0
            self._lost.clear()
            for opened in interrupted:
                self._write_waiting(opened)
                self._interrupt(opened.run)
            if number:
                where = self._conclude(results, interrupted=bool(interrupted))
                LOG.info("%s: %s in %s", self.name, recbench.counted(number, "run"), where)
            else:
                LOG.info("%s: no model was run, so there is nothing new to record", self.name)

    @contextlib.contextmanager
    def _counted(self, key: str) -> Iterator[None]:
        """Count failures: a server that is gone must not make every event wait for it."""
        try:
            yield
        except Exception as error:
            self._lost.add(key)
            self._failures += 1
            if self._failures == MOST_FAILURES:
                raise recbench.RecbenchError(
                    f"{self.name} failed {MOST_FAILURES} times in a row, so nothing more is "
                    f"recorded there; the last reason: {error}"
                ) from error
            raise
        if not self._has_given_up:
            self._failures = 0

    @property
    def _has_given_up(self) -> bool:
        return self._failures >= MOST_FAILURES

    def _opened(self, cell: recbench.Result, began: float) -> Open:
        """Return the open run of a cell. It begins if there is none."""
        if cell.key not in self._open:
            self._open[cell.key] = Open(self._begin(cell, began), began)
        return self._open[cell.key]

    def _write_waiting(self, opened: Open) -> None:
        if opened.waiting:
            self._write(opened.run, opened.waiting)
            opened.written |= {(point.name, point.step) for point in opened.waiting}
            opened.latest = max(opened.latest, *(point.time for point in opened.waiting))
            opened.waiting = []
        opened.last = time.monotonic()

    @abc.abstractmethod
    def _begin(self, cell: recbench.Result, began: float) -> Any:
        """Begin the run of a cell, and return it. began: in seconds since 1970."""

    @abc.abstractmethod
    def _write(self, run: Any, points: Sequence[Point]) -> None:
        """Record points of learning curves."""

    @abc.abstractmethod
    def _end(self, run: Any, result: recbench.Result, ended: float) -> None:
        """Record a result, and end its run. ended: in seconds since 1970."""

    @abc.abstractmethod
    def _interrupt(self, run: Any) -> None:
        """End the run of a cell that has no result."""

    @abc.abstractmethod
    def _conclude(self, results: recbench.Results, *, interrupted: bool) -> str:
        """Record the table of all results. Return where the runs are, for the log."""


def require(tracker: str, package: str) -> None:
    """Raise UsageError if the package of a tracker is not installed."""
    if find_spec(package) is None:
        raise missing(tracker, package)


def missing(tracker: str, package: str) -> recbench.UsageError:
    """Return the error for a package that is not installed."""
    return recbench.UsageError(
        f"{tracker} needs the package {package}, which is not installed; run "
        f'pip install "recbench-toolkit[{tracker}]"'
    )
