"""The contract checks accept valid models, metrics and splitters, and catch invalid ones."""

import contextlib
import dataclasses
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbench import Ranking, RecbenchError, UsageError, hookimpl
from recbench.testing import (
    check_executor,
    check_metric,
    check_model,
    check_splitter,
    check_tracker,
)
from recbench_metrics import recbench_metrics
from recbench_metrics.ranks import hit, ndcg
from recbench_splitters import LeaveLastOut


class Popular:
    def __init__(self) -> None:
        self.scores_ = np.empty(0)

    def fit(self, train: Any) -> Any:
        self.scores_ = np.bincount(train.items, minlength=train.n_items).astype(float)
        return self

    def score(self, history: Any) -> Any:
        return np.tile(self.scores_, (len(history), 1))


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


class Resumes(Popular):
    """A model that stores its scores and ignores files that it cannot read or write."""

    def fit(self, train: Any, checkpoint: Path | None = None) -> Any:
        super().fit(train)
        if checkpoint is not None:
            with contextlib.suppress(OSError):
                self.resume(checkpoint / "scores.npy")
        return self

    def resume(self, file: Path) -> None:
        if file.exists():
            self.scores_ = np.load(file)
        self.write(file, self.scores_)

    def write(self, file: Path, scores: np.ndarray) -> None:
        part = file.with_suffix(".part")
        with part.open("wb") as opened:
            np.save(opened, scores)
        part.replace(file)


class NeedsCheckpoint(Resumes):
    def fit(self, train: Any, checkpoint: Any = "") -> Any:
        return super().fit(train, checkpoint or None)


class BrokenByCheckpoint(Resumes):
    def resume(self, file: Path) -> None:
        self.scores_ = -self.scores_


class ResumesWrong(Resumes):
    def resume(self, file: Path) -> None:
        super().resume(file)
        self.write(file, self.scores_ + 1)


class FailsOnFullDisk(Resumes):
    def resume(self, file: Path) -> None:
        try:
            super().resume(file)
        except OSError as error:
            raise ValueError(file.name) from error


class SeenLists:
    def fit(self, train: Any) -> Any:
        return self

    def recommend(self, history: Any, k: int) -> Any:
        return np.tile(np.arange(k), (len(history), 1))


class Explains(Popular):
    def explain(self, history: Any, items: Any) -> Any:
        return self.scores_[items][:, None] / np.arange(1, history.n_interactions + 1)


class ExplainsAcross(Explains):
    def explain(self, history: Any, items: Any) -> Any:
        weights = super().explain(history, items)
        return weights - weights.mean(axis=0)


class ExplainsByChance(Popular):
    def explain(self, history: Any, items: Any) -> Any:
        return np.random.default_rng().random((len(items), history.n_interactions))


class ExplainsItems(Popular):
    def explain(self, history: Any, items: Any) -> Any:
        return np.ones((len(items), len(np.unique(history.items))))


class ExplainsNoRepeats(Explains):
    def explain(self, history: Any, items: Any) -> Any:
        _, counts = np.unique(history.items, return_counts=True)
        return np.where(counts.max() == 1, super().explain(history, items), np.nan)


class ForgetsWhy(Explains):
    def __init__(self) -> None:
        super().__init__()
        self.sign = 1

    def explain(self, history: Any, items: Any) -> Any:
        return super().explain(history, items) * self.sign

    def save(self, folder: Path) -> None:
        np.save(folder / "scores.npy", self.scores_)

    def load(self, folder: Path) -> Any:
        self.scores_, self.sign = np.load(folder / "scores.npy"), -1
        return self


class Attends(Popular):
    def attention(self, history: Any) -> Any:
        return np.eye(history.n_interactions)[None, None]


class AttendsByChance(Popular):
    def attention(self, history: Any) -> Any:
        n = history.n_interactions
        return np.random.default_rng().dirichlet(np.ones(n), (1, 1, n))


class AttendsTwice(Attends):
    def attention(self, history: Any) -> Any:
        return 2 * super().attention(history)


class ForgetsWhere(Attends):
    def __init__(self) -> None:
        super().__init__()
        self.newest = 1

    def attention(self, history: Any) -> Any:
        n = history.n_interactions
        weights = np.zeros((1, 1, n, n))
        weights[..., -self.newest] = 1
        return weights

    def save(self, folder: Path) -> None:
        np.save(folder / "scores.npy", self.scores_)

    def load(self, folder: Path) -> Any:
        self.scores_, self.newest = np.load(folder / "scores.npy"), 0
        return self


@pytest.mark.parametrize("model", [Explains, Attends])
def test_a_model_that_meets_the_contract_passes(model: type) -> None:
    check_model(model)


@pytest.mark.parametrize(
    ("model", "error", "match"),
    [
        (ExplainsAcross, AssertionError, "must not depend on the other items"),
        (ExplainsByChance, AssertionError, "explain must return the same numbers"),
        (ExplainsItems, RecbenchError, r"explain .* shape \(32, \d+\); .* = \(32, 300\)"),
        (ExplainsNoRepeats, RecbenchError, "explain returned nan for item number"),
        (ForgetsWhy, AssertionError, "saved and loaded must give the same"),
        (AttendsByChance, AssertionError, "attention must return the same numbers"),
        (AttendsTwice, RecbenchError, "must sum to 1 over each row"),
        (ForgetsWhere, AssertionError, "saved and loaded must give the same"),
        (NoSelf, AssertionError, "fit must return the model itself"),
        (BatchDependent, AssertionError, "must not depend on the batch"),
        (Unseeded, AssertionError, "must not depend on earlier calls"),
        (Drifting, AssertionError, "the same seed and data"),
        (Masks, RecbenchError, "score returned -inf"),
        (Forgets, AssertionError, "saved and loaded must give the same"),
        (NeedsCheckpoint, AssertionError, "the default of fit's checkpoint must be None"),
        (
            BrokenByCheckpoint,
            AssertionError,
            "fit with an empty checkpoint must give the same model",
        ),
        (ResumesWrong, AssertionError, "resumes from its checkpoint must give the same"),
        (
            FailsOnFullDisk,
            AssertionError,
            "cannot write its checkpoint .* raised ValueError: scores",
        ),
        (SeenLists, RecbenchError, "which is in the user's history"),
    ],
)
def test_a_model_that_breaks_the_contract_is_caught(
    model: type, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        check_model(model)


def test_a_model_that_resumes_passes() -> None:
    check_model(Resumes)


@pytest.mark.parametrize("metric", recbench_metrics().values(), ids=recbench_metrics())
def test_shipped_metrics_pass(metric: Any) -> None:
    check_metric(metric)


def _writes(ranking: Any, k: int) -> Any:
    ranking.lists.base.flags.writeable = True
    ranking.lists.base[:, 0] = 3
    return ndcg(ranking, k)


def _last_target(ranking: Any, k: int) -> Any:
    return hit(Ranking(ranking.above, ranking.tied), k)[np.cumsum(ranking.n_targets) - 1]


def _expects_no_gaps(ranking: Any, k: int) -> Any:
    listed = ranking.lists >= 0
    if (listed[:, 1:] > listed[:, :-1]).any():
        raise RecbenchError("a gap")
    return listed[:, :k].sum(axis=1)


def _optimistic(ranking: Any, k: int) -> Any:
    return ndcg(Ranking(ranking.above, np.ones_like(ranking.tied), ranking.offsets), k)


@pytest.mark.parametrize(
    ("metric", "rule"),
    [
        (lambda ranking, k: ranking.above < k, r"return numbers .* per case, shape \(8,\)"),
        (lambda ranking, k: np.full(len(ranking), np.nan), "must be finite"),
        (_writes, "must not change the ranking"),
        (lambda ranking, k: np.random.default_rng().random(len(ranking)), "the same values"),
        (
            lambda ranking, k: hit(ranking, k) - hit(ranking, k).mean(),
            "not depend on other cases",
        ),
        (lambda ranking, k: np.arange(len(ranking)), "not depend on other cases"),
        (lambda ranking, k: ranking.above[0], "the order of cases"),
        (
            lambda ranking, k: hit(ranking, k) + (ranking.offsets is None),
            "one target per case",
        ),
        (_last_target, "order of a case's targets"),
        (_expects_no_gaps, "return numbers for every ranking: .*a gap"),
        (lambda ranking, k: 1 - ndcg(ranking, k), "better rank must never lower the value"),
        (lambda ranking, k: hit(ranking, k + 1), "a higher value than rank k . 1"),
        (_optimistic, "the mean value over its possible ranks"),
        (lambda ranking, k: hit(ranking, k) + ranking.n_targets, "far below rank k must not raise"),
        (lambda ranking, k: np.minimum(ranking.expectation([1] * k), 1), "all their orders"),
    ],
)
def test_a_metric_that_breaks_the_contract_is_caught(metric: Any, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_metric(metric)


@pytest.mark.parametrize("value", [0.5, np.float32(3)])
def test_a_constant_metric_passes(value: Any) -> None:
    check_metric(lambda ranking, k: value)
    check_metric(lambda ranking, k: np.full(len(ranking), value))


def test_a_splitter_that_leaks_is_caught() -> None:
    import recbench

    class Leaks:
        def split(self, interactions: Any) -> Any:
            last = interactions.items[interactions.offsets[1:] - 1]
            return recbench.Split(interactions, interactions, last)

    with pytest.raises(AssertionError, match="target of row 0 must not be in its history"):
        check_splitter(Leaks)


def test_a_splitter_that_loses_the_unit_of_times_is_caught() -> None:
    class Loses(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            return super().split(dataclasses.replace(interactions, time_unit="s"))

    check_splitter(LeaveLastOut)
    with pytest.raises(AssertionError, match="train must have the same time_unit as the data"):
        check_splitter(Loses)


def test_the_checks_say_what_they_take() -> None:
    checks: Any = (
        (check_metric, r"check_metric takes a function of \(ranking, k\), not 'ndcg'"),
        (check_model, "check_model takes a class or a function that builds a model, not 'ndcg'"),
        (check_tracker, r"check_tracker takes a class .*, or a function of \(result\), not 'ndcg'"),
        (check_executor, "check_executor takes a class or a function that builds an executor, not"),
    )
    for check, takes in checks:
        with pytest.raises(UsageError, match=takes):
            check("ndcg")


class Records:
    def __init__(self, limit: int = 1000) -> None:
        self.left = limit

    @hookimpl
    def recbench_progress(self, step: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("the disk is full")


def test_a_tracker_is_a_class_a_function_an_object_a_module_or_a_hook() -> None:
    check_tracker(Records)
    check_tracker(lambda limit=1000: Records(limit))
    check_tracker(Records())
    check_tracker(types.SimpleNamespace(recbench_progress=hookimpl(lambda cell, values: None)))
    check_tracker(lambda result: None)
    check_tracker(Records().recbench_progress)
    with pytest.raises(AssertionError, match="recbench_progress raised OSError: the disk is full"):
        check_tracker(Records, limit=2)
    with pytest.raises(
        AssertionError, match="a tracker must have recbench_progress, recbench_run_"
    ):
        check_tracker(Popular)
    with pytest.raises(RecbenchError, match="must be a function, without async and yield, with"):
        check_tracker(types.SimpleNamespace(recbench_run_finished=hookimpl(lambda result=1: None)))


def test_an_executor_is_checked_with_its_options() -> None:
    def unreachable(address: str = "") -> Any:
        if address:
            raise RecbenchError(f"no cluster at {address}")
        return ThreadPoolExecutor(1)

    check_executor(unreachable)
    with pytest.raises(RecbenchError, match=r"^no cluster at here$"):
        check_executor(unreachable, address="here")


def test_a_metric_is_checked_with_its_options() -> None:
    def shifted(ranking: Any, k: int, *, by: float = 0.0) -> Any:
        return by - ndcg(ranking, k) if by else ndcg(ranking, k)

    check_metric(shifted)
    with pytest.raises(
        AssertionError, match="a better rank must never lower the value: at k=2 it is 0 at rank 1"
    ):
        check_metric(shifted, by=1.0)
