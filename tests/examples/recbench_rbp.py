"""Rank-biased precision."""

import numpy as np

import recbench

PERSISTENCE = 0.8


def rbp(ranking, k):
    """Rank-biased precision: targets near the top of the list count more.

    A reader looks at rank 1, and continues from each rank to the next with probability 0.8. A
    target at rank r therefore counts 0.2 * 0.8**(r - 1), or 0 if r > k. Moffat & Zobel,
    "Rank-biased precision for measurement of retrieval effectiveness", TOIS 2008.
    """
    gains = (1 - PERSISTENCE) * PERSISTENCE ** np.arange(k)
    return ranking.expectation(gains)


@recbench.hookimpl
def recbench_metrics():
    return {"rbp": rbp}
