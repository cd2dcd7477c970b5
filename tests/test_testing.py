"""The contract checks catch what they are for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbench import RecbenchError
from recbench.testing import check_metric, check_model, check_splitter
from recbench_metrics import hit, mrr, ndcg
from recbench_popular import Popular


class NoSelf(Popular):
    def fit(self, train: Any) -> Any:
        super().fit(train)


class BatchDependent(Popular):
    def score(self, history: Any) -> Any:
        return np.arange(history.n_items) * float(len(history)) + np.zeros((len(history), 1))


class Unseeded(Popular):
    def score(self, history: Any) -> Any:
        return np.random.default_rng().random(history.n_items) + np.zeros((len(history), 1))


class Drifting(Popular):
    def fit(self, train: Any) -> Any:
        self.scores_ = np.random.default_rng().random(train.n_items)
        return self


class Masks(Popular):
    def score(self, history: Any) -> Any:
        scores = np.array(super().score(history))
        for row, items in enumerate(history.sequences()):
            scores[row, items] = -np.inf
        return scores


class Forgets(Popular):
    def save(self, folder: Path) -> None:
        pass

    def load(self, folder: Path) -> Any:
        self.scores_ = np.zeros(32)
        return self


class SeenLists:
    def fit(self, train: Any) -> Any:
        return self

    def recommend(self, history: Any, k: int) -> Any:
        return np.tile(np.arange(k), (len(history), 1))


@pytest.mark.parametrize(
    ("model", "error", "match"),
    [
        (NoSelf, AssertionError, "fit must return the model itself"),
        (BatchDependent, AssertionError, "must not depend on the batch"),
        (Unseeded, AssertionError, "must not depend on the batch"),
        (Drifting, AssertionError, "the same seed and data"),
        (Masks, RecbenchError, "score -inf"),
        (Forgets, AssertionError, "load must give back"),
        (SeenLists, RecbenchError, "which the history already has"),
    ],
)
def test_a_model_that_breaks_the_contract_is_caught(
    model: type, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        check_model(model)


@pytest.mark.parametrize("metric", [ndcg, hit, mrr])
def test_shipped_metrics_pass(metric: Any) -> None:
    check_metric(metric)


def test_a_metric_upside_down_is_caught() -> None:
    with pytest.raises(AssertionError, match="better rank must never be worth less"):
        check_metric(lambda ranking, k: 1 - ndcg(ranking, k))


def test_a_metric_that_is_lucky_with_ties_is_caught() -> None:
    with pytest.raises(AssertionError, match="mean over its ranks"):
        check_metric(lambda ranking, k: (ranking.above < k).astype(float))


def test_a_splitter_that_leaks_is_caught() -> None:
    import recbench

    class Leaks:
        def split(self, interactions: Any) -> Any:
            last = interactions.items[interactions.offsets[1:] - 1]
            return recbench.Split(interactions, interactions, last)

    with pytest.raises(AssertionError, match="target of row 0 is in its history"):
        check_splitter(Leaks)
