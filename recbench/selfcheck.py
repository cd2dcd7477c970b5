"""Outside the flow: check the referee with models whose metrics are known in advance."""

from __future__ import annotations

import dataclasses
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
from recbench.data.interactions import Array, Interactions, offsets_of, slices
from recbench.data.split import Split, make_split
from recbench.experiment import load_and_log
from recbench.hookspecs import hookimpl
from recbench.plugins import load_plugins
from recbench.results.result import Result, metric_label
from recbench.run import run

KS = (1, 5, 10)

MAX_DRAWS = 20
"""How many random targets each case gets; fewer if that would need more than MAX_SCORES scores."""

MAX_SCORES = 3 * 10**8

FALSE_ALARM = 1e-4
"""The greatest probability, per check, that a correct referee fails it by chance."""


@dataclass(frozen=True)
class Check:
    """A metric whose value is known in advance. expected, actual: human-readable numbers."""

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
    """Evaluate models with known metrics on a dataset, and compare the metrics.

    - The oracle knows the targets. Its metrics must be exactly 1, or the highest possible value.
    - The oracle with ties gives the targets and one other item the same score, and the constant
      model gives all items the same score. Their metrics must be the mean over all orders of the
      tied items.
    - Models that score seen items highest must get the same metrics as without this preference,
      because seen items are masked.
    - With shuffled targets, drawn at random from all items that can be recommended, no model may
      be better or worse than chance.
    """
    plugins = load_plugins()
    data = load_and_log(plugins, str(dataset), data_dir, log_notes=True)

    def split_again(_: Interactions | None = None) -> Split:
        return _told_apart(make_split(plugins, data, split)[1])

    parts = split_again()
    shuffled = Shuffled(parts, data)
    models = {
        "selfcheck-oracle": lambda: Oracle(parts),
        "selfcheck-oracle-with-ties": lambda: TyingOracle(parts),
        "selfcheck-constant": Constant,
        "selfcheck-prefers-seen": PrefersSeen,
        "selfcheck-oracle-prefers-seen": lambda: SeenFirstOracle(parts),
    }
    plugin = SimpleNamespace(
        recbench_models=_hook("recbench_models", models),
        recbench_splitters=_hook(
            "recbench_splitters",
            {
                "selfcheck-split": lambda: SimpleNamespace(split=split_again),
                "selfcheck-shuffled": lambda: shuffled,
            },
        ),
        recbench_datasets=_hook(
            "recbench_datasets", {"selfcheck-data": lambda: dataclasses.replace(data, notes=())}
        ),
    )
    name = f"selfcheck-data:repeats={data.repeats}"
    same: dict[str, Any] = {"plugins": load_plugins(selfcheck=plugin), "ks": KS, "results": None}
    same["in_process"] = True  # the oracles know the targets, so no other process gets them
    oracle, tying, constant, prefers_seen, seen_first = run(
        list(models), name, split="selfcheck-split", **same
    )
    checks = []
    sizes, tied_sizes = _sizes(parts, data), _tied_sizes(parts)
    for k in KS:
        for metric in ("ndcg", "recall"):
            highest = _highest(parts, metric, k)
            chance = _chance(sizes, metric, k)[0]
            tied_chance = _chance(tied_sizes, metric, k)[0]
            checks.append(_exact("oracle", oracle, metric, k, highest))
            checks.append(_exact("oracle with ties", tying, metric, k, tied_chance))
            checks.append(_exact("constant", constant, metric, k, chance))
            if data.repeats == "first" and not _any_seen(parts):
                checks += [
                    _exact("model that prefers seen items", prefers_seen, metric, k, chance),
                    _exact("oracle that prefers seen items", seen_first, metric, k, highest),
                ]
    drawn_sizes = _sizes(shuffled.parts, data)
    for result in run(["selfcheck-oracle", "popular"], name, split="selfcheck-shuffled", **same):
        label = f"{result.model.removeprefix('selfcheck-')}, shuffled targets"
        checks += [_by_chance(label, result, k, *_chance(drawn_sizes, "ndcg", k)) for k in KS]
    return checks


class Constant:
    """A model that gives all items the same score."""

    def fit(self, train: Interactions) -> Constant:  # noqa: ARG002
        """Learn nothing."""
        return self

    def score(self, history: Interactions) -> Array:
        """Return zeros."""
        return np.zeros((len(history), history.n_items))


class PrefersSeen(Constant):
    """A model that scores the items of the history above all others."""

    def score(self, history: Interactions) -> Array:
        """Return 1 for seen items and 0 for others."""
        scores = np.zeros((len(history), history.n_items))
        scores[np.repeat(np.arange(len(history)), history.lengths), history.items] = 1
        return scores


class Oracle(Constant):
    """A model that knows the targets of a split."""

    def __init__(self, split: Split) -> None:
        history = split.history.take(split.judged)
        self.known = {
            (user, items.tobytes()): targets
            for user, items, targets in zip(
                history.users.tolist(), history.sequences(), _targets(split), strict=True
            )
        }

    def score(self, history: Interactions) -> Array:
        """Return positive scores for targets and 0 for others."""
        scores = np.zeros((len(history), history.n_items))
        rows = zip(history.users.tolist(), history.sequences(), strict=True)
        for row, (user, items) in enumerate(rows):
            targets = self.known.get((user, items.tobytes()), ())
            scores[row, targets] = np.arange(len(targets), 0, -1)
        return scores


class SeenFirstOracle(Oracle):
    """An oracle that scores the items of the history above the targets."""

    def score(self, history: Interactions) -> Array:
        """Return a higher score for seen items than for any target."""
        return np.asarray(super().score(history) + history.n_items * PrefersSeen().score(history))


class TyingOracle(Oracle):
    """An oracle that gives the targets and the first other unseen item the same score."""

    def score(self, history: Interactions) -> Array:
        """Return 1 for the targets and the other item, and 0 for the rest."""
        scores = super().score(history) > 0
        known = scores | (PrefersSeen().score(history) > 0)
        others = known.argmin(axis=1)
        scores[np.arange(len(scores)), others] |= ~known.all(axis=1)
        return scores.astype(np.float64)


class Shuffled:
    """A splitter that repeats each case several times, each time with a random target.

    Targets are drawn from the items that can be recommended in the case.
    """

    def __init__(self, split: Split, data: Dataset) -> None:
        n_items, n_cases = data.interactions.n_items, len(split.judged)
        draws = int(np.clip(MAX_SCORES // max(1, n_cases * n_items), 1, MAX_DRAWS))
        # seeded by the content: synthetic data may have been made from the stream of a fixed seed
        draw = np.random.default_rng(int(split.fingerprint()[:16], 16))
        history = split.history.take(np.tile(split.judged, draws))
        seen = history.pairs() if data.repeats == "first" else np.empty(0, dtype=np.int64)
        case, item = np.divmod(seen, n_items)
        first = np.searchsorted(case, np.arange(len(history) + 1))
        nth = draw.integers(0, np.maximum(n_items - np.diff(first), 1))  # among unseen items
        before = item - (np.arange(len(case)) - first[case])  # unseen items below each seen one
        keys = case * (n_items + 1) + before
        drawn = np.arange(len(history)) * (n_items + 1) + nth
        targets = nth + np.searchsorted(keys, drawn, side="right") - first[:-1]
        targets[targets >= n_items] = -1  # no unseen item, so not judged
        self.parts = Split(split.train, history, targets)

    def split(self, interactions: Interactions) -> Split:  # noqa: ARG002
        """Return the split that was drawn."""
        return self.parts


def _hook(name: str, factories: dict[str, Any]) -> Any:
    def answer() -> dict[str, Any]:
        return factories

    answer.__name__ = name
    return hookimpl(answer)


def _targets(split: Split) -> Iterator[Array]:
    """Yield the targets of each case."""
    items, offsets = split.judged_targets
    return (items[start:stop] for start, stop in itertools.pairwise(offsets))


def _told_apart(split: Split) -> Split:
    """Judge only the first of several cases of a user with the same history.

    No model can tell them apart, so an oracle could not know the targets of all of them.
    """
    history = split.history.take(split.judged)
    first: dict[tuple[int, bytes], int] = {}
    for case, (user, items) in enumerate(
        zip(history.users.tolist(), history.sequences(), strict=True)
    ):
        first.setdefault((user, items.tobytes()), case)
    cases = np.fromiter(first.values(), dtype=np.int64)
    if len(cases) == len(history):
        return split
    targets, offsets = split.judged_targets
    lengths = np.diff(offsets)[cases]
    kept = targets[slices(offsets[cases], lengths)]
    return Split(split.train, history.take(cases), kept, offsets=offsets_of(lengths))


def _any_seen(split: Split) -> bool:
    """Whether a target is in the history of its case. Masking can then not be checked."""
    return bool(np.isin(split.target_pairs, split.history.take(split.judged).pairs()).any())


def _sizes(split: Split, data: Dataset) -> Counter[tuple[int, int]]:
    """Count cases by (number of targets, number of items that can be recommended)."""
    sizes: Counter[tuple[int, int]] = Counter()
    history = split.history.take(split.judged)
    for targets, items in zip(_targets(split), history.sequences(), strict=True):
        masked = set(items.tolist()) - set(targets.tolist()) if data.repeats == "first" else ()
        sizes[len(targets), data.interactions.n_items - len(masked)] += 1
    return sizes


def _tied_sizes(split: Split) -> Counter[tuple[int, int]]:
    """Count cases by (number of targets, number of items that `TyingOracle` scores highest)."""
    sizes: Counter[tuple[int, int]] = Counter()
    history = split.history.take(split.judged)
    for targets, items in zip(_targets(split), history.sequences(), strict=True):
        another = len({*items.tolist(), *targets.tolist()}) < history.n_items
        sizes[len(targets), len(targets) + another] += 1
    return sizes


def _chance(sizes: Counter[tuple[int, int]], metric: str, k: int) -> tuple[float, float]:
    """Return the expected metric under random orders, and its variance.

    The variance assumes one target per case. Nothing here uses the referee's code.
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


def _highest(split: Split, metric: str, k: int) -> float:
    """Return the highest possible value: below 1 for recall, if cases have more than k targets."""
    counts = np.diff(split.judged_targets[1])
    return 1.0 if metric == "ndcg" else float((np.minimum(counts, k) / counts).mean())


def _exact(name: str, result: Result, metric: str, k: int, expected: float) -> Check:
    """Check a value exactly: 1 to the last bit, other values up to rounding."""
    value = result.value(metric, k).mean
    holds = value == expected if expected == 1 else abs(value - expected) < 1e-12
    actual = f"{value:.12f}" if result.ok else result.status
    return Check(f"{name}, {metric_label(metric, k)}", f"{expected:.12f}", actual, holds)


def _by_chance(name: str, result: Result, k: int, chance: float, variance: float) -> Check:
    """Check a random value by Bernstein's inequality, which needs no normal distribution."""
    value, n_cases = result.value("ndcg", k).mean, result.setting.n_cases
    surprise = math.log(2 / FALSE_ALARM)
    bound = math.sqrt(2 * variance * surprise) + surprise / (3 * n_cases)
    actual = f"{value:.4f}" if result.ok else result.status
    holds = abs(value - chance) <= bound
    return Check(f"{name}, {metric_label('ndcg', k)}", f"{chance:.4f} ±{bound:.4f}", actual, holds)
