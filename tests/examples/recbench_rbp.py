"""Rank-biased precision."""

import numpy as np

import recbench

PERSISTENCE = 0.8


def rbp(ranking, k):
    """Rank-biased precision: the target's rank, seen by a reader who stops at some point.

    The reader looks at rank 1 and continues to each next rank with probability 0.8, so a target at
    rank r counts 0.2 * 0.8**(r - 1). A target below rank k counts 0. Moffat & Zobel, "Rank-biased
    precision for measurement of retrieval effectiveness", TOIS 2008.
    """
    gains = (1 - PERSISTENCE) * PERSISTENCE ** np.arange(k)
    return ranking.expectation(gains)


@recbench.hookimpl
def recbench_metrics():
    return {"rbp": rbp}
