"""The first items of recommended lists, for metrics of lists.

Items with equal scores are listed by item number, so ties need no averaging. -1 is left out: it
pads short lists, and keeps the place of an item that the dataset does not have.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float64]


def first_items(ranking: recbench.Ranking, k: int) -> tuple[Array, Array]:
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


def times_listed(ranking: recbench.Ranking, k: int) -> Array:
    """(n_items,) int64: how many lists of k items contain each item."""
    items, counts = first_items(ranking, k)
    return np.bincount(items[items >= 0], minlength=len(counts))


def mean_of(values: Values, items: Array) -> Values:
    """(cases,) the mean of the values of each case's items; 0 for an empty list."""
    listed = items >= 0
    found = np.where(listed, values[np.where(listed, items, 0)], 0.0)
    return np.asarray(found.sum(axis=1) / np.maximum(listed.sum(axis=1), 1), dtype=np.float64)
