"""What `cluster.py` measures."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from leaderboard import Cell, RunCosts, simulate


@dataclass(frozen=True)
class Timed:
    """A run of all cells, in seconds.

    before: until the first cell was submitted. ends: of each cell, since then, in the order of
    their ends. inside: inside the model of each.
    """

    seconds: float
    before: float
    ends: Sequence[float]
    inside: Sequence[float]

    def later(self, seconds: float) -> Timed:
        """Return a run that began these seconds earlier."""
        return dataclasses.replace(self, seconds=self.seconds + seconds)

    @property
    def cells(self) -> Sequence[float]:
        """Seconds between the end of each cell and the one before, if they do not overlap."""
        return np.diff(self.ends, prepend=0).tolist()

    @property
    def rest(self) -> Sequence[float]:
        """Seconds of each cell besides fit and score: its process, evaluation and storage."""
        return (np.array(self.cells) - self.inside).tolist()


@dataclass(frozen=True)
class OfDataset:
    """What depends on a dataset: seconds to load and split it, and of a cell besides its model."""

    interactions: int
    load: float
    rest: float


@dataclass(frozen=True)
class Costs:
    """Costs of a cell: of the scheduler, of its way there and back, and where it is stored.

    round_trip: seconds of an empty task. order_bytes, answer_bytes: sent to a worker, and returned;
    model_bytes: of these, the fitted model. keep: seconds to store what was returned. written:
    bytes and calls in the folder of results.
    """

    round_trip: float
    tasks_per_second: float
    order_bytes: float
    answer_bytes: float
    model_bytes: float
    keep: float
    written: Mapping[str, float]
    small: OfDataset
    large: OfDataset


@dataclass(frozen=True)
class Found:
    """All that was measured. runs: kind of run -> the runs."""

    data: str
    n_cells: int
    n_runs: int
    runs: Mapping[str, Sequence[Timed]]
    costs: Costs

    def seconds(self, kind: str) -> float:
        """Return the median of a kind of run."""
        return statistics.median(run.seconds for run in self.runs[kind])

    @property
    def overhead(self) -> float:
        """Seconds of a cell on a worker beyond those that it takes without one."""
        return (self.seconds("warm 1") - self.seconds("plain")) / self.n_cells

    @property
    def overhead_of_job(self) -> float:
        """The same for a job, which starts Python and loads the data."""
        jobs, plain = self.runs["jobs"][0], self.runs["plain"]
        n_cells = len(jobs.ends)
        own = statistics.median(run.before + run.ends[n_cells - 1] for run in plain)
        return (jobs.seconds - own) / n_cells

    @property
    def start(self) -> float:
        """Seconds until a new worker begins its second cell, beyond those of a warm one."""
        return self.seconds("cold 1") - self.seconds("warm 1")

    @property
    def predicted(self) -> float:
        """Seconds of the run on two workers, as simulated from the cells of the run on one."""
        return statistics.median(map(predicted, self.runs["warm 1"]))


def predicted(run: Timed) -> float:
    """Return the seconds that a run on one worker would take on two."""
    cells = [Cell("", 0, seconds) for seconds in run.cells]
    others = run.seconds - run.ends[-1]
    return others + simulate(cells, 2, RunCosts(0, 0, 0, [0])).seconds
