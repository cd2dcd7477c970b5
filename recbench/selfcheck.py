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
from recbench.data.split import Split, make_split
from recbench.hookspecs import hookimpl
from recbench.plugins import load_plugins
from recbench.results.result import Result
from recbench.run import run

KS = (1, 5, 10)

MAX_DRAWS = 20
"""How often targets are drawn for each case, if that makes no more than MAX_SCORES scores."""

MAX_SCORES = 3 * 10**8

FALSE_ALARM = 1e-4
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
    """Judge oracles, a constant, a lover of seen items and shuffled targets on a dataset.

    The oracle, who knows the targets, must get exactly 1; an oracle who cannot tell them from one
    other item, and the constant, what random orders of what they tie give on average; liking what
    is masked must change nothing; and nobody may find targets that are shuffled over all items of
    the catalogue that may be recommended better or worse than chance.
    """
    plugins = load_plugins()
    data = load_dataset(dataset, data_dir, plugins)
    _, parts = make_split(plugins, data, split)
    shuffled = Shuffled(parts, data)
    models = {
        "selfcheck-oracle": lambda: Oracle(parts),
        "selfcheck-torn-oracle": lambda: TornOracle(parts),
        "selfcheck-constant": Constant,
        "selfcheck-loves-seen": LovesSeen,
        "selfcheck-oracle-loves-seen": lambda: OracleLovesSeen(parts),
    }
    planted = SimpleNamespace(
        recbench_models=_hook("recbench_models", models),
        recbench_splitters=_hook("recbench_splitters", {"selfcheck-shuffled": lambda: shuffled}),
        recbench_datasets=_hook("recbench_datasets", {"selfcheck-data": lambda: data}),
    )
    name = f"selfcheck-data:repeats={data.repeats}"
    same: dict[str, Any] = {"plugins": load_plugins(selfcheck=planted), "ks": KS, "results": None}
    oracle, torn, constant, loves_seen, oracle_loves_seen = run(
        list(models), name, split=split, **same
    )
    checks = []
    sizes, torn_sizes = _sizes(parts, data), _torn_sizes(parts)
    for k in KS:
        for metric in ("ndcg", "recall"):
            most = _most(parts, metric, k)
            chance = _chance(sizes, metric, k)[0]
            torn_chance = _chance(torn_sizes, metric, k)[0]
            checks.append(_exact("oracle", oracle, metric, k, most))
            checks.append(_exact("oracle with a tie", torn, metric, k, torn_chance))
            checks.append(_exact("constant", constant, metric, k, chance))
            if data.repeats == "first" and not _any_seen(parts):
                checks.append(_exact("loves seen items", loves_seen, metric, k, chance))
                checks.append(_exact("oracle loves seen items", oracle_loves_seen, metric, k, most))
    drawn_sizes = _sizes(shuffled.parts, data)
    for result in run(["selfcheck-oracle", "popular"], name, split="selfcheck-shuffled", **same):
        label = f"{result.model.removeprefix('selfcheck-')}, shuffled targets"
        checks += [_by_chance(label, result, k, *_chance(drawn_sizes, "ndcg", k)) for k in KS]
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
    """Scores what a case has seen above everything else."""

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


class OracleLovesSeen(Oracle):
    """Scores what a case has seen above its targets, and these above everything else."""

    def score(self, history: Interactions) -> Array:
        """More than any target for what was seen."""
        return np.asarray(super().score(history) + history.n_items * LovesSeen().score(history))


class TornOracle(Oracle):
    """Cannot tell the targets of a case from one other item, the first that was not seen."""

    def score(self, history: Interactions) -> Array:
        """One for the targets and the other item, zero for the rest."""
        scores = super().score(history) > 0
        known = scores | (LovesSeen().score(history) > 0)
        others = known.argmin(axis=1)
        scores[np.arange(len(scores)), others] |= ~known.all(axis=1)
        return scores.astype(np.float64)


class Shuffled:
    """Splits into the same cases several times, each with a target drawn among what it may get."""

    def __init__(self, split: Split, data: Dataset) -> None:
        n_items, n_cases = data.interactions.n_items, len(split.judged)
        draws = int(np.clip(MAX_SCORES // max(1, n_cases * n_items), 1, MAX_DRAWS))
        # seeded by the content: whatever made the data does not use the same random numbers
        draw = np.random.default_rng(int(split.fingerprint()[:16], 16))
        history = split.history.take(np.tile(split.judged, draws))
        seen = history.pairs() if data.repeats == "first" else np.empty(0, dtype=np.int64)
        case, item = np.divmod(seen, n_items)
        first = np.searchsorted(case, np.arange(len(history) + 1))
        nth = draw.integers(0, np.maximum(n_items - np.diff(first), 1))  # of what is not seen
        before = item - (np.arange(len(case)) - first[case])  # unseen items below each seen one
        keys = case * (n_items + 1) + before
        wanted = np.arange(len(history)) * (n_items + 1) + nth
        targets = nth + np.searchsorted(keys, wanted, side="right") - first[:-1]
        targets[targets >= n_items] = -1  # all is seen: not judged
        self.parts = Split(split.train, history, targets)

    def split(self, interactions: Interactions) -> Split:  # noqa: ARG002
        """What was drawn."""
        return self.parts


def _hook(name: str, factories: dict[str, Any]) -> Any:
    def answer() -> dict[str, Any]:
        return factories

    answer.__name__ = name
    return hookimpl(answer)


def _targets(split: Split) -> Iterator[Array]:
    """The targets of each case."""
    items, offsets = split.judged_targets
    return (items[start:stop] for start, stop in itertools.pairwise(offsets))


def _any_seen(split: Split) -> bool:
    """Whether some case must find what it has had; it then is no ground for a check."""
    return bool(np.isin(split.target_pairs, split.history.take(split.judged).pairs()).any())


def _sizes(split: Split, data: Dataset) -> Counter[tuple[int, int]]:
    """How many cases have so many targets among so many items that may be recommended."""
    sizes: Counter[tuple[int, int]] = Counter()
    history = split.history.take(split.judged)
    for targets, items in zip(_targets(split), history.sequences(), strict=True):
        masked = set(items.tolist()) - set(targets.tolist()) if data.repeats == "first" else ()
        sizes[len(targets), data.interactions.n_items - len(masked)] += 1
    return sizes


def _torn_sizes(split: Split) -> Counter[tuple[int, int]]:
    """How many cases have so many targets among so many items that `TornOracle` puts on top."""
    sizes: Counter[tuple[int, int]] = Counter()
    history = split.history.take(split.judged)
    for targets, items in zip(_targets(split), history.sequences(), strict=True):
        another = len({*items.tolist(), *targets.tolist()}) < history.n_items
        sizes[len(targets), len(targets) + another] += 1
    return sizes


def _chance(sizes: Counter[tuple[int, int]], metric: str, k: int) -> tuple[float, float]:
    """The mean over cases of what a random order of so many items gives on average.

    And its variance, where each case has one target. Computed without the referee's code.
    """
    gains = [1.0 if metric == "recall" else 1 / math.log2(rank + 1) for rank in range(1, k + 1)]
    means, variances = [], []
    for (n_targets, n_items), n_cases in sizes.items():
        ideal = n_targets if metric == "recall" else math.fsum(gains[:n_targets])
        mean = math.fsum(gains[:n_items]) * n_targets / n_items / ideal
        means.append(n_cases * mean)
        squares = math.fsum(gain**2 for gain in gains[:n_items]) / n_items
        variances.append(n_cases * (squares - mean**2))
    return math.fsum(means) / sizes.total(), math.fsum(variances) / sizes.total() ** 2


def _most(split: Split, metric: str, k: int) -> float:
    """What nobody can exceed: 1, but for recall where a case has more targets than k."""
    counts = np.diff(split.judged_targets[1])
    return 1.0 if metric == "ndcg" else float((np.minimum(counts, k) / counts).mean())


def _exact(name: str, result: Result, metric: str, k: int, expected: float) -> Check:
    """Exact: 1 to the last bit, all else but for how sums are rounded."""
    value = result.value(metric, k).mean
    holds = value == expected if expected == 1 else abs(value - expected) < 1e-12
    actual = f"{value:.12f}" if result.ok else result.status
    return Check(f"{name}, {metric}@{k}", f"{expected:.12f}", actual, holds)


def _by_chance(name: str, result: Result, k: int, chance: float, variance: float) -> Check:
    """By Bernstein's inequality: it needs no normal distribution, which a few hits do not have."""
    value, n_cases = result.value("ndcg", k).mean, result.setting.n_cases
    surprise = math.log(2 / FALSE_ALARM)
    bound = math.sqrt(2 * variance * surprise) + surprise / (3 * n_cases)
    actual = f"{value:.4f}" if result.ok else result.status
    holds = abs(value - chance) <= bound
    return Check(f"{name}, ndcg@{k}", f"{chance:.4f} ±{bound:.4f}", actual, holds)
