"""The leaderboard of cluster.md: how long its cells take, and a simulated schedule of them.

The times in the model are those of the committed results, as far as they reach; others follow from
them by the number of interactions.
"""

from __future__ import annotations

import heapq
import statistics
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recbench.jobs.worker import MOST_DATASETS
from recbench.store.format import decode_result

REFERENCE = Path(__file__).parents[1] / "results" / "reference"

MEASURED = {
    "ml-100k": "leave-last-out",
    "OnlineRetail.parquet": "leave-last-basket",
    "sasrec-ml-1m.txt": "leave-last-out",
}
"""Datasets of which most models have a committed result -> the split."""

SECOND_SETTINGS = (
    *("rules", "markov", "item-knn", "user-knn", "ease", "slim", "als", "bpr", "recent-popular"),
)
"""Models that are twice in the leaderboard. The second setting takes as long as the first one."""

SIZES = (30_000, 10_000_000)
"""The fewest and most interactions of a dataset."""

N_DATASETS, N_SEEDS = 20, 5

N_DRAWS = 20
"""How many random orders are simulated."""

LEAST_SECONDS = 0.001
"""What a time is taken for if it is shorter, so that it has a logarithm."""


@dataclass(frozen=True)
class Model:
    """A model of the leaderboard: seconds to fit and score by the number of interactions.

    points: interactions -> measured seconds. has_seed: whether it runs once per seed.
    """

    name: str
    points: Mapping[int, float]
    has_seed: bool

    @property
    def power(self) -> tuple[float, float]:
        """Factor and exponent of the power law that is closest to the measured times."""
        sizes, seconds = np.log(list(self.points)), np.log(list(self.points.values()))
        exponent, constant = np.polyfit(sizes, seconds, 1)
        return float(np.exp(constant)), float(exponent)

    def seconds(self, interactions: int) -> float:
        """Return the measured seconds, or those by the power law."""
        factor, exponent = self.power
        return self.points.get(interactions, factor * interactions**exponent)


def committed_models() -> list[Model]:
    """Return the models with a committed result on two or more of the datasets."""
    times: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    seeded = {}
    for path in sorted(REFERENCE.glob("*/**/*.json")):
        if "tuned" in path.parts:
            continue
        result = decode_result(path, path.read_bytes())
        setting = result.setting
        is_wanted = MEASURED.get(setting.dataset_title) == setting.split
        if not is_wanted or not result.ok:
            continue
        seconds = max(LEAST_SECONDS, result.fit_seconds + result.score_seconds)
        times[result.model][setting.n_interactions].append(seconds)
        seeded[result.model] = result.seed is not None
    return [
        Model(
            name,
            {size: statistics.median(found) for size, found in sorted(points.items())},
            seeded[name],
        )
        for name, points in sorted(times.items())
        if len(points) > 1
    ]


@dataclass(frozen=True)
class Cell:
    """A cell of the leaderboard. seconds: of its own work, without the data."""

    model: str
    dataset: int
    seconds: float


@dataclass(frozen=True)
class RunCosts:
    """What a run costs besides the work of its cells, in seconds.

    cell: for each cell on its worker. keep: for each result in the process that submits. start: for
    each worker. load: for each dataset, when a worker loads it.
    """

    cell: float
    keep: float
    start: float
    load: Sequence[float]


@dataclass(frozen=True)
class Run:
    """A simulated run. seconds: until all results are stored. loads: how often data are loaded."""

    seconds: float
    loads: int


def sizes_of(models: Iterable[Model]) -> list[int]:
    """Return the interactions of the measured datasets."""
    return sorted({size for model in models for size in model.points})


def datasets(measured: Sequence[int]) -> list[int]:
    """Return the interactions of each dataset: the measured ones, and others around them."""
    spread = np.geomspace(*SIZES, N_DATASETS - len(measured)).round(-3).astype(int)
    return sorted([*measured, *map(int, spread)])


def leaderboard(models: Sequence[Model], sizes: Sequence[int], rest: Sequence[float]) -> list[Cell]:
    """Return the cells in the order in which recbench submits them: dataset, model, seed.

    rest: for each dataset, the seconds of a cell besides fit and score.
    """
    doubled = [model for model in models for _ in range(1 + (model.name in SECOND_SETTINGS))]
    return [
        Cell(model.name, dataset, model.seconds(size) + rest[dataset])
        for dataset, size in enumerate(sizes)
        for model in doubled
        for _ in range(N_SEEDS if model.has_seed else 1)
    ]


def simulate(cells: Sequence[Cell], n_workers: int, costs: RunCosts) -> Run:
    """Return the run of cells in this order: each goes to the worker that is free first.

    A worker keeps the datasets that it has loaded last, as those of recbench do. The results are
    stored one after the other by the process that submits.
    """
    free = [(costs.start, worker) for worker in range(n_workers)]
    kept: list[OrderedDict[int, None]] = [OrderedDict() for _ in free]
    ends, loads = [], 0
    for cell in cells:
        began, worker = heapq.heappop(free)
        end = began + costs.cell + cell.seconds
        if cell.dataset not in kept[worker]:
            kept[worker][cell.dataset] = None
            end += costs.load[cell.dataset]
            loads += 1
            if len(kept[worker]) > MOST_DATASETS:
                kept[worker].popitem(last=False)
        heapq.heappush(free, (end, worker))
        ends.append(end)
    stored = 0.0
    for end in sorted(ends):
        stored = max(stored, end) + costs.keep
    return Run(stored, loads)


def longest_first(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells, longest first."""
    return sorted(cells, key=lambda cell: cell.seconds, reverse=True)


def shuffled(cells: Sequence[Cell], seed: int) -> list[Cell]:
    """Return the cells in random order."""
    return [cells[place] for place in np.random.default_rng(seed).permutation(len(cells))]


def schedule_rows(cells: Sequence[Cell], costs: RunCosts) -> list[str]:
    """Return a row for each number of workers: hours in each order, and what limits them."""
    work = sum(cell.seconds for cell in cells)
    longest = max(cells, key=lambda cell: cell.seconds)
    rows = []
    for n_workers in (1, 10, 100):
        best = simulate(longest_first(cells), n_workers, costs)
        given = simulate(cells, n_workers, costs)
        random = statistics.median(
            simulate(shuffled(cells, seed), n_workers, costs).seconds for seed in range(N_DRAWS)
        )
        share = work / (n_workers * best.seconds)
        limit = "the work" if work / n_workers > longest.seconds else "the longest cell"
        rows.append(
            f"| {n_workers} | {hours(best.seconds)} | {share:.0%} | {best.loads} | {limit} "
            f"| {hours(given.seconds)} | {given.loads} | {hours(random)} |"
        )
    return rows


def model_rows(models: Sequence[Model]) -> list[str]:
    """Return a row for each model: measured seconds, exponent, and the largest extrapolation."""
    sizes, rows = sizes_of(models), []
    for model in models:
        measured = [f"{model.points[size]:.3f}" if size in model.points else "-" for size in sizes]
        rows.append(
            f"| {model.name} | {' | '.join(measured)} | {model.power[1]:.2f} "
            f"| {model.seconds(SIZES[1]):,.1f} |"
        )
    return rows


def hours(seconds: float) -> str:
    """Return seconds as hours."""
    return f"{seconds / 3600:,.1f}" if seconds >= 36_000 else f"{seconds / 3600:.2f}"
