"""Alternating least squares: contract, factors by hand, explanations, implicit's own figures."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from recbench import Interactions, RecbenchError, UsageError, evaluate, load_dataset
from recbench.testing import check_model, example
from recbench_implicit import Als
from recbench_metrics.ranks import ndcg
from recbench_splitters import LeaveLastOut

pytest.importorskip("implicit")

LOG = example()

FACTORS = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
"""Three items with two factors."""


def history_of(*items: int, n_items: int = 3) -> Interactions:
    return Interactions([-1], np.array(items, dtype=int), [0, len(items)], 1, n_items)


def plain_scores(items: list[int], regularization: float, alpha: float) -> npt.NDArray[Any]:
    """Solve (Y'Y + Y'(C - 1)Y + regularization) x = Y'c, and return Yx, by plain loops."""
    equations, right = FACTORS.T @ FACTORS + regularization * np.eye(2), np.zeros(2)
    for item in set(items):
        confidence = alpha * items.count(item)
        equations += (confidence - 1) * np.outer(FACTORS[item], FACTORS[item])
        right += confidence * FACTORS[item]
    scores: npt.NDArray[Any] = FACTORS @ np.linalg.solve(equations, right)
    return scores


@pytest.mark.parametrize("options", [{}, {"factors": 3, "alpha": 5, "iterations": 2}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(Als, **options)


@pytest.mark.parametrize("items", [[0], [0, 1], [2, 0, 2, 2], []])
@pytest.mark.parametrize(("regularization", "alpha"), [(0.01, 1), (2, 1), (0.5, 10)])
def test_scores_and_explanations_of_known_factors(
    items: list[int], regularization: float, alpha: float
) -> None:
    model = Als(2, regularization, alpha).use({"item_factors": FACTORS})
    history = history_of(*items)
    scores = model.score(history)[0]
    assert scores == pytest.approx(plain_scores(items, regularization, alpha), abs=1e-5)
    parts = model.explain(history, np.arange(3))
    assert parts.shape == (3, len(items))
    assert parts.sum(axis=1) == pytest.approx(scores, abs=1e-5)


def test_an_example_by_hand() -> None:
    """With one factor, Y'Y is 1 + 4 = 5. Item 1 is had twice, with alpha 3: its confidence is 6."""
    model = Als(1, regularization=1, alpha=3)
    model.use({"item_factors": np.array([[1], [2]], dtype=np.float32)})
    user = 6 * 2 / (5 + 1 + 5 * 4)
    history = history_of(1, 1, n_items=2)
    assert model.score(history)[0] == pytest.approx([user, 2 * user])
    assert model.explain(history, np.array([1, 0])) == pytest.approx(
        np.array([[user, user], [user / 2, user / 2]])
    )


def test_explanations_sum_to_scores_of_a_fitted_model() -> None:
    model, items = Als().fit(LOG), np.arange(32)
    for row in range(5):
        history = LOG.take([row])
        parts = model.explain(history, items)
        assert parts.sum(axis=1) == pytest.approx(model.score(history)[0], abs=1e-4)


def test_the_figures_are_those_of_implicit() -> None:
    from implicit.cpu.als import AlternatingLeastSquares

    log = load_dataset("synthetic:users=50,interactions=900").interactions
    split = LeaveLastOut().split(log)
    options: dict[str, Any] = {"factors": 8, "alpha": 2, "regularization": 0.1, "iterations": 5}
    theirs = AlternatingLeastSquares(**options, random_state=3)
    matrix = split.train.matrix()
    theirs.fit(matrix, show_progress=False)
    ours = Als(**options, seed=3).fit(split.train)
    assert ours.learned_["item_factors"] == pytest.approx(theirs.item_factors)
    lists, _ = theirs.recommend(np.arange(len(log)), matrix, N=10, recalculate_user=True)
    gains = (lists == split.targets[:, None]) / np.log2(np.arange(2, 12))
    measured = ndcg(evaluate(ours, split, mask_seen=True).ranking, 10)
    assert measured == pytest.approx(gains.sum(axis=1))
    assert measured.any()


def test_threads_do_not_change_the_factors() -> None:
    factors = []
    for threads in (1, 3):
        with threadpool_limits(threads):
            factors.append(Als().fit(LOG).learned_["item_factors"])
    assert np.array_equal(*factors)


def test_seeds_differ() -> None:
    first, second = (Als(seed=seed).fit(LOG).score(LOG) for seed in (0, 1))
    assert not np.allclose(first, second, atol=1e-4)


def test_the_factors_of_items_are_saved(tmp_path: Path) -> None:
    model = Als(factors=4).fit(LOG)
    assert model.n_parameters == 32 * 4
    model.save(tmp_path)
    loaded = Als(factors=4).load(tmp_path)
    assert loaded.n_parameters == 32 * 4
    assert np.array_equal(loaded.score(LOG), model.score(LOG))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"factors": 0}, "als: factors must be 1 or more, not 0"),
        ({"regularization": 0}, "als: regularization must be above 0 and finite, not 0"),
        ({"regularization": float("nan")}, "regularization must be above 0 and finite, not nan"),
        ({"alpha": -1}, "als: alpha must be above 0 and finite, not -1"),
        ({"alpha": float("inf")}, "als: alpha must be above 0 and finite, not inf"),
        ({"iterations": 0}, "als: iterations must be 1 or more, not 0"),
        ({"seed": -1}, "als: seed must be 0 or more, not -1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Als(**options)


def test_a_training_that_fails_says_what_to_change() -> None:
    with pytest.raises(RecbenchError, match=r"als: the training diverged .* nearer to the default"):
        Als(alpha=1e30).fit(LOG)
    with pytest.raises(
        RecbenchError, match=r"als: regularization=1e-30 is too low .* a larger one"
    ):
        Als(regularization=1e-30).fit(LOG).score(LOG)


class OnGpu:
    """What implicit builds for a GPU: its factors are there, until it is moved to the CPU."""

    def __init__(self, **options: Any) -> None:
        self.alpha = options.get("alpha", 1)
        self.item_factors = None

    def fit(self, matrix: Any, **_: Any) -> None:
        self.largest = matrix.max()

    def to_cpu(self) -> Any:
        assert self.alpha == 1, "implicit's training on a GPU ignores alpha"
        return SimpleNamespace(item_factors=np.full((32, 2), self.largest, dtype=np.float32))


@pytest.mark.parametrize(
    ("device", "has_gpu", "on_gpu"),
    [("auto", True, True), ("cuda:0", True, True), ("cpu", True, False), ("auto", False, False)],
)
def test_the_device_of_the_training(
    device: str, has_gpu: bool, on_gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import implicit.als
    import implicit.gpu

    build = implicit.als.AlternatingLeastSquares
    monkeypatch.setattr(implicit.gpu, "HAS_CUDA", has_gpu)
    monkeypatch.setattr(
        implicit.als,
        "AlternatingLeastSquares",
        lambda *, use_gpu, **options: (
            OnGpu(**options) if use_gpu else build(use_gpu=False, **options)
        ),
    )
    factors = Als(factors=2, alpha=7, device=device).fit(LOG).learned_["item_factors"]
    assert bool((factors == 7).all()) == on_gpu


def test_a_device_that_implicit_cannot_use_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for device in ("cpu", "auto"):
        Als(device=device).fit(LOG)
    assert not caplog.messages
    with caplog.at_level(logging.INFO, "recbench"):
        Als(device="mps").fit(LOG)
    assert caplog.messages == ["als: implicit cannot use the device mps here; the CPU is used"]
