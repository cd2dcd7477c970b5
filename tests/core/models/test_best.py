"""The best items of each row of scores: those of a stable sort, with masks, ties and bad scores."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbench import Interactions
from recbench.models import best
from recbench.models.best import best_items


def _sequences(rows: list[list[int]], n_items: int) -> Interactions:
    return Interactions(
        users=np.arange(len(rows)),
        items=np.array([item for row in rows for item in row], dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum([len(row) for row in rows])]),
        n_users=len(rows),
        n_items=n_items,
    )


def _sorted(scores: Any, seen: list[list[int]], k: int) -> list[list[int]]:
    lists = []
    for row, masked in zip(scores.astype(np.float64), seen, strict=True):
        order = [int(item) for item in np.argsort(-row, kind="stable") if item not in masked]
        lists.append((order + [-1] * k)[:k])
    return lists


@given(st.data(), st.sampled_from([1, 40, 2**20]))
@settings(deadline=None, max_examples=100)
def test_lists_equal_those_of_a_stable_sort(data: Any, block: int) -> None:
    rows, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 120))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    kind = data.draw(st.sampled_from([np.float32, np.float64, np.float16]))
    scores = rng.integers(-3, data.draw(st.sampled_from([-2, 3, 1000])), (rows, n)).astype(kind)
    seen = [rng.integers(0, n, rng.integers(0, 2 * n)).tolist() for _ in range(rows)]
    k = data.draw(st.integers(1, n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(best, "BLOCK", block)
        items, values = best_items(scores, _sequences(seen, n), k)
        every, _ = best_items(scores, None, k)
    assert items.tolist() == _sorted(scores, seen, k)
    assert every.tolist() == _sorted(scores, [[]] * rows, k)
    for row in range(rows):
        n_listed = int((items[row] >= 0).sum())
        assert values[row, :n_listed].tolist() == scores[row, items[row, :n_listed]].tolist()
        assert np.isnan(values[row, n_listed:]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_with_a_bad_score_has_only_that_item(bad: float) -> None:
    scores = np.array([[1.0, 2, 3], [4, bad, bad], [1, 0, 0]])
    items, values = best_items(scores, _sequences([[2], [1], []], 3), 2)
    assert items.tolist() == [[1, 0], [1, -1], [0, 1]]
    assert np.array_equal(values, [[2, 1], [bad, np.nan], [1, 0]], equal_nan=True)


def test_scores_are_not_changed() -> None:
    scores = np.broadcast_to(np.array([3.0, 1.0, 2.0]), (4, 3))
    assert best_items(scores, _sequences([[0]] * 4, 3), 2)[0].tolist() == [[2, 1]] * 4
    assert scores[0].tolist() == [3, 1, 2]
