"""Metrics of the ranks of targets that information retrieval uses: of sets, and of whole rankings.

As in `ranks`, a value is the exact mean over all orders of tied items.
"""

import numpy as np

import recbench

from .ranks import Values


def precision(ranking: recbench.Ranking, k: int) -> Values:
    """Precision@k: the share of the first k items that are targets.

    The number of targets with rank <= k, divided by k. With n < k targets it is therefore at most
    n / k.

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
    >>> from recbench_metrics.retrieval import precision
    >>> ranking = recbench.Ranking(np.array([0, 11]), np.array([1, 1]), np.array([0, 2]))
    >>> precision(ranking, 10).tolist()
    [0.1]
    """
    return ranking.expectation(np.ones(k)) / k


def f1(ranking: recbench.Ranking, k: int) -> Values:
    """F1@k: the harmonic mean of Precision@k and Recall@k.

    With h targets among the first k items and n targets in all, the precision is h / k, the recall
    h / n, and their harmonic mean 2 * h / (k + n); 0 if h is 0.

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
    van Rijsbergen, "Information Retrieval", 2nd edition, 1979, chapter 7.

    Examples
    --------
    A case with targets at ranks 1 and 12:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.retrieval import f1
    >>> ranking = recbench.Ranking(np.array([0, 11]), np.array([1, 1]), np.array([0, 2]))
    >>> f1(ranking, 10).round(4).tolist()
    [0.1667]
    """
    values: Values = 2 * ranking.expectation(np.ones(k)) / (k + ranking.n_targets)
    return values


def r_precision(ranking: recbench.Ranking, k: int) -> Values:  # noqa: ARG001
    """R-Precision: the share of the first n items that are targets, if there are n targets.

    It has no cut-off: k is ignored. With one target it is the same as HR@1. A model that returns
    lists finds no target beyond its list, so its value is too low if n is larger than the list.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets.
    k : int
        Ignored.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    Manning, Raghavan & Schütze, "Introduction to Information Retrieval", 2008, section 8.4.

    Examples
    --------
    Two cases with two targets each, at ranks 1 and 2, and at ranks 2 and 3:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.retrieval import r_precision
    >>> ranking = recbench.Ranking(np.array([0, 1, 1, 2]), np.ones(4), np.array([0, 2, 4]))
    >>> r_precision(ranking, 10).tolist()
    [1.0, 0.5]
    """
    n_targets = ranking.n_targets
    within = np.clip(n_targets[ranking.case_of_target] - ranking.above, 0, ranking.tied)
    values: Values = ranking.sum(within / ranking.tied) / n_targets
    return values


def rbp(ranking: recbench.Ranking, k: int, persistence: float = 0.8) -> Values:
    """RBP@k, rank-biased precision: the targets found by a reader who may stop after each item.

    A reader looks at rank 1, and continues from each rank to the next with a probability p, the
    persistence. A target at rank r counts (1 - p) * p**(r - 1) if r <= k, and 0 otherwise. All
    targets together count at most 1 - p**k.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets.
    k : int
        Cut-off.
    persistence : float, default: 0.8
        Probability of continuing to the next rank, at least 0 and below 1.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    Raises
    ------
    recbench.UsageError
        If the persistence is out of range.

    References
    ----------
    Moffat & Zobel, "Rank-biased precision for measurement of retrieval effectiveness", ACM
    Transactions on Information Systems 27, 2008.

    Examples
    --------
    Targets at ranks 1 and 2:

    >>> import numpy as np
    >>> import recbench
    >>> from recbench_metrics.retrieval import rbp
    >>> ranking = recbench.Ranking(above=np.array([0, 1]), tied=np.array([1, 1]))
    >>> rbp(ranking, 10, persistence=0.5).tolist()
    [0.5, 0.25]
    """
    if not 0 <= persistence < 1:
        raise recbench.UsageError(
            f"metric rbp: persistence={persistence:g} must be at least 0 and below 1"
        )
    return ranking.expectation((1 - persistence) * persistence ** np.arange(k))


def auc(ranking: recbench.Ranking, k: int) -> Values:  # noqa: ARG001
    """AUC, the area under the ROC curve: how often a target is ranked above another item.

    The share of the pairs of a target and another ranked item in which the target is higher; tied
    pairs count one half. A random ranking has 0.5 on average. AUC has no cut-off: k is ignored, and
    the whole ranking counts (with `--candidates`, that of the candidates).

    If a model returns lists, all other items are below its list, in any order. AUC then depends on
    how long the lists are. If all ranked items are targets, AUC is 1.

    Parameters
    ----------
    ranking : recbench.Ranking
        The ranks of the targets, and among how many items they are.
    k : int
        Ignored.

    Returns
    -------
    numpy.ndarray of shape (n_cases,), float64
        One value per case, from 0 to 1.

    References
    ----------
    Hanley & McNeil, "The meaning and use of the area under a receiver operating characteristic
    (ROC) curve", Radiology 143, 1982. For each user: Rendle, Freudenthaler, Gantner &
    Schmidt-Thieme, "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.

    Examples
    --------
    Of the 4 other items, one is ranked above the target, and one is tied with it:

    >>> import recbench
    >>> from recbench_metrics.retrieval import auc
    >>> train = recbench.Interactions.from_log(users=[0], items=[0], n_items=5)
    >>> split = recbench.Split(train, history=train, targets=[3])
    >>> auc(recbench.Ranking(above=[1], tied=[2]).of_split(split), 10).tolist()
    [0.625]
    """
    case, n_ranked, n_targets = ranking.case_of_target, ranking.n_ranked, ranking.n_targets
    is_listed = ranking.above < n_ranked[case]
    first = np.where(is_listed, ranking.above, np.minimum(ranking.n_listed, n_ranked - 1)[case])
    last = np.where(is_listed, ranking.above + ranking.tied, n_ranked[case])
    # of two targets, one is above the other, or each is with probability 1/2: 1 for each pair
    wrong = ranking.sum((first + last - 1) / 2) - n_targets * (n_targets - 1) / 2
    pairs = n_targets * (n_ranked - n_targets)
    values: Values = np.clip(1 - wrong / np.maximum(pairs, 1), 0.0, 1.0)
    return values


METRICS = {
    "precision": precision,
    "f1": f1,
    "r-precision": r_precision,
    "rbp": rbp,
    "auc": auc,
}
"""Name that users type -> metric. Add new metrics here."""

for metric in METRICS.values():
    metric.bounds = (0.0, 1.0)  # type: ignore[attr-defined]
    metric.better = "higher"  # type: ignore[attr-defined]
