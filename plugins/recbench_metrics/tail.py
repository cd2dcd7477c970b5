"""Metrics of popularity: whether a model recommends more than what is popular anyway."""

import numpy as np

import recbench

from .listed import Values, first_items, mean_of


def aplt(ranking: recbench.Ranking, k: int, head: float = 0.8) -> Values:
    """APLT@k, average percentage of long-tail items: the share of the first k items in the tail.

    The head is the most popular items, which together have the share `head` of the training
    interactions. The tail is all other items, and all items without training interactions. Items of
    equal popularity are in the same part. With head=2/3, the tail is that of `--by popularity`.

    A case with an empty list gets 0. Equal scores are ordered by item number.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items and the popularity of all items.
    k : int
        Cut-off: only the first k items of each list count.
    head : float, default: 0.8
        Share of the training interactions that belong to the head, above 0 and at most 1.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, or if they are shorter than k.
    recbench.UsageError
        If the share is out of range.

    References
    ----------
    Abdollahpouri, Burke & Mobasher, "Managing popularity bias in recommender systems with
    personalized re-ranking", FLAIRS 2019.

    Examples
    --------
    Items 0 and 2 have 10 of 12 interactions:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.tail import aplt
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> popularity = np.array([7, 1, 3, 1])
    >>> ranking = recbench.Ranking(np.zeros(2), np.ones(2), None, lists, popularity)
    >>> aplt(ranking, 2).tolist()
    [0.5, 0.0]
    """
    if not 0 < head <= 1:
        raise recbench.UsageError(f"metric aplt: head={head:g} must be above 0 and at most 1")
    items, counts = first_items(ranking, k)
    descending = np.sort(counts)[::-1]
    of_more_popular = np.append(0, np.cumsum(descending))[np.searchsorted(-descending, -counts)]
    in_tail = (of_more_popular >= head * counts.sum()) | (counts == 0)
    return mean_of(in_tail.astype(np.float64), items)


def popularity_lift(ranking: recbench.Ranking, k: int) -> Values:
    """Popularity lift@k: how much more popular the first k items are than those of the history.

    The mean popularity of the first k items, divided by that of the items in the history, minus 1.
    Popularity is the number of training interactions. The value is 0 if a user gets items as
    popular as those of the history, 1 if they are twice as popular, and -0.5 if they are half as
    popular. Abdollahpouri et al. divide the means of a group of users; here, each case has its own
    lift.

    A case with an empty list gets 0, and so does one whose history has no training interactions.
    Equal scores are ordered by item number.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items, the popularity of all items, and histories.
    k : int
        Cut-off: only the first k items of each list count.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from -1.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, or if they are shorter than k.

    References
    ----------
    Abdollahpouri, Mansoury, Burke & Mobasher, "The connection between popularity bias, calibration,
    and fairness in recommendation", RecSys 2020.

    Examples
    --------
    A history [0, 1] with a mean popularity of 2, and a list [1, 2] with one of 1:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.tail import popularity_lift
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1, 2, 3], items=[0, 1, 0, 0, 2])
    >>> split = recbench.Split(train, history=train.take([0]), targets=[2])
    >>> ranking = recbench.Ranking([0], [1], lists=np.array([[1, 2]])).of_split(split)
    >>> popularity_lift(ranking, 2).tolist()
    [-0.5]
    """
    items, counts = first_items(ranking, k)
    history = ranking.histories
    sums = np.append(0, np.cumsum(counts[history.items]))[history.offsets]
    before = np.diff(sums) / np.maximum(history.lengths, 1)
    is_known = (before > 0) & (items >= 0).any(axis=1)
    listed = mean_of(counts.astype(np.float64), items)
    return np.where(is_known, listed / np.where(is_known, before, 1.0) - 1, 0.0)


def serendipity(ranking: recbench.Ranking, k: int) -> Values:
    """Serendipity@k: targets among the first k items count more if they are not popular.

    A target at rank r <= k counts max(0, (q - r) / N), where q is its rank in the order of
    popularity (the mean rank of equally popular items) and N the number of items: how far the model
    places it above its place in a list of the most popular items. The metric is the sum over the
    targets of a case, divided by k. Seen items are not masked in the order of popularity.

    For tied scores it is the exact mean over all orders of the tied items.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets, which items these are, and the popularity of all items.
    k : int
        Cut-off.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    Murakami, Mori & Orihara, "Metrics for evaluating the serendipity of recommendation lists", New
    Frontiers in Artificial Intelligence, LNAI 4914, 2008, with popularity as the primitive method.

    Examples
    --------
    Both targets are at rank 1. Item 0 is the most popular of 4, and item 2 the second:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.tail import serendipity
    >>> train = recbench.Interactions.from_log(users=[0, 1, 1], items=[0, 0, 2], n_items=4)
    >>> split = recbench.Split(train, history=train, targets=[0, 2])
    >>> ranking = recbench.Ranking(above=[0, 0], tied=[1, 1]).of_split(split)
    >>> serendipity(ranking, 1).tolist()
    [0.0, 0.25]
    """
    counts = ranking.train.popularity
    ascending = np.sort(counts)
    below, upto = (np.searchsorted(ascending, counts, side) for side in ("left", "right"))
    n_items, above, tied = len(counts), ranking.above, ranking.tied
    places = (n_items - (below + upto - 1) / 2)[ranking.targets]
    # of the possible ranks above + 1, above + 2, ..., how many count; the sum of place - rank
    n = np.clip(np.minimum(k, np.floor(places)) - above, 0, tied)
    sums = n * (places - above) - n * (n + 1) / 2
    return ranking.sum(sums / tied) / (n_items * k)


aplt.bounds = serendipity.bounds = (0.0, 1.0)  # type: ignore[attr-defined]
popularity_lift.bounds = (-1.0, np.inf)  # type: ignore[attr-defined]
serendipity.better = "higher"  # type: ignore[attr-defined]

METRICS = {"aplt": aplt, "popularity-lift": popularity_lift, "serendipity": serendipity}
"""Name that users type -> metric. Add new metrics here."""
