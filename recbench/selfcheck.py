"""Beside the flow: models whose numbers are known beforehand, judged by the real code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from .bench import split_of
from .dataset import Dataset
from .hookspecs import hookimpl
from .interactions import Array, Interactions
from .load import load_dataset
from .plugins import load_plugins
from .result import Value
from .run import run
from .split import Split

KS = (1, 5, 10)
SURE = 3.29
"""Standard errors that chance may be off: once in a thousand times by luck."""


@dataclass(frozen=True)
class Check:
    """One number that was known beforehand. wanted, got: for people."""

    name: str
    wanted: str
    got: str
    holds: bool


def selfcheck(
    dataset: str | Path = "synthetic",
    *,
    split: str = "leave-last-out",
    data_dir: str | None = None,
) -> list[Check]:
    """Judge an oracle, a constant, a lover of seen items and shuffled targets on a dataset.

    The oracle, who knows the targets, must get 1; the constant what random orders give on
    average; liking what is masked must change nothing; and nobody may do better than chance at
    finding targets that were drawn at random.
    """
    plugins = load_plugins()
    data = load_dataset(dataset, data_dir, plugins)
    _, parts = split_of(plugins, data, split)
    drawn = Shuffled(parts, data)
    models = {
        "oracle": lambda: Oracle(parts),
        "constant": Constant,
        "loves-seen": LovesSeen,
    }
    mine = SimpleNamespace(
        recbench_models=hookimpl(_named("recbench_models", models)),
        recbench_splitters=hookimpl(_named("recbench_splitters", {"shuffled": lambda: drawn})),
        recbench_datasets=hookimpl(_named("recbench_datasets", {"checked": lambda: data})),
    )
    how = {"plugins": load_plugins(selfcheck=mine), "ks": KS, "results": None, "metrics": ("ndcg",)}
    text = f"checked:repeats={data.repeats}"
    checks = []
    oracle, constant, loves = run([*models], text, split=split, **how)  # type: ignore[arg-type]
    unmasked = data.repeats != "first"
    for k in KS:
        for metric in ("ndcg", "recall"):
            ideal = 1.0 if metric == "ndcg" else _most(parts, k)
            checks.append(_equal(f"oracle, {metric}@{k}", ideal, oracle.value(metric, k)))
            expected = _chance(parts, data, metric, k)
            checks.append(_equal(f"constant, {metric}@{k}", expected, constant.value(metric, k)))
            if not unmasked:
                got = loves.value(metric, k)
                checks.append(_equal(f"loves seen items, {metric}@{k}", expected, got))
    shuffled = run(["oracle", "popular"], text, split="shuffled", **how)  # type: ignore[arg-type]
    for one in shuffled:
        for k in KS:
            chance = _chance(drawn.parts, data, "ndcg", k)
            checks.append(_near(f"{one.model}, shuffled, ndcg@{k}", chance, one.value("ndcg", k)))
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
        targets, offsets = split.wanted
        history = split.history.take(split.judged)
        self.known = {
            (int(user), items.tobytes()): targets[offsets[row] : offsets[row + 1]]
            for row, (user, items) in enumerate(
                zip(history.users, history.sequences(), strict=True)
            )
        }

    def score(self, history: Interactions) -> Array:
        """The targets above everything else."""
        scores = np.zeros((len(history), history.n_items))
        for row, (user, items) in enumerate(zip(history.users, history.sequences(), strict=True)):
            targets = self.known.get((int(user), items.tobytes()), ())
            scores[row, targets] = np.arange(len(targets), 0, -1)
        return scores


class Shuffled:
    """The same rows with targets drawn at random among what each has not seen."""

    def __init__(self, split: Split, data: Dataset) -> None:
        draw = np.random.default_rng(0)
        history = split.history.take(split.judged)
        targets = np.array(
            [
                draw.choice(np.setdiff1d(np.arange(data.interactions.n_items), items))
                if data.repeats == "first"
                else draw.integers(data.interactions.n_items)
                for items in history.sequences()
            ]
        )
        self.parts = Split(split.train, history, targets)

    def split(self, interactions: Interactions) -> Split:  # noqa: ARG002
        """What was drawn."""
        return self.parts


def _named(hook: str, given: dict[str, Any]) -> Any:
    def answer() -> dict[str, Any]:
        return given

    answer.__name__ = hook
    return answer


def _chance(split: Split, data: Dataset, metric: str, k: int) -> float:
    """What a random order of the items that may be recommended gives on average."""
    targets, offsets = split.wanted
    history = split.history.take(split.judged)
    total = Fraction(0)
    for row, items in enumerate(history.sequences()):
        mine = targets[offsets[row] : offsets[row + 1]]
        masked = len(set(items.tolist()) - set(mine.tolist())) if data.repeats == "first" else 0
        among = data.interactions.n_items - masked
        gains = [1.0 if metric == "recall" else 1 / math.log2(r + 1) for r in range(1, k + 1)]
        ideal = len(mine) if metric == "recall" else sum(gains[: len(mine)])
        total += Fraction(sum(gains[:among]) * len(mine) / among / ideal)
    return float(total / len(history))


def _most(split: Split, k: int) -> float:
    """The recall that nobody can exceed, where a row has more targets than k."""
    counts = np.diff(split.wanted[1])
    return float((np.minimum(counts, k) / counts).mean())


def _equal(name: str, wanted: float, got: Value) -> Check:
    holds = abs(got.mean - wanted) < 1e-12
    return Check(name, f"{wanted:.12f}", f"{got.mean:.12f}", holds)


def _near(name: str, wanted: float, got: Value) -> Check:
    holds = abs(got.mean - wanted) <= SURE * max(got.stderr, 1e-12)
    return Check(name, f"{wanted:.4f} by chance", f"{got.mean:.4f} ±{got.stderr:.4f}", holds)
