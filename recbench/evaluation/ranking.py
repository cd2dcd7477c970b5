"""Step 5, evaluate: where targets ended up, ties included, and how metrics read that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recbench.data.interactions import Array, Column, freeze_arrays, offsets_of, slices
from recbench.errors import RecbenchError
from recbench.evaluation import ties


@dataclass(frozen=True, eq=False)
class Ranking:
    """Where the targets of the cases ended up among the items that may be recommended.

    above: (targets,) int64, how many items scored above each target, case after case.
    tied: (targets,) int64, how many scored the same, the target and other targets included: >= 1.
    offsets: (cases + 1,) int64, case c has the targets offsets[c] ... offsets[c + 1] - 1, at least
        one; None where each case has one.
    lists: (cases, depth) int32, the items that each case is recommended, best first, -1 where
        there is none; equal scores go by item number. None where nobody kept them.
    popularity: (n_items,) int64, how often each item of the catalogue was consumed in training.

    A target's rank is any of above + 1 ... above + tied, all equally likely (`ties.py`). Every
    array is read-only.
    """

    above: Array
    tied: Array
    offsets: Array | None = None
    lists: Array | None = None
    popularity: Array | None = None

    def __post_init__(self) -> None:
        freeze_arrays(self, above=None, tied=None, offsets=None, lists=None, popularity=None)

    def __len__(self) -> int:
        """The number of cases."""
        return len(self.above) if self.offsets is None else len(self.offsets) - 1

    @property
    def n_targets(self) -> Array:
        """(cases,) int64: how many targets each case has."""
        if self.offsets is None:
            return np.ones(len(self.above), dtype=np.int64)
        return np.diff(self.offsets)

    @property
    def case_of_target(self) -> Array:
        """(targets,) int64: whose target each is."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.n_targets)

    def sum(self, values: Array) -> Array:
        """(cases,) float64: the sum of one value a target over each case's targets."""
        if self.offsets is None:
            return np.asarray(values, dtype=np.float64)
        return np.bincount(self.case_of_target, weights=values, minlength=len(self))

    def expectation(self, gains: npt.ArrayLike) -> Array:
        """(cases,) float64: the sum over a case's targets of the mean gain over their ranks.

        gains: (k,) what a target at rank 1 ... k is worth; every later rank is worth 0.

        Exact for every metric that is a sum of gains by rank, however many targets there are.
        """
        gains = np.asarray(gains, dtype=np.float64)
        return self.sum(ties.expected_gain(self.above, self.tied, gains))

    def expectation_of_first(self, gains: npt.ArrayLike) -> Array:
        """(cases,) float64: the expected gain of each case's first target, as hit and MRR count.

        gains: (k,) as for `expectation`.
        """
        return ties.expected_first_gain(self.blocks, np.asarray(gains, dtype=np.float64))

    def expected_precision(self, k: int) -> Array:
        """(cases,) float64: the sum, over targets up to rank k, of the precision at each."""
        return ties.expected_precision(self.blocks, k, len(self))

    @cached_property
    def blocks(self) -> ties.Blocks:
        """The targets put together that share a case and a score; for metrics that are no sum."""
        return ties.blocks_of(self.case_of_target, self.above, self.tied)

    def columns(self) -> dict[str, Column]:
        """The ranking as one row a case, for the store."""
        columns: dict[str, Column] = {"above": self.above, "tied": self.tied}
        if self.offsets is not None:
            columns = {"above": (self.above, self.offsets), "tied": (self.tied, self.offsets)}
        return columns if self.lists is None else {**columns, "lists": self.lists}

    @classmethod
    def of_columns(cls, columns: Mapping[str, Column]) -> Ranking:
        """The inverse of `columns`; popularity is not among them."""
        above, tied, lists = columns["above"], columns["tied"], columns.get("lists")
        if isinstance(above, tuple):
            return cls(above[0], tied[0], above[1], None if lists is None else np.asarray(lists))
        return cls(above, np.asarray(tied), None, None if lists is None else np.asarray(lists))

    def take(self, cases: Array) -> Ranking:
        """The ranking of the given cases, in that order."""
        lists = None if self.lists is None else self.lists[cases]
        if self.offsets is None:
            return Ranking(self.above[cases], self.tied[cases], None, lists, self.popularity)
        counts = self.n_targets[cases]
        targets = slices(self.offsets[cases], counts)
        above, tied = self.above[targets], self.tied[targets]
        return Ranking(above, tied, offsets_of(counts), lists, self.popularity)

    def only(self, targets: Array) -> tuple[Ranking, Array]:
        """The ranking of some targets alone, and the cases that have any.

        targets: (targets,) bool; the others are then items like any other.
        """
        counts = np.bincount(self.case_of_target[targets], minlength=len(self))
        cases = np.flatnonzero(counts)
        offsets = None if self.offsets is None else offsets_of(counts[cases])
        lists = None if self.lists is None else self.lists[cases]
        above, tied = self.above[targets], self.tied[targets]
        return Ranking(above, tied, offsets, lists, self.popularity), cases


Metric = Callable[[Ranking, int], Array]
"""(ranking, k) -> one value a case; or one number, where it is about all lists together."""


def measure(ranking: Ranking, name: str, metric: Metric, ks: Iterable[int]) -> dict[str, Array]:
    """The values of a metric at every k: `ndcg@10` -> (cases,) float64, or () for one number.

    Raises RecbenchError where the metric gives anything else or what is not finite.
    """
    values = {}
    for k in ks:
        value = np.array(metric(ranking, k), dtype=np.float64)
        if value.shape not in ((len(ranking),), ()) or not np.isfinite(value).all():
            raise RecbenchError(
                f"it gave shape {value.shape} or numbers that are not finite at k={k}, "
                f"wanted ({len(ranking)},) finite ones, or one number"
            )
        values[f"{name}@{k}"] = value
    return values
