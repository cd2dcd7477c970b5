"""Metrics of the ranks of targets.

Each metric defines the gain of a rank. `ranking` averages it over all orders of tied items, by the
same rule for every metric.
"""

import numpy as np
import numpy.typing as npt

import recbench

Values = npt.NDArray[np.float64]


def ndcg(ranking: recbench.Ranking, k: int) -> Values:
    """NDCG@k, normalised discounted cumulative gain: targets near the top of the list count more.

    A target at rank r has the gain 1 / log2(r + 1) if r <= k, and 0 otherwise. NDCG@k is the sum
    over the targets of a case, divided by the highest possible sum: that of min(n, k) targets at
    ranks 1, 2, 3, ..., where n is the number of targets. With one target, NDCG@k is its gain.

    For tied scores it is the exact mean over all orders of the tied items, as in scikit-learn's
    `ndcg_score`.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets.
    k : int
        Cut-off.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM Transactions on
    Information Systems 20, 2002.

    Examples
    --------
    Targets at ranks 1, 3 and 11:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.ranks import ndcg
    >>> ranking = recbench.Ranking(above=np.array([0, 2, 10]), tied=np.array([1, 1, 1]))
    >>> ndcg(ranking, 10).tolist()
    [1.0, 0.5, 0.0]
    """
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal: Values = np.cumsum(gains)[np.minimum(ranking.n_targets, k) - 1]
    return ranking.expectation(gains) / ideal


def recall(ranking: recbench.Ranking, k: int) -> Values:
    """Recall@k: the share of a case's targets that are among the first k items.

    The number of targets with rank <= k, divided by the number of all targets of the case. With
    more than k targets it therefore stays below 1. With one target it is the same as HR@k.

    For tied scores it is the exact mean over all orders of the tied items.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets.
    k : int
        Cut-off.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    Herlocker, Konstan, Terveen & Riedl, "Evaluating collaborative filtering recommender systems",
    ACM Transactions on Information Systems 22, 2004.

    Examples
    --------
    A case with targets at ranks 1 and 12:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.ranks import recall
    >>> ranking = recbench.Ranking(np.array([0, 11]), np.array([1, 1]), np.array([0, 2]))
    >>> recall(ranking, 10).tolist()
    [0.5]
    """
    return ranking.expectation(np.ones(k)) / ranking.n_targets


def hit(ranking: recbench.Ranking, k: int) -> Values:
    """HR@k, hit rate: 1 if at least one target is among the first k items, else 0.

    For tied scores it is the probability of that, over all orders of the tied items. If m of the
    case's targets share its highest target score with t - m other items, g items score higher, and
    g < k < g + t, the probability is 1 - C(t - m, k - g) / C(t, k - g).

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets.
    k : int
        Cut-off.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    Deshpande & Karypis, "Item-based top-N recommendation algorithms", ACM Transactions on
    Information Systems 22, 2004.

    Examples
    --------
    Targets at ranks 1 and 11, and a target tied with one other item at ranks 10 and 11:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.ranks import hit
    >>> ranking = recbench.Ranking(above=np.array([0, 10, 9]), tied=np.array([1, 1, 2]))
    >>> hit(ranking, 10).tolist()
    [1.0, 0.0, 0.5]
    """
    return ranking.expectation_of_first(np.ones(k))


def mrr(ranking: recbench.Ranking, k: int) -> Values:
    """MRR@k, mean reciprocal rank: 1 / rank of the first target if it is among the first k, else 0.

    For tied scores it is the exact mean over all orders of the tied items.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets.
    k : int
        Cut-off.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    Voorhees, "The TREC-8 question answering track report", TREC 1999.

    Examples
    --------
    Targets at ranks 1, 4 and 11:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.ranks import mrr
    >>> ranking = recbench.Ranking(above=np.array([0, 3, 10]), tied=np.array([1, 1, 1]))
    >>> mrr(ranking, 10).tolist()
    [1.0, 0.25, 0.0]
    """
    return ranking.expectation_of_first(1 / np.arange(1, k + 1))


def average_precision(ranking: recbench.Ranking, k: int) -> Values:
    """MAP@k, mean average precision: the precision at the rank of each target, averaged.

    The precision at rank r is the share of targets among the first r items. MAP@k is its sum over
    the targets with rank <= k, divided by min(n, k), where n is the number of targets of the case.
    With one target it is the same as MRR@k.

    For tied scores it is the exact mean over all orders of the tied items.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets.
    k : int
        Cut-off.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    McSherry & Najork, "Computing Information Retrieval Performance Measures Efficiently in the
    Presence of Tied Scores", ECIR 2008.

    Examples
    --------
    A case with targets at ranks 1 and 4, where the precision is 1/1 and 2/4:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.ranks import average_precision
    >>> ranking = recbench.Ranking(np.array([0, 3]), np.array([1, 1]), np.array([0, 2]))
    >>> average_precision(ranking, 10).tolist()
    [0.75]
    """
    return ranking.expected_precision(k) / np.minimum(ranking.n_targets, k)


METRICS = {"ndcg": ndcg, "recall": recall, "hit": hit, "mrr": mrr, "map": average_precision}
"""Name that users type -> metric. Add new metrics here."""

for metric in METRICS.values():
    metric.bounds = (0.0, 1.0)  # type: ignore[attr-defined]
    metric.better = "higher"  # type: ignore[attr-defined]
