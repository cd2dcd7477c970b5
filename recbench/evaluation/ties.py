"""Step 5, evaluate: the value of tied ranks. This file alone defines how ties count.

If g items score higher than a target, and t items have the same score (the target included), its
rank is one of g + 1, ..., g + t, and all of them are equally likely. The value of a metric is its
mean over all orders of the tied items (McSherry & Najork, "Computing Information Retrieval
Performance Measures Efficiently in the Presence of Tied Scores", ECIR 2008). A model that gives all
items the same score therefore gets the same value as random scores do on average.

Several targets of one case with the same score form a block: m targets among t tied items, with g
items above them, of which b are targets too. All ways to place the m targets on the ranks
g + 1, ..., g + t are equally likely.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recbench.data.interactions import Array

PLACES = 2**18
"""How many pairs of a block and a place in it are processed at a time."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Groups of targets of one case with the same score, case by case and best first.

    Each array is (blocks,) int64. cases: the case of each block. above: items above the block.
    tied: items with the same score, targets included. size: targets in the block. before: targets
    of the case above the block.
    """

    cases: Array
    above: Array
    tied: Array
    size: Array
    before: Array


def blocks_of(cases: Array, above: Array, tied: Array) -> Blocks:
    """Group targets into blocks.

    cases: (targets,) the case of each target. above, tied: as in `Ranking`.
    """
    order = np.lexsort((above, cases))
    cases, above, tied = cases[order], above[order], tied[order]
    is_new = np.ones(len(cases), dtype=bool)
    is_new[1:] = (cases[1:] != cases[:-1]) | (above[1:] != above[:-1])
    starts = np.flatnonzero(is_new)
    first_of_case = np.searchsorted(cases, cases[starts])
    sizes = np.diff(np.append(starts, len(cases)))
    return Blocks(cases[starts], above[starts], tied[starts], sizes, starts - first_of_case)


def expected_gain(above: Array, tied: Array, gains: Array) -> Array:
    """(targets,) float64: the mean gain over the possible ranks of each target.

    gains: (k,) the value of a target at rank 1, ..., k; later ranks have the value 0.
    """
    total = np.concatenate([[0.0], np.cumsum(gains)])
    first = np.minimum(above, len(gains))
    last = np.minimum(above + tied, len(gains))
    untied = np.concatenate([gains, [0.0]])[first]
    return np.where(tied == 1, untied, (total[last] - total[first]) / tied)


def expected_first_gain(blocks: Blocks, gains: Array) -> Array:
    """(cases,) float64: the expected gain of the first target of each case.

    gains: (k,) as in `expected_gain`. The first target is in the first block of its case, and at
    place j of the block with probability C(t - j, m - 1) / C(t, m).
    """
    first = blocks.before == 0
    above, tied, size = blocks.above[first], blocks.tied[first], blocks.size[first]
    values = expected_gain(above, tied, gains)
    k, padded = len(gains), np.append(gains, 0.0)
    widths = np.where(size > 1, np.minimum(k - above, tied - size + 1), 0)
    for part, place in _places(widths):
        g, t, m = (counts[part, None] for counts in (above, tied, size))
        # each C(t - j, m - 1) / C(t, m) from the one before: no large numbers, no loss of precision
        chance = np.maximum(t - place - m + 2, 0) / np.maximum(t - place + 1, 1)
        chance[:, 0] = size[part] / tied[part]
        np.cumprod(chance, axis=1, out=chance)
        expected = (chance * padded[np.minimum(g + place - 1, k)]).sum(axis=1)
        values[part] = np.minimum(expected, gains.max())  # rounding may go above the maximum
    return values


def expected_precision(blocks: Blocks, k: int, n_cases: int) -> Array:
    """(cases,) float64: the sum, over the targets with rank <= k, of the precision at their rank.

    The precision at rank r is the share of targets among the first r items. Place j of a block
    holds a target with probability m / t. The expected number of targets at rank g + j or above is
    then 1 + b + (m - 1)(j - 1) / (t - 1). Each block therefore adds, over its places with
    g + j <= k, the sum of m / t * (1 + b + (m - 1)(j - 1) / (t - 1)) / (g + j).
    """
    above, tied, size, before = blocks.above, blocks.tied, blocks.size, blocks.before
    values = expected_gain(above, tied, 1 / np.arange(1, k + 1)) * (1 + before)
    for part, place in _places(np.where(size > 1, np.minimum(k - above, tied), 0)):
        g, t, m, b = (counts[part, None] for counts in (above, tied, size, before))
        precision = (1 + b + (m - 1) * ((place - 1) / (t - 1))) / (g + place)
        within = place <= np.minimum(k - g, t)
        values[part] = (precision * within).sum(axis=1) * size[part] / tied[part]
    return np.bincount(blocks.cases, weights=values, minlength=n_cases)


def _places(widths: Array) -> Iterator[tuple[Array, Array]]:
    """Yield blocks in parts of at most PLACES places, with the places 1, ..., widest block.

    widths: (blocks,) how many places of each block count; blocks with none are left out.
    """
    order = np.argsort(-widths, kind="stable")
    order = order[: np.count_nonzero(widths > 0)]
    start = 0
    while start < len(order):
        widest = int(widths[order[start]])
        part = order[start : start + max(1, PLACES // widest)]
        yield part, np.arange(1, widest + 1)
        start += len(part)
