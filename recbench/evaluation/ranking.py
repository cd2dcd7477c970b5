"""Step 5, evaluate: where targets ended up, ties included, and how metrics read that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recbench.data.interactions import Array, Column, offsets_of, slices
from recbench.errors import RecbenchError


@dataclass(frozen=True, eq=False)
class Ranking:
    """Where the targets of the judged rows ended up among the items that may be recommended.

    above: (targets,) int64, how many items scored above each target, row after row.
    tied: (targets,) int64, how many scored the same, the target and other targets included: >= 1.
    offsets: (rows + 1,) int64, row r has the targets offsets[r] ... offsets[r + 1] - 1, at least
        one; None where each row has one.
    lists: (rows, depth) int32, the items that each row is recommended, best first, -1 where there
        is none; equal scores go by item number. None where nobody kept them.
    popularity: (n_items,) int64, how often each item of the catalogue was consumed in training.

    A target's rank is any of above + 1 ... above + tied, all equally likely. Every array is
    read-only.
    """

    above: Array
    tied: Array
    offsets: Array | None = None
    lists: Array | None = None
    popularity: Array | None = None

    def __post_init__(self) -> None:
        for name in ("above", "tied", "offsets", "lists", "popularity"):
            given = getattr(self, name)
            if given is not None:
                array = np.asarray(given).view()
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    def __len__(self) -> int:
        """The number of judged rows."""
        return len(self.above) if self.offsets is None else len(self.offsets) - 1

    @property
    def n_targets(self) -> Array:
        """(rows,) int64: how many targets each row has."""
        if self.offsets is None:
            return np.ones(len(self.above), dtype=np.int64)
        return np.diff(self.offsets)

    @property
    def case_of_target(self) -> Array:
        """(targets,) int64: whose target each is."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.n_targets)

    def sum(self, values: Array) -> Array:
        """(rows,) float64: the sum of one value a target over each row's targets."""
        if self.offsets is None:
            return np.asarray(values, dtype=np.float64)
        return np.bincount(self.case_of_target, weights=values, minlength=len(self))

    def expectation(self, gains: npt.ArrayLike) -> Array:
        """(rows,) float64: the sum over a row's targets of the mean gain over their ranks.

        gains: (k,) what a target at rank 1 ... k is worth; every later rank is worth 0.

        Exact for every metric that is a sum of gains by rank, however many targets there are; the
        rule for ties is that of McSherry & Najork, "Computing Information Retrieval Performance
        Measures Efficiently in the Presence of Tied Scores", ECIR 2008.
        """
        gains = np.asarray(gains, dtype=np.float64)
        total = np.concatenate([[0.0], np.cumsum(gains)])
        first = np.minimum(self.above, len(gains))
        last = np.minimum(self.above + self.tied, len(gains))
        alone = np.concatenate([gains, [0.0]])[first]
        return self.sum(np.where(self.tied == 1, alone, (total[last] - total[first]) / self.tied))

    @cached_property
    def blocks(self) -> Blocks:
        """The targets put together that share a row and a score; for metrics that are no sum."""
        rows = self.case_of_target
        order = np.lexsort((self.above, rows))
        rows, above, tied = rows[order], self.above[order], self.tied[order]
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (rows[1:] != rows[:-1]) | (above[1:] != above[:-1])
        start = np.flatnonzero(new)
        first = np.searchsorted(rows, rows[start])
        sizes = np.diff(np.append(start, len(rows)))
        return Blocks(rows[start], above[start], tied[start], sizes, start - first)

    def columns(self) -> dict[str, Column]:
        """The ranking as one row a judged row, for the store."""
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

    def take(self, rows: Array) -> Ranking:
        """The ranking of the given rows, in that order."""
        targets, lists = self.n_targets, None if self.lists is None else self.lists[rows]
        if self.offsets is None:
            return Ranking(self.above[rows], self.tied[rows], None, lists, self.popularity)
        offsets = offsets_of(targets[rows])
        which = slices(self.offsets[rows], targets[rows])
        return Ranking(self.above[which], self.tied[which], offsets, lists, self.popularity)

    def only(self, targets: Array) -> tuple[Ranking, Array]:
        """The ranking of some targets alone, and the rows that have any.

        targets: (targets,) bool; the others are then items like any other.
        """
        counts = np.bincount(self.case_of_target[targets], minlength=len(self))
        rows = np.flatnonzero(counts)
        offsets = None if self.offsets is None else offsets_of(counts[rows])
        lists = None if self.lists is None else self.lists[rows]
        above, tied = self.above[targets], self.tied[targets]
        return Ranking(above, tied, offsets, lists, self.popularity), rows


@dataclass(frozen=True, eq=False)
class Blocks:
    """Targets of a row with equal scores, (blocks,) int64 each, row after row, best first.

    rows: whose they are. above: items above them. tied: items that share their score, themselves
    included. size: how many targets they are. before: how many targets of the row are above them.
    """

    rows: Array
    above: Array
    tied: Array
    size: Array
    before: Array


Metric = Callable[[Ranking, int], Array]
"""(ranking, k) -> one value a judged row; or one number, where it is about all lists together."""


def measure(ranking: Ranking, name: str, metric: Metric, ks: Iterable[int]) -> dict[str, Array]:
    """The values of a metric at every k: `ndcg@10` -> (rows,) float64, or () for one number.

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
