"""Beside the flow: models whose numbers are known beforehand, judged by the real code."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.data.load import load_dataset
from recbench.data.split import Split, split_of
from recbench.hookspecs import hookimpl
from recbench.plugins import load_plugins
from recbench.results.result import Result
from recbench.run import run

KS = (1, 5, 10)


DRAWS = 20
"""How often targets are drawn for each row, if that makes no more than MOST scores."""


MOST = 3 * 10**8


LUCK = 1e-4
"""How likely it is that a right referee is found wrong by chance, for each number at most."""


@dataclass(frozen=True)
class Check:
    """One number that was known beforehand. expected, actual: for people."""

    name: str
    expected: str
    actual: str
    holds: bool


def selfcheck(
    dataset: str | Path = "synthetic",
    *,
    split: str = "leave-last-out",
    data_dir: str | None = None,
) -> list[Check]:
    """Judge an oracle, a constant, a lover of seen items and shuffled targets on a dataset.

    The oracle, who knows the targets, must get exactly 1; the constant what random orders give on
    average; liking what is masked must change nothing; and nobody may find targets that are
    shuffled over all items of the catalogue that may be recommended better or worse than chance.
    """
    plugins = load_plugins()
    data = load_dataset(dataset, data_dir, plugins)
    _, parts = split_of(plugins, data, split)
    shuffled = Shuffled(parts, data)
    mine = SimpleNamespace(
        recbench_models=_hook(
            "recbench_models",
            {
                "selfcheck-oracle": lambda: Oracle(parts),
                "selfcheck-constant": Constant,
                "selfcheck-loves-seen": LovesSeen,
            },
        ),
        recbench_splitters=_hook("recbench_splitters", {"selfcheck-shuffled": lambda: shuffled}),
        recbench_datasets=_hook("recbench_datasets", {"selfcheck-data": lambda: data}),
    )
    text = f"selfcheck-data:repeats={data.repeats}"
    how: dict[str, Any] = {"plugins": load_plugins(selfcheck=mine), "ks": KS, "results": None}
    names = ["selfcheck-oracle", "selfcheck-constant", "selfcheck-loves-seen"]
    oracle, constant, loves = run(names, text, split=split, **how)
    checks, rooms, drawn = [], _rooms(parts, data), _rooms(shuffled.parts, data)
    seen = _any_seen(parts)
    for k in KS:
        for metric in ("ndcg", "recall"):
            checks.append(_equal("oracle", oracle, metric, k, _most(parts, metric, k)))
            chance = _chance(rooms, metric, k)[0]
            checks.append(_equal("constant", constant, metric, k, chance))
            if data.repeats == "first" and not seen:
                checks.append(_equal("loves seen items", loves, metric, k, chance))
    for one in run(["selfcheck-oracle", "popular"], text, split="selfcheck-shuffled", **how):
        for k in KS:
            name = f"{one.model.removeprefix('selfcheck-')}, shuffled targets"
            checks.append(_near(name, one, k, *_chance(drawn, "ndcg", k)))
    return checks


class Constant:
    """Scores everything the same."""

    def fit(self, train: Interactions) -> Constant:  # noqa: ARG002
        """Learn nothing."""
        return self

    def score(self, history: Interactions) -> Array:
        """Zeros."""
        return np.zeros((len(history), history.n_items))


class LovesSeen(Constant):
    """Scores what a row has seen above everything else."""

    def score(self, history: Interactions) -> Array:
        """One for what was seen, zero for the rest."""
        scores = np.zeros((len(history), history.n_items))
        scores[np.repeat(np.arange(len(history)), history.lengths), history.items] = 1
        return scores


class Oracle(Constant):
    """Knows the targets of a split."""

    def __init__(self, split: Split) -> None:
        history = split.history.take(split.judged)
        self.known = {
            (user, items.tobytes()): targets
            for user, items, targets in zip(
                history.users.tolist(), history.sequences(), _targets(split), strict=True
            )
        }

    def score(self, history: Interactions) -> Array:
        """The targets above everything else."""
        scores = np.zeros((len(history), history.n_items))
        rows = zip(history.users.tolist(), history.sequences(), strict=True)
        for row, (user, items) in enumerate(rows):
            targets = self.known.get((user, items.tobytes()), ())
            scores[row, targets] = np.arange(len(targets), 0, -1)
        return scores


class Shuffled:
    """Splits into the same rows several times, with a target drawn among what each may be given."""

    def __init__(self, split: Split, data: Dataset) -> None:
        n_items, rows = data.interactions.n_items, len(split.judged)
        draws = int(np.clip(MOST // max(1, rows * n_items), 1, DRAWS))
        # seeded by the content: whatever made the data does not use the same random numbers
        draw = np.random.default_rng(int(split.fingerprint()[:16], 16))
        history = split.history.take(np.tile(split.judged, draws))
        seen = history.pairs() if data.repeats == "first" else np.empty(0, dtype=np.int64)
        row, item = np.divmod(seen, n_items)
        first = np.searchsorted(row, np.arange(len(history) + 1))
        nth = draw.integers(0, np.maximum(n_items - np.diff(first), 1))  # of what is not seen
        before = item - (np.arange(len(row)) - first[row])  # how many are not, below each seen item
        keys = row * (n_items + 1) + before
        wanted = np.arange(len(history)) * (n_items + 1) + nth
        targets = nth + np.searchsorted(keys, wanted, side="right") - first[:-1]
        targets[targets >= n_items] = -1  # all is seen: not judged
        self.parts = Split(split.train, history, targets)

    def split(self, interactions: Interactions) -> Split:  # noqa: ARG002
        """What was drawn."""
        return self.parts


def _hook(name: str, given: dict[str, Any]) -> Any:
    def answer() -> dict[str, Any]:
        return given

    answer.__name__ = name
    return hookimpl(answer)


def _targets(split: Split) -> Iterator[Array]:
    """The targets of each judged row."""
    items, offsets = split.judged_targets
    return (items[a:b] for a, b in itertools.pairwise(offsets))


def _any_seen(split: Split) -> bool:
    """Whether some row must find what it has had; it then is no ground for a check."""
    row = np.repeat(np.arange(len(split.judged)), np.diff(split.judged_targets[1]))
    wanted = row * split.train.n_items + split.judged_targets[0]
    return bool(np.isin(wanted, split.history.take(split.judged).pairs()).any())


def _rooms(split: Split, data: Dataset) -> Counter[tuple[int, int]]:
    """How many rows have so many targets among so many items that may be recommended."""
    rooms: Counter[tuple[int, int]] = Counter()
    history = split.history.take(split.judged)
    for mine, items in zip(_targets(split), history.sequences(), strict=True):
        masked = set(items.tolist()) - set(mine.tolist()) if data.repeats == "first" else ()
        rooms[len(mine), data.interactions.n_items - len(masked)] += 1
    return rooms


def _chance(rooms: Counter[tuple[int, int]], metric: str, k: int) -> tuple[float, float]:
    """The mean over rows of what a random order of what may be recommended gives on average.

    And its variance, where each row has one target. Computed without the referee's code.
    """
    gains = [1.0 if metric == "recall" else 1 / math.log2(rank + 1) for rank in range(1, k + 1)]
    means, variances = [], []
    for (n, among), rows in rooms.items():
        ideal = n if metric == "recall" else math.fsum(gains[:n])
        mean = math.fsum(gains[:among]) * n / among / ideal
        means.append(rows * mean)
        squares = math.fsum(gain**2 for gain in gains[:among]) / among
        variances.append(rows * (squares - mean**2))
    return math.fsum(means) / rooms.total(), math.fsum(variances) / rooms.total() ** 2


def _most(split: Split, metric: str, k: int) -> float:
    """What nobody can exceed: 1, but for recall where a row has more targets than k."""
    counts = np.diff(split.judged_targets[1])
    return 1.0 if metric == "ndcg" else float((np.minimum(counts, k) / counts).mean())


def _equal(name: str, got: Result, metric: str, k: int, wanted: float) -> Check:
    """Exact: 1 to the last bit, all else but for how sums are rounded."""
    value = got.value(metric, k).mean
    holds = value == wanted if wanted == 1 else abs(value - wanted) < 1e-12
    text = f"{value:.12f}" if got.ok else got.status
    return Check(f"{name}, {metric}@{k}", f"{wanted:.12f}", text, holds)


def _near(name: str, got: Result, k: int, chance: float, variance: float) -> Check:
    """By Bernstein's inequality: it needs no normal distribution, which a few hits do not have."""
    value, rows = got.value("ndcg", k), got.setting.n_cases
    luck = math.log(2 / LUCK)
    bound = math.sqrt(2 * variance * luck) + luck / (3 * rows)
    text = f"{value.mean:.4f}" if got.ok else got.status
    holds = abs(value.mean - chance) <= bound
    return Check(f"{name}, ndcg@{k}", f"{chance:.4f} ±{bound:.4f}", text, holds)
