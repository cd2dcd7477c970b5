"""Recommend the same to everybody: what is popular."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

import recbench


class Popular:
    """The most popular items, the same list for everybody.

    rule: "consumed" scores an item by how often it was consumed; "rated" by its mean rating among
        the items whose number of ratings reaches the 95% quantile, all others below them. The
        notebook's list is "rated", but computed on all ratings, the test's included; this one
        only ever sees the training part.
    """

    def __init__(self, rule: Literal["consumed", "rated"] = "consumed") -> None:
        self.rule = rule

    def fit(self, train: recbench.Interactions) -> Self:
        counts = train.popularity
        self.n_parameters = train.n_items
        if self.rule == "consumed":
            self.scores_ = counts.astype(np.float64)
            return self
        if train.ratings is None:
            raise recbench.RecbenchError(
                "popular:rule=rated needs ratings and this dataset has none; use popular"
            )
        sums = np.bincount(train.items, weights=train.ratings, minlength=train.n_items)
        means = sums / np.maximum(counts, 1)
        consumed = counts[counts > 0]
        often = counts >= np.quantile(consumed, 0.95) if len(consumed) else counts > 0
        self.scores_ = np.where(often, means, means.min(initial=0) - 1)
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float64]:
        return np.broadcast_to(self.scores_, (len(history), history.n_items))


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"popular": Popular}
