"""Metrics of what is recommended, whatever the targets: the first k items of every case's list.

Items with equal scores stand in the lists by their number, so these metrics have no ties. A place
where a list has no item is left out.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float64]


def coverage(ranking: recbench.Ranking, k: int) -> float:
    """Catalogue coverage: the share of all items that stand in at least one list of length k.

    One number for all cases. Ge, Delgado-Battenfeld & Jannach, "Beyond accuracy: evaluating
    recommender systems by coverage and serendipity", RecSys 2010. It grows with the number of
    cases, so compare it within one table only. Equal scores: by item number.
    """
    return float(np.mean(_times_listed(ranking, k) > 0))


def gini(ranking: recbench.Ranking, k: int) -> float:
    """Gini index of how often each item is in the first k: 0 all equally, near 1 a few get all.

    One number for all cases: with c_1 <= ... <= c_n, how often each item of the whole catalogue
    stands in a list of length k, the sum of (2 i - n - 1) c_i over n times the sum of c_i; at
    most 1 - 1 / n, and 0 where nothing is recommended. Fleder & Hosanagar, "Blockbuster culture's
    next rise or fall", Management Science 2009. Equal scores: by item number.
    """
    times = np.sort(_times_listed(ranking, k))
    weights = 2 * np.arange(1, len(times) + 1) - len(times) - 1
    return float(weights @ times / (len(times) * max(1, times.sum())))


def novelty(ranking: recbench.Ranking, k: int) -> Values:
    """Novelty: the mean surprise of the first k items in bits, -log2 of their share of training.

    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS
    2010; "mean self-information" in Castells, Hurley & Vargas, "Novelty and diversity in
    recommender systems", 2015. An item's share is (its training events + 1) / (all training
    events + the number of items): one is added to each, so that items which nobody consumed are
    finite. A case with an empty list gives 0. Equal scores: by item number.
    """
    items, counts = _first(ranking, k)
    shares = (counts + 1) / (counts.sum() + len(counts))
    return _mean(-np.log2(shares), items)


def popularity(ranking: recbench.Ranking, k: int) -> Values:
    """Popularity: how many training events the first k items have in the mean.

    The sum of the counts over their number; Yin et al., "Challenging the long tail
    recommendation", PVLDB 2012, known as average recommendation popularity. A case with an empty
    list gives 0. Equal scores: by item number.
    """
    items, counts = _first(ranking, k)
    return _mean(counts.astype(np.float64), items)


def _first(ranking: recbench.Ranking, k: int) -> tuple[Array, Array]:
    """(cases, at most k) the items of the lists, and (n_items,) the training counts."""
    lists, counts = ranking.lists, ranking.popularity
    if lists is None or counts is None:
        raise recbench.RecbenchError(
            "it needs the lists of recommended items and the training counts of all items, and "
            "this ranking has none; evaluate the model again"
        )
    length = lists.shape[1]
    if length < min(k, len(counts)):
        raise recbench.RecbenchError(
            f"it needs the first {k} recommended items of each case, and the lists are only "
            f"{length} long; ask for k up to {length}, or evaluate the model again"
        )
    return lists[:, :k], counts


def _times_listed(ranking: recbench.Ranking, k: int) -> Array:
    """(n_items,) int64: in how many of the lists of length k each item is."""
    items, counts = _first(ranking, k)
    return np.bincount(items[items >= 0], minlength=len(counts))


def _mean(worth: Values, items: Array) -> Values:
    """(cases,) the mean over each case's items of what each is worth; 0 where there is none."""
    listed = items >= 0
    found = np.where(listed, worth[np.where(listed, items, 0)], 0.0)
    return np.asarray(found.sum(axis=1) / np.maximum(listed.sum(axis=1), 1), dtype=np.float64)


METRICS = {"coverage": coverage, "gini": gini, "novelty": novelty, "popularity": popularity}
"""What users type -> the metric; a new one is added here."""
