"""EASE: contract, least squares by column, options, and NDCG on real data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recbench import Interactions, RecbenchError, UsageError, evaluate, load_dataset
from recbench.testing import check_model, example
from recbench_linear import Ease, ease
from recbench_linear.users import user_matrix
from recbench_splitters import LeaveLastOut


@pytest.mark.parametrize("options", [{}, {"l2": 1, "decay": 1}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(Ease, **options)


@pytest.mark.parametrize("l2", [0.5, 500])
@pytest.mark.parametrize("rows", [1, 5, 256])
def test_each_column_is_a_ridge_regression_on_the_other_items(
    l2: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ease, "ROWS", rows)
    model = Ease(l2).fit(example())
    users = user_matrix(example()).toarray().astype(np.float64)
    for target in range(32):
        others = np.delete(np.arange(32), target)
        inputs = users[:, others]
        weights = np.linalg.solve(inputs.T @ inputs + l2 * np.eye(31), inputs.T @ users[:, target])
        assert model.matrix_[others, target] == pytest.approx(weights, abs=1e-6)
        assert model.matrix_[target, target] == 0
    assert model.matrix_.dtype == np.float32


def test_the_weights_are_the_same_with_any_number_of_threads() -> None:
    log = example(users=600, items=400)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(Ease().fit(log).matrix_)
    assert np.array_equal(*found)


def test_repeats_and_windows_do_not_change_the_weights() -> None:
    log = example()
    twice = Interactions.from_log(
        np.repeat(np.repeat(log.users, log.lengths), 2), np.repeat(log.items, 2), n_items=32
    )
    windows = log.take(np.repeat(np.arange(len(log)), 3))
    plain = Ease().fit(log).matrix_
    assert np.array_equal(Ease().fit(twice).matrix_, plain)
    assert np.array_equal(Ease().fit(windows).matrix_, plain)


def test_a_log_without_interactions_gives_zeros() -> None:
    empty = Interactions([], [], [0], n_users=2, n_items=3)
    history = Interactions.from_log([0], [1], n_items=3)
    assert Ease().fit(empty).score(history).tolist() == [[0, 0, 0]]
    assert Ease().fit(Interactions([], [], [0], n_users=0, n_items=0)).n_parameters == 0


@pytest.mark.parametrize("l2", [0, -1, float("nan"), float("inf")])
def test_a_penalty_outside_of_its_range_is_refused(l2: float) -> None:
    with pytest.raises(UsageError, match=f"^ease: l2 must be above 0, not {l2}$"):
        Ease(l2=l2)


def test_a_penalty_that_leaves_rounding_errors_is_refused() -> None:
    """With almost no penalty, items that all users have together would get any weights."""
    log = Interactions.from_log(np.repeat(np.arange(50), 3), np.tile([0, 1, 2], 50))
    with pytest.raises(RecbenchError, match=r"^ease: l2=1e-14 is too small .* at least 1.5e-10$"):
        Ease(l2=1e-14).fit(log)
    assert Ease(l2=2e-10, decay=1).fit(log).score(log)[0] == pytest.approx(1, abs=1e-4)


def test_save_and_load_keep_the_scores(tmp_path: Path) -> None:
    model = Ease().fit(example())
    model.save(tmp_path)
    loaded = Ease().load(tmp_path)
    assert np.array_equal(loaded.score(example()), model.score(example()))
    assert loaded.n_parameters == model.n_parameters > 0


@pytest.mark.parametrize(("options", "level"), [({}, 0.1106), ({"decay": 1}, 0.0737)])
def test_ndcg_on_real_data(
    real: Callable[[str], Path], options: dict[str, Any], level: float
) -> None:
    split = LeaveLastOut().split(load_dataset(real("ml-100k/u.data")).interactions)
    ranking = evaluate(Ease(**options).fit(split.train), split, mask_seen=True).ranking
    ndcg = ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean()
    assert ndcg == pytest.approx(level, abs=0.00006)
