"""User neighbours: contract, a slow loop, explanations, options, and NDCG on real data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from recbench import Interactions, RecbenchError, UsageError, evaluate, load_dataset
from recbench.testing import check_model, example
from recbench_linear import UserKNN, users
from recbench_splitters import LeaveLastOut


@pytest.mark.parametrize("options", [{}, {"k": 1, "shrinkage": 2, "decay": 1}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(UserKNN, **options)


def slow_scores(
    train: Interactions, history: Interactions, k: int, shrinkage: float, decay: float
) -> npt.NDArray[np.float64]:
    """Return the scores, computed by plain loops."""
    had: dict[int, set[int]] = {int(user): set() for user in train.users}
    for user, items in zip(train.users, train.sequences(), strict=True):
        had[int(user)] |= set(items.tolist())
    scores = np.zeros((len(history), train.n_items))
    for row, items in enumerate(history.sequences()):
        weights = np.zeros(train.n_items)
        for age, item in enumerate(items[::-1]):
            weights[item] += decay**age
        similar = {
            user: weights[list(own)].sum() / (np.sqrt((weights**2).sum() * len(own)) + shrinkage)
            for user, own in had.items()
            if user != history.users[row] and own & set(items.tolist())
        }
        for user in sorted(similar, key=lambda user: (-np.float32(similar[user]), user))[:k]:
            scores[row, list(had[user])] += similar[user]
    return scores


@pytest.mark.parametrize(
    ("k", "shrinkage", "decay"), [(1, 0, 0.9), (5, 0, 0.8), (5, 2, 0.8), (100, 1, 1)]
)
@pytest.mark.parametrize("block", [10, 10**6])
def test_scores_equal_those_of_a_slow_loop(
    k: int, shrinkage: float, decay: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "BLOCK", block)
    log = example(users=60)
    log = log.keep(np.arange(log.n_interactions) % 3 > 0)
    scores = UserKNN(k, shrinkage, decay).fit(log).score(log)
    assert scores == pytest.approx(slow_scores(log, log, k, shrinkage, decay), abs=1e-5)
    assert scores.dtype == np.float32


def test_a_user_is_no_neighbour_of_their_own_history() -> None:
    train = Interactions.from_log([0, 0, 1, 1, 1], [0, 1, 0, 1, 2])
    model = UserKNN(k=1, decay=1).fit(train)
    own, other, unknown = (
        model.score(Interactions([user], [0, 1], [0, 2], n_users=2, n_items=3))
        for user in (0, 1, -1)
    )
    assert own == pytest.approx(np.full((1, 3), np.sqrt(2 / 3)))
    assert other == pytest.approx(np.array([[1, 1, 0]]))
    assert unknown == pytest.approx(np.array([[1, 1, 0]]))


def test_the_parts_of_an_explanation_sum_to_the_score() -> None:
    log = example(users=60)
    model = UserKNN(k=7, shrinkage=1.5, decay=0.7).fit(log)
    twice = Interactions([3], [4, 5, 4, 9], [0, 4], n_users=60, n_items=32)
    items = np.array([31, 6, 5, 10])
    parts = model.explain(twice, items)
    assert parts.shape == (4, 4)
    assert parts.dtype == np.float32
    assert parts.sum(axis=1) == pytest.approx(model.score(twice)[0, items], abs=1e-5)
    assert parts[:, 0] == pytest.approx(parts[:, 2] * 0.7**2), "of the same item, 2 steps earlier"
    assert model.explain(twice.keep(np.zeros(4, bool)), items).shape == (4, 0)


def test_an_explanation_by_hand() -> None:
    """User 0 had both items of the history, user 1 the older one: 1 and 0.5 / root 2 to item 2."""
    train = Interactions.from_log([0, 0, 0, 1, 1], [0, 1, 2, 0, 2], n_users=3)
    history = Interactions([2], [0, 1], [0, 2], n_users=3, n_items=3)
    parts = UserKNN(decay=0.5).fit(train).explain(history, np.array([2, 1]))
    size = np.sqrt(1.25)  # of the weights 0.5 and 1
    first = [(0.5 / np.sqrt(3) + 0.5 / np.sqrt(2)) / size, 1 / np.sqrt(3) / size]
    assert parts == pytest.approx(np.array([first, [0.5 / np.sqrt(3) / size, first[1]]]))


def test_repeats_and_windows_do_not_change_the_neighbours() -> None:
    log = example()
    windows = log.take(np.repeat(np.arange(len(log)), 3))
    twice = Interactions.from_log(
        np.repeat(np.repeat(log.users, log.lengths), 2), np.repeat(log.items, 2), n_items=32
    )
    scores = UserKNN().fit(log).score(log)
    assert np.array_equal(UserKNN().fit(windows).score(log), scores)
    assert np.array_equal(UserKNN().fit(twice).score(log), scores)


def test_histories_without_neighbours_score_zero() -> None:
    model = UserKNN().fit(example())
    history = Interactions([-1, -1], [30], [0, 0, 1], n_users=40, n_items=32)
    assert not model.score(history).any()
    assert model.score(example().take([])).shape == (0, 32)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 0}, "user-knn: k must be 1 or more, not 0"),
        ({"shrinkage": -1}, "user-knn: shrinkage must be 0 or more, not -1"),
        ({"decay": 2}, "user-knn: decay must be above 0 and at most 1, not 2"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"^{words}$"):
        UserKNN(**options)


def test_save_and_load_keep_the_scores(tmp_path: Path) -> None:
    model = UserKNN().fit(example())
    model.save(tmp_path)
    loaded = UserKNN().load(tmp_path)
    assert np.array_equal(loaded.score(example()), model.score(example()))
    assert loaded.n_parameters == model.n_parameters == example().n_interactions


def test_a_model_that_is_not_fitted_is_an_error() -> None:
    with pytest.raises(RecbenchError, match="user-knn is not fitted"):
        UserKNN().score(example())
    with pytest.raises(RecbenchError, match="user-knn is not fitted"):
        UserKNN().explain(example().take([0]), np.array([0]))


def test_ndcg_on_real_data(real: Callable[[str], Path]) -> None:
    split = LeaveLastOut().split(load_dataset(real("ml-100k/u.data")).interactions)
    ranking = evaluate(UserKNN().fit(split.train), split, mask_seen=True).ranking
    ndcg = ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean()
    assert ndcg == pytest.approx(0.0840, abs=0.00006)
