"""The metrics of top-k recommendation: where targets ended up, and what is recommended at all."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .lists import coverage, gini, novelty, popularity
from .ranks import average_precision, hit, mrr, ndcg, recall


@recbench.hookimpl
def recbench_metrics() -> Mapping[str, Callable[..., Any]]:
    return {
        "ndcg": ndcg,
        "recall": recall,
        "hit": hit,
        "mrr": mrr,
        "map": average_precision,
        "coverage": coverage,
        "gini": gini,
        "novelty": novelty,
        "popularity": popularity,
    }
