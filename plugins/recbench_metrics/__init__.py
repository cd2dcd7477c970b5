"""The metrics of top-k recommendation with one target a row."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

Values = npt.NDArray[np.float64]


def ndcg(ranking: recbench.Ranking, k: int) -> Values:
    """Normalised discounted cumulative gain: 1 / log2(rank + 1) where rank <= k, else 0.

    Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; with
    one relevant item the ideal gain is 1.
    """
    return ranking.expectation(1 / np.log2(np.arange(2, k + 2)))


def hit(ranking: recbench.Ranking, k: int) -> Values:
    """Hit rate: 1 where rank <= k, else 0 (with one target the same as recall)."""
    return ranking.expectation(np.ones(k))


def mrr(ranking: recbench.Ranking, k: int) -> Values:
    """Mean reciprocal rank: 1 / rank where rank <= k, else 0."""
    return ranking.expectation(1 / np.arange(1, k + 1))


@recbench.hookimpl
def recbench_metrics() -> Mapping[str, Callable[..., Any]]:
    return {"ndcg": ndcg, "hit": hit, "mrr": mrr}
