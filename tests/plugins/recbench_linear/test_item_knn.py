"""Item neighbours: contract, a slow loop, options, and NDCG on real data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from recbench import Interactions, UsageError, evaluate, load_dataset
from recbench.testing import check_model, example
from recbench_linear import ItemKNN, users
from recbench_splitters import LeaveLastOut


@pytest.mark.parametrize("options", [{}, {"k": 1, "shrinkage": 0, "decay": 1}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(ItemKNN, **options)


def slow_matrix(log: Interactions, k: int, shrinkage: float) -> npt.NDArray[np.float64]:
    """Return the similarities (history's item, scored item), computed by plain loops."""
    had: list[set[int]] = [set() for _ in range(log.n_items)]
    for user, items in zip(log.users, log.sequences(), strict=True):
        for item in items:
            had[item].add(int(user))
    matrix = np.zeros((log.n_items, log.n_items))
    for target in range(log.n_items):
        similar = {
            item: len(had[item] & had[target])
            / ((len(had[item]) * len(had[target])) ** 0.5 + shrinkage)
            for item in range(log.n_items)
            if item != target and had[item] & had[target]
        }
        for item in sorted(similar, key=lambda item: (-np.float32(similar[item]), item))[:k]:
            matrix[item, target] = similar[item]
    return matrix


@pytest.mark.parametrize(("k", "shrinkage"), [(1, 0), (3, 0), (3, 2.5), (100, 10)])
@pytest.mark.parametrize("block", [10, 10**6])
def test_the_matrix_equals_that_of_a_slow_loop(
    k: int, shrinkage: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "BLOCK", block)
    model = ItemKNN(k, shrinkage).fit(example())
    expected = slow_matrix(example(), k, shrinkage)
    assert model.matrix_.toarray() == pytest.approx(expected, abs=1e-6)
    assert model.n_parameters == np.count_nonzero(expected)
    assert model.matrix_.dtype == np.float32


def test_repeats_and_windows_do_not_change_the_matrix() -> None:
    log = example()
    again = Interactions.from_log(
        np.repeat(np.repeat(log.users, log.lengths), 2), np.repeat(log.items, 2), n_items=32
    )
    windows = log.take(np.repeat(np.arange(len(log)), 3))
    plain = ItemKNN().fit(log).matrix_.toarray()
    assert np.array_equal(ItemKNN().fit(again).matrix_.toarray(), plain)
    assert np.array_equal(ItemKNN().fit(windows).matrix_.toarray(), plain)


def test_a_log_without_interactions_gives_zeros() -> None:
    empty = Interactions([], [], [0], n_users=2, n_items=3)
    model = ItemKNN().fit(empty)
    assert model.score(Interactions.from_log([0], [1], n_items=3)).tolist() == [[0, 0, 0]]
    assert model.n_parameters == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 0}, "item-knn: k must be 1 or more, not 0"),
        ({"shrinkage": -1}, "item-knn: shrinkage must be 0 or more, not -1"),
        ({"shrinkage": float("nan")}, "item-knn: shrinkage must be 0 or more, not nan"),
        ({"decay": 0}, "item-knn: decay must be above 0 and at most 1, not 0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"^{words}$"):
        ItemKNN(**options)


def test_save_and_load_keep_the_scores(tmp_path: Path) -> None:
    model = ItemKNN().fit(example())
    model.save(tmp_path)
    assert (tmp_path / "item-knn.safetensors").is_file()
    assert np.array_equal(ItemKNN().load(tmp_path).score(example()), model.score(example()))


@pytest.mark.parametrize(("options", "level"), [({"shrinkage": 0}, 0.1024), ({}, 0.0954)])
def test_ndcg_on_real_data(
    real: Callable[[str], Path], options: dict[str, Any], level: float
) -> None:
    split = LeaveLastOut().split(load_dataset(real("ml-100k/u.data")).interactions)
    ranking = evaluate(ItemKNN(**options).fit(split.train), split, mask_seen=True).ranking
    ndcg = ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean()
    assert ndcg == pytest.approx(level, abs=0.00006)
