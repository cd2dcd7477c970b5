"""Metrics of where a case's targets ended up, each the mean over all orders of what is tied.

A case has n targets. What a tie is worth is recbench's rule, the same for every metric: a metric
says what ranks are worth, and `ranking` gives the expectation.
"""

import numpy as np
import numpy.typing as npt

import recbench

Values = npt.NDArray[np.float64]


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
    """Recall: the share of the case's targets with rank <= k.

    Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004. Over
    all n targets, so that it stays below 1 where k < n. Ties: the expected number, a sum over
    targets.
    """
    return ranking.expectation(np.ones(k)) / ranking.n_targets


def hit(ranking: recbench.Ranking, k: int) -> Values:
    """Hit rate: 1 where at least one target has rank <= k, else 0.

    Deshpande & Karypis, "Item-based top-N recommendation algorithms", TOIS 2004. With one target
    the same as recall. Ties: the probability; where k cuts through the first block of m targets
    among t tied items, g items above, it is 1 - C(t - m, k - g) / C(t, k - g).
    """
    return ranking.expectation_of_first(np.ones(k))


def mrr(ranking: recbench.Ranking, k: int) -> Values:
    """Mean reciprocal rank: 1 / rank of the first target where that is <= k, else 0.

    Voorhees, "The TREC-8 question answering track report", 1999. Ties: the expectation.
    """
    return ranking.expectation_of_first(1 / np.arange(1, k + 1))


def average_precision(ranking: recbench.Ranking, k: int) -> Values:
    """Mean average precision: the precision at each target with rank <= k, over min(n, k).

    The precision at rank r is the share of the first r items that are targets. With one target
    the same as mrr. Ties: the expectation, after McSherry & Najork, ECIR 2008.
    """
    return ranking.expected_precision(k) / np.minimum(ranking.n_targets, k)


METRICS = {"ndcg": ndcg, "recall": recall, "hit": hit, "mrr": mrr, "map": average_precision}
"""What users type -> the metric; a new one is added here."""
