"""Metrics of the lists of recommended items: which items they hold, and how often."""

import numpy as np

import recbench

from .listed import Values, first_items, mean_of, times_listed


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
    return float(np.mean(times_listed(ranking, k) > 0))


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
    times = np.sort(times_listed(ranking, k))
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
    items, counts = first_items(ranking, k)
    shares = (counts + 1) / (counts.sum() + len(counts))
    return mean_of(-np.log2(shares), items)


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
    items, counts = first_items(ranking, k)
    return mean_of(counts.astype(np.float64), items)


def entropy(ranking: recbench.Ranking, k: int) -> float:
    """Entropy@k: how evenly items are recommended, in bits; higher if spread over more items.

    One number for all cases: Shannon's entropy -sum(p * log2(p)), where p is an item's share of all
    recommendations in lists of k items. It is log2(m) if m items are recommended equally often, and
    0 if all lists are empty. Equal scores are ordered by item number.

    Parameters
    ----------
    ranking : recbench.Ranking
        A ranking with lists of recommended items and the popularity of all items.
    k : int
        Cut-off: only the first k items of each list count.

    Returns
    -------
    float
        From 0 to log2 of the number of items.

    Raises
    ------
    recbench.RecbenchError
        If the ranking has no lists, or if they are shorter than k.

    References
    ----------
    Shannon, "A mathematical theory of communication", Bell System Technical Journal 27, 1948. For
    recommendations: Shani & Gunawardana, "Evaluating recommendation systems", Recommender Systems
    Handbook, 2011.

    Examples
    --------
    Lists [0, 1] and [0, 2]: item 0 has half of the recommendations, and two items a quarter each.

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.lists import entropy
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> popularity = np.array([7, 1, 3, 1])
    >>> ranking = recbench.Ranking(np.zeros(2), np.ones(2), None, lists, popularity)
    >>> entropy(ranking, 2)
    1.5
    """
    times = times_listed(ranking, k)
    shares = times[times > 0] / max(1, times.sum())
    return float(-(shares @ np.log2(shares))) + 0.0


def personalisation(ranking: recbench.Ranking, k: int) -> float:
    """Personalisation@k: how much the lists of users differ: 0 if all are equal, 1 if none overlap.

    One number for all cases: 1 minus the mean overlap of all pairs of lists. The overlap of two
    lists is the number of items that both have, divided by k; or, if lists are shorter, by the
    geometric mean of their lengths (the cosine of the lists as sets). An empty list has no overlap.
    With a single list, the value is 0. Equal scores are ordered by item number.

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
    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107,
    2010, call it personalization (the mean Hamming distance of lists).

    Examples
    --------
    Lists [0, 1] and [0, 2] share one of two items:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.lists import personalisation
    >>> lists = np.array([[0, 1], [0, 2]])
    >>> popularity = np.array([7, 1, 3, 1])
    >>> ranking = recbench.Ranking(np.zeros(2), np.ones(2), None, lists, popularity)
    >>> round(personalisation(ranking, 2), 4)
    0.5
    """
    items, counts = first_items(ranking, k)
    lengths = np.count_nonzero(items >= 0, axis=1)
    weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
    of_item = np.bincount(items[items >= 0], weights, minlength=len(counts))
    # the sum over items of a squared sum over lists is the sum over pairs, with each list's own 1
    overlaps = of_item @ of_item - np.count_nonzero(lengths)
    n_pairs = len(items) * (len(items) - 1)
    return float(np.clip(1 - overlaps / n_pairs, 0, 1)) if n_pairs else 0.0


for metric in (coverage, gini, personalisation):
    metric.bounds = (0.0, 1.0)  # type: ignore[attr-defined]
personalisation.aliases = ("personalization",)  # type: ignore[attr-defined]
entropy.bounds = novelty.bounds = popularity.bounds = (0.0, np.inf)  # type: ignore[attr-defined]

METRICS = {
    "coverage": coverage,
    "entropy": entropy,
    "gini": gini,
    "novelty": novelty,
    "personalisation": personalisation,
    "popularity": popularity,
}
"""Name that users type -> metric. Add new metrics here."""
