"""Calibration: whether the categories of a list are those of the history."""

from typing import Any

import numpy as np

import recbench

from .categories import categories_of
from .listed import Values, first_items


def calibration(
    ranking: recbench.Ranking, k: int, by: str = "genres", alpha: float = 0.01
) -> Values:
    """Calibration@k: how far the categories of the first k items are from those of the history.

    The value is 0 if each category has the same share of the list as of the history. Every item
    counts the same, and its categories share its weight equally. Let p be the distribution of
    categories in the history, and q that in the list. The value is the Kullback-Leibler divergence
    sum(p * log2(p / r)), in bits, where r = (1 - alpha) * q + alpha * p keeps it finite. It is at
    most log2(1 / alpha), the value of a list that has no category of the history.

    Items without a category are left out. A case gets 0 if no item of its history has one. Equal
    scores are ordered by item number. Where the dataset has no such column, the metric is left out.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items, histories, and features of items.
    k : int
        Cut-off: only the first k items of each list count.
    by : str, default: "genres"
        Column of items with categories, several of them separated by "|".
    alpha : float, default: 0.01
        How much of p is mixed into q, above 0 and below 1.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, in bits.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, if they are shorter than k, or if there is no such column.
    recbench.UsageError
        If alpha is out of range.

    References
    ----------
    Steck, "Calibrated recommendations", RecSys 2018. The paper does not state the base of the
    logarithm.

    Examples
    --------
    Histories have a comedy and a drama, the first list one of each, and the second two dramas:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.calibration import calibration
    >>> log = recbench.Interactions.from_log(users=[0, 0, 1, 1], items=[0, 1, 0, 1], n_items=5)
    >>> genres = ["Comedy", "Drama", "Comedy", "Drama", "Drama"]
    >>> films = recbench.Dataset("films", log, [1, 2], [*"abcde"], item_features={"genres": genres})
    >>> split = recbench.Split(films.interactions, films.interactions, targets=[2, 2])
    >>> lists = np.array([[2, 3], [3, 4]])
    >>> ranking = recbench.Ranking([0, 0], [1, 1], lists=lists).of_split(split)
    >>> calibration(ranking, 2).round(3).tolist()
    [0.0, 2.826]
    """
    if not 0 < alpha < 1:
        raise recbench.UsageError(f"metric calibration: alpha={alpha:g} must be above 0, below 1")
    items, counts = first_items(ranking, k)
    numbers, offsets, n_categories = categories_of(ranking.item_features[by])
    from scipy import sparse  # after the features, which many datasets lack

    weights = np.repeat(1 / np.maximum(np.diff(offsets), 1), np.diff(offsets))
    shape = len(counts), max(1, n_categories)
    of_item = sparse.csr_matrix((weights, numbers, offsets), shape=shape)
    lengths = np.count_nonzero(items >= 0, axis=1)
    places = items[items >= 0], np.append(0, np.cumsum(lengths))
    listed = sparse.csr_matrix((np.ones(len(places[0])), *places), shape=(len(items), len(counts)))
    p = _distribution(ranking.histories.matrix().astype(np.float64), of_item)
    q = _distribution(listed, of_item).multiply(p > 0)
    mixed = ((1 - alpha) * q + alpha * p).tocsr()  # has an entry wherever p has one
    for matrix in (p, mixed):
        matrix.sum_duplicates()  # in the same order
    terms = p.data * np.log2(p.data / mixed.data)
    case = np.repeat(np.arange(len(items)), np.diff(p.indptr))
    return np.maximum(np.bincount(case, terms, minlength=len(items)), 0.0)


def _distribution(chosen: Any, of_item: Any) -> Any:
    """Return the distribution of categories of each case: (cases, n_categories) sparse.

    chosen: (cases, n_items) how often each item counts. of_item: (n_items, n_categories).
    """
    sums = (chosen @ of_item).tocsr()
    n_known = chosen @ (np.diff(of_item.indptr) > 0).astype(np.float64)
    sums.data /= np.repeat(n_known, np.diff(sums.indptr))
    return sums


calibration.bounds = (0.0, np.inf)  # type: ignore[attr-defined]
calibration.better = "lower"  # type: ignore[attr-defined]

METRICS = {"calibration": calibration}
"""Name that users type -> metric. Add new metrics here."""
