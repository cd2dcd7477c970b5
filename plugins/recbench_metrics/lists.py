"""Metrics of the lists of recommended items; they do not depend on the targets.

Items with equal scores are listed by item number, so ties need no averaging. -1 is left out: it
pads short lists, and keeps the place of an item that the dataset does not have.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float64]


def coverage(ranking: recbench.Ranking, k: int) -> float:
    """Coverage@k: the share of the catalogue that is in at least one list of k items.

    One number for all cases. It grows with the number of cases, so compare it only within one
    table. Equal scores are ordered by item number.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items and the popularity of all items.
    k : int
        Cut-off: only the first k items of each list count.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, or if they are shorter than k.

    References
    ----------
    Ge, Delgado-Battenfeld & Jannach, "Beyond accuracy: evaluating recommender systems by coverage
    and serendipity", RecSys 2010.

    Examples
    --------
    Lists [0, 1] and [0, 2] from a catalogue of 4 items:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.lists import coverage
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> popularity = np.array([7, 1, 3, 1])
    >>> ranking = recbench.Ranking(np.zeros(2), np.ones(2), None, lists, popularity)
    >>> coverage(ranking, 2)
    0.75
    """
    return float(np.mean(_times_listed(ranking, k) > 0))


def gini(ranking: recbench.Ranking, k: int) -> float:
    """Gini@k: how unequally items are recommended: 0 if all equally often, near 1 if only a few.

    One number for all cases. Let c_1 <= ... <= c_n be how often each item of the catalogue is in a
    list of k items. The Gini index is the sum of (2i - n - 1) * c_i, divided by n times the sum of
    c_i. It is at most 1 - 1/n, and 0 if all lists are empty. Equal scores are ordered by item
    number.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items and the popularity of all items.
    k : int
        Cut-off: only the first k items of each list count.

    Returns
    -------
    float
        From 0 to 1 - 1/n.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, or if they are shorter than k.

    References
    ----------
    Fleder & Hosanagar, "Blockbuster culture's next rise or fall: the impact of recommender systems
    on sales diversity", Management Science 55, 2009.

    Examples
    --------
    Lists [0, 1] and [0, 2] from a catalogue of 4 items:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.lists import gini
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> popularity = np.array([7, 1, 3, 1])
    >>> ranking = recbench.Ranking(np.zeros(2), np.ones(2), None, lists, popularity)
    >>> gini(ranking, 1), gini(ranking, 2)
    (0.75, 0.375)
    """
    times = np.sort(_times_listed(ranking, k))
    weights = 2 * np.arange(1, len(times) + 1) - len(times) - 1
    return float(weights @ times / (len(times) * max(1, times.sum())))


def novelty(ranking: recbench.Ranking, k: int) -> Values:
    """Novelty@k: the mean self-information of the first k items, in bits; rare items score higher.

    The self-information of an item is -log2(p), where p is its share of the training interactions:
    (interactions with the item + 1) / (all interactions + number of items). The 1 keeps items
    without interactions finite. A case with an empty list gets 0. Equal scores are ordered by item
    number.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items and the popularity of all items.
    k : int
        Cut-off: only the first k items of each list count.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, in bits.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, or if they are shorter than k.

    References
    ----------
    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107,
    2010. Castells, Hurley & Vargas, "Novelty and diversity in recommender systems", Recommender
    Systems Handbook, 2015, call it mean self-information.

    Examples
    --------
    Lists [0, 1] and [0, 2] from a catalogue of 4 items:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.lists import novelty
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> popularity = np.array([7, 1, 3, 1])
    >>> ranking = recbench.Ranking(np.zeros(2), np.ones(2), None, lists, popularity)
    >>> novelty(ranking, 2).tolist()
    [2.0, 1.5]
    """
    items, counts = _first(ranking, k)
    shares = (counts + 1) / (counts.sum() + len(counts))
    return _mean(-np.log2(shares), items)


def popularity(ranking: recbench.Ranking, k: int) -> Values:
    """Popularity@k: the mean number of training interactions of the first k items.

    Also known as average recommendation popularity. A case with an empty list gets 0. Equal scores
    are ordered by item number.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items and the popularity of all items.
    k : int
        Cut-off: only the first k items of each list count.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, in interactions.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, or if they are shorter than k.

    References
    ----------
    Yin, Cui, Li, Yao & Chen, "Challenging the long tail recommendation", PVLDB 5, 2012.

    Examples
    --------
    Lists [0, 1] and [0, 2] from a catalogue of 4 items:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.lists import popularity
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> counts = np.array([7, 1, 3, 1])
    >>> ranking = recbench.Ranking(np.zeros(2), np.ones(2), None, lists, counts)
    >>> popularity(ranking, 2).tolist()
    [4.0, 5.0]
    """
    items, counts = _first(ranking, k)
    return _mean(counts.astype(np.float64), items)


def _first(ranking: recbench.Ranking, k: int) -> tuple[Array, Array]:
    """(cases, k or fewer) the first items of the lists, and (n_items,) the popularity of items."""
    lists, counts = ranking.lists, ranking.popularity
    if lists is None or counts is None:
        raise recbench.RecbenchError(
            "this metric needs lists of recommended items and the popularity of all items, but the "
            "ranking has none; evaluate the model again"
        )
    length = lists.shape[1]
    if length < min(k, len(counts)):
        raise recbench.RecbenchError(
            f"this metric needs the first {k} items of each list, but the lists have only {length} "
            f"items; use k up to {length}, or evaluate the model again"
        )
    return lists[:, :k], counts


def _times_listed(ranking: recbench.Ranking, k: int) -> Array:
    """(n_items,) int64: how many lists of k items contain each item."""
    items, counts = _first(ranking, k)
    return np.bincount(items[items >= 0], minlength=len(counts))


def _mean(values: Values, items: Array) -> Values:
    """(cases,) the mean of the values of each case's items; 0 for an empty list."""
    listed = items >= 0
    found = np.where(listed, values[np.where(listed, items, 0)], 0.0)
    return np.asarray(found.sum(axis=1) / np.maximum(listed.sum(axis=1), 1), dtype=np.float64)


coverage.bounds = gini.bounds = (0.0, 1.0)  # type: ignore[attr-defined]
"""The lowest and the highest possible value, where intervals end."""

METRICS = {"coverage": coverage, "gini": gini, "novelty": novelty, "popularity": popularity}
"""Name that users type -> metric. Add new metrics here."""
