"""Held-out targets, each beside the items that it is compared with when weights are fitted.

Comparing a target with all items, again and again, would be slow. It is compared with those that
may come first: the best ones of each part, and the items of its history where these are ranked. The
others are represented by a random sample, each for its share of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .repeats import FEATURES, Consumed

Array = npt.NDArray[Any]

MOST_CASES, MOST_TARGETS = 2048, 10
"""How many cases are used, and how many targets of each."""

N_BEST, N_OTHERS = 50, 100
"""How many of the best items of each part, and of the others, a target is compared with."""

MAX_SCORES = 2**24
"""Scores of all parts that are in memory at once."""


@dataclass(frozen=True)
class Compared:
    """The compared items of all cases, one case after the other, the targets of each first.

    values: (items, columns) float32, to be weighted: the scores of the parts, and where repeats are
        ranked, the features of consumed items and their score by the first part.
    counts: (items,) float32, for how many items each stands; 0 for targets.
    offsets: (cases + 1,), where the items of each case begin and end.
    n_targets, n_repeated: how many targets the cases have, and how many of these they had before.
    """

    values: Array
    counts: Array
    offsets: Array
    n_targets: int
    n_repeated: int

    @functools.cached_property
    def case(self) -> Array:
        """(items,), the case that each item belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @functools.cached_property
    def targets(self) -> Array:
        """(targets,), where the targets are among the items."""
        return np.flatnonzero(self.counts == 0)

    @functools.cached_property
    def shares(self) -> Array:
        """(targets,), of each target in a mean over cases; the targets of a case share its part."""
        case = self.case[self.targets]
        shares: Array = 1 / ((len(self.offsets) - 1) * np.bincount(case)[case])
        return shares


def compare_targets(
    held_out: recbench.Split,
    score: Callable[[recbench.Interactions], Array],
    start: Array,
    consumed: Callable[[recbench.Interactions], Consumed] | None,
    rng: np.random.Generator,
) -> Compared:
    """Return held-out targets with what they are compared with; arguments as for `fit_weights`."""
    cases = held_out.judged
    targets, offsets = held_out.judged_targets
    chosen = np.arange(len(cases))
    if len(cases) > MOST_CASES:
        chosen = np.sort(rng.choice(len(cases), MOST_CASES, replace=False))
    n_items, n_parts = held_out.train.n_items, len(start)
    n_columns = n_parts + (0 if consumed is None else len(FEATURES) + 1)
    values: list[Array] = []
    counts: list[Array] = []
    n_targets = n_repeated = 0
    per_batch = max(1, MAX_SCORES // (n_items * n_parts))
    for first in range(0, len(chosen), per_batch):
        batch = chosen[first : first + per_batch]
        history = held_out.history.take(cases[batch])
        scores = score(history)
        seen = None if consumed is None else consumed(history)
        for nth, case in enumerate(batch):
            own = targets[offsets[case] : offsets[case + 1]]
            had = np.unique(history.items[history.offsets[nth] : history.offsets[nth + 1]])
            n_targets += len(own)
            n_repeated += len(np.intersect1d(own, had))
            some = own if len(own) <= MOST_TARGETS else rng.choice(own, MOST_TARGETS, replace=False)
            excluded = own if consumed is not None else np.union1d(own, had)
            items, stand_for = rivals(scores[nth], start, excluded, had, rng)
            items = np.concatenate([some, items])
            columns = np.zeros((len(items), n_columns), dtype=np.float32)
            columns[:, :n_parts] = scores[nth, items]
            if seen is not None:
                begin, stop = np.searchsorted(seen.rows, [nth, nth + 1])
                place = np.searchsorted(seen.items[begin:stop], items).clip(max=stop - begin - 1)
                is_seen = seen.items[begin:stop][place] == items
                columns[is_seen, n_parts:-1] = seen.features[begin:stop][place[is_seen]]
                columns[is_seen, -1] = scores[nth, items[is_seen], 0]
            values.append(columns)
            counts.append(np.concatenate([np.zeros(len(some)), stand_for]))
    offsets = np.cumsum([0, *map(len, counts)])
    flat = np.concatenate(counts).astype(np.float32)
    return Compared(np.concatenate(values), flat, offsets, n_targets, n_repeated)


def rivals(
    scores: Array, start: Array, excluded: Array, had: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the items that the targets of a case are compared with, and for how many each stands.

    scores: (n_items, parts). excluded: items that are not ranked, and the targets. had: the items
    of the history; they are compared too, unless they are excluded.
    """
    n_items = len(scores)
    left = np.ones(n_items, dtype=bool)
    left[excluded] = False
    best = [had]
    for column in np.where(left, np.column_stack([scores, weigh(scores, start)]).T, -np.inf):
        if n_items > N_BEST:
            best.append(np.argpartition(column, n_items - N_BEST)[n_items - N_BEST :])
        else:
            best.append(np.arange(n_items))
    chosen = np.unique(np.concatenate(best))
    chosen = chosen[left[chosen]]
    left[chosen] = False
    others = np.flatnonzero(left)
    drawn = others
    if len(others) > N_OTHERS:
        drawn = rng.choice(others, N_OTHERS, replace=False)
    share = len(others) / max(1, len(drawn))
    return np.concatenate([chosen, drawn]), np.repeat([1.0, share], [len(chosen), len(drawn)])


def weigh(values: Array, weights: Array) -> Array:
    """Return (n,): the weighted sums of rows (n, columns).

    This is `values @ weights`, for which OpenBLAS warns of invalid values now and then where there
    are none: its kernel for a few float32 columns on AVX-512 sets the processor's flag wrongly.
    """
    sums: Array = np.einsum("ij,j->i", values, weights)
    return sums
