"""Metrics of where a row's targets ended up, each the mean over all orders of what is tied.

A row has n targets. Targets with the same score are a block: m of t tied items, g items above
them, b of those targets too; the block has the ranks g + 1 ... g + t, and all ways in which its
m targets may stand there are equally likely (McSherry & Najork, "Computing Information Retrieval
Performance Measures Efficiently in the Presence of Tied Scores", ECIR 2008).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

import recbench

Values = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

ROOM = 2**18
"""Pairs of a block and a place in it that are looked at together."""


def ndcg(ranking: recbench.Ranking, k: int) -> Values:
    """Normalised discounted cumulative gain: 1 / log2(rank + 1) up to k, over the best possible.

    The sum of 1 / log2(rank + 1) over the targets with rank <= k, over that of min(n, k) targets
    at the ranks from 1. Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR
    techniques", TOIS 2002. Ties: the mean gain over a target's ranks, which is exact, as it is
    a sum over targets; scikit-learn's `ndcg_score` gives the same.
    """
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal: Values = np.cumsum(gains)[np.minimum(ranking.n_targets, k) - 1]
    return ranking.expectation(gains) / ideal


def recall(ranking: recbench.Ranking, k: int) -> Values:
    """Recall: the share of the row's targets with rank <= k.

    Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004. Over
    all n targets, so that it stays below 1 where k < n. Ties: the expected number, a sum over
    targets.
    """
    return ranking.expectation(np.ones(k)) / ranking.n_targets


def hit(ranking: recbench.Ranking, k: int) -> Values:
    """Hit rate: 1 where at least one target has rank <= k, else 0.

    Deshpande & Karypis, "Item-based top-N recommendation algorithms", TOIS 2004. With one target
    the same as recall. Ties: the probability; where k cuts through the first block it is
    1 - C(t - m, k - g) / C(t, k - g).
    """
    return _of_the_first(ranking, np.ones(k))


def mrr(ranking: recbench.Ranking, k: int) -> Values:
    """Mean reciprocal rank: 1 / rank of the first target where that is <= k, else 0.

    Voorhees, "The TREC-8 question answering track report", 1999. Ties: the expectation, with
    the first target at place j of the first block with probability C(t - j, m - 1) / C(t, m).
    """
    return _of_the_first(ranking, 1 / np.arange(1, k + 1))


def average_precision(ranking: recbench.Ranking, k: int) -> Values:
    """Mean average precision: the precision at each target with rank <= k, over min(n, k).

    The precision at rank r is the share of the first r items that are targets. With one target
    the same as mrr. Ties, after McSherry & Najork, ECIR 2008: a target is at place j of its
    block with probability m / t, and 1 + b + (m - 1)(j - 1) / (t - 1) targets are then expected
    at its rank g + j or above, so that each block adds, over its places with g + j <= k, the sum
    of m / t * (1 + b + (m - 1)(j - 1) / (t - 1)) / (g + j).
    """
    blocks = ranking.blocks
    above, tied, size, before = blocks.above, blocks.tied, blocks.size, blocks.before
    values = recbench.Ranking(above, tied).expectation(1 / np.arange(1, k + 1)) * (1 + before)
    for part, place in _pieces(np.where(size > 1, np.minimum(k - above, tied), 0)):
        g, t, m, b = (one[part, None] for one in (above, tied, size, before))
        precision = (1 + b + (m - 1) * ((place - 1) / (t - 1))) / (g + place)
        within = place <= np.minimum(k - g, t)
        values[part] = (precision * within).sum(axis=1) * size[part] / tied[part]
    total = np.bincount(blocks.rows, weights=values, minlength=len(ranking))
    return total / np.minimum(ranking.n_targets, k)


def _of_the_first(ranking: recbench.Ranking, gains: Values) -> Values:
    """(rows,) the expected gain of each row's first target; gains: (k,) by rank, later ones 0."""
    blocks = ranking.blocks
    first = blocks.before == 0
    above, tied, size = blocks.above[first], blocks.tied[first], blocks.size[first]
    values = recbench.Ranking(above, tied).expectation(gains)
    k, padded = len(gains), np.append(gains, 0.0)
    for part, place in _pieces(np.where(size > 1, np.minimum(k - above, tied - size + 1), 0)):
        g, t, m = (one[part, None] for one in (above, tied, size))
        # C(t - j, m - 1) / C(t, m) from the one before it: no large numbers, no lost digits
        chance = np.maximum(t - place - m + 2, 0) / np.maximum(t - place + 1, 1)
        chance[:, 0] = size[part] / tied[part]
        np.cumprod(chance, axis=1, out=chance)
        found = (chance * padded[np.minimum(g + place - 1, k)]).sum(axis=1)
        values[part] = np.minimum(found, gains.max())  # rounding adds up to more than certainty
    return values


def _pieces(widths: Counts) -> Iterator[tuple[Counts, Counts]]:
    """Blocks with some width, in parts of at most ROOM places, and the places 1 ... the widest.

    widths: (blocks,) how many places of each count; those without any are left out.
    """
    order = np.argsort(-widths, kind="stable")
    order = order[: np.count_nonzero(widths > 0)]
    start = 0
    while start < len(order):
        widest = int(widths[order[start]])
        part = order[start : start + max(1, ROOM // widest)]
        yield part, np.arange(1, widest + 1)
        start += len(part)
