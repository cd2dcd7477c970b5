"""Ranks and lists found by counting equal those found by sorting."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbench import Interactions
from recbench.evaluation import counting
from recbench.evaluation.counting import NonFiniteScore, rank_pool, rank_scores


def _sequences(rows: list[list[int]], n_items: int) -> Interactions:
    lengths = [len(row) for row in rows]
    return Interactions(
        np.zeros(len(rows)),
        np.array([item for row in rows for item in row]),
        np.concatenate([[0], np.cumsum(lengths)]),
        1,
        n_items,
    )


def _plain(scores: Any, targets: Any, offsets: Any, seen: list[list[int]], depth: int) -> Any:
    """Return the same, found by sorting every row."""
    above, tied, lists = [], [], []
    for row, values in enumerate(np.asarray(scores, dtype=float)):
        row_targets = targets[offsets[row] : offsets[row + 1]]
        masked = set(seen[row]) - set(row_targets)
        left = [item for item in range(len(values)) if item not in masked]
        for target in row_targets:
            above.append(sum(values[item] > values[target] for item in left))
            tied.append(sum(values[item] == values[target] for item in left))
        best = sorted(left, key=lambda item: (-values[item], item))[:depth]
        lists.append(best + [-1] * (depth - len(best)))
    return above, tied, lists


@st.composite
def _cases(draw: Any) -> Any:
    n = draw(st.integers(1, 400))
    rows = draw(st.integers(1, 12))
    seed = draw(st.integers(0, 2**31))
    levels = draw(st.sampled_from([1, 2, 5, 1000, 60_000]))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from([np.float32, np.float64, np.float16]))
    scores = rng.integers(-levels, levels, (rows, n)).astype(kind)
    most = min(3, n)
    counts = rng.integers(1, most + 1, rows)
    targets = np.concatenate([rng.choice(n, count, replace=False) for count in counts])
    seen = [rng.integers(0, n, rng.integers(0, 2 * n + 1)).tolist() for _ in range(rows)]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return scores, targets, offsets, seen, draw(st.integers(0, 15))


@given(_cases(), st.sampled_from([1, 64, 2**18]))
@settings(deadline=None, max_examples=150)
def test_ranks_and_lists_equal_those_of_sorting(case: Any, block: int) -> None:
    scores, targets, offsets, seen, depth = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "BLOCK", block)
        masked = _sequences(seen, scores.shape[1])
        above, tied, lists = rank_scores(scores, targets, offsets, masked, depth)
    expected = _plain(scores, targets, offsets, seen, depth)
    assert (above.tolist(), tied.tolist(), lists.tolist()) == expected


@given(_cases())
@settings(deadline=None, max_examples=60)
def test_targets_are_ranked_among_the_items_of_a_pool(case: Any) -> None:
    scores, targets, offsets, _, depth = case
    n = scores.shape[1]
    rng = np.random.default_rng(n)
    free = [
        np.setdiff1d(np.arange(n), targets[offsets[row] : offsets[row + 1]])
        for row in range(len(scores))
    ]
    size = min(7, *map(len, free))
    drawn = [rng.choice(items, size, replace=False) for items in free]
    pool = np.array(drawn).reshape(len(scores), size)
    above, tied, lists = rank_pool(scores, targets, offsets, pool.astype(np.int32), depth)
    masked = [
        sorted(set(items.tolist()) - set(candidates.tolist()))
        for items, candidates in zip(free, pool, strict=True)
    ]
    expected = _plain(scores, targets, offsets, masked, depth)
    assert (above.tolist(), tied.tolist(), lists.tolist()) == expected


def test_read_only_scores_are_accepted_and_not_changed() -> None:
    scores = np.broadcast_to(np.array([3.0, 1.0, 2.0]), (4, 3))
    masked = _sequences([[0]] * 4, 3)
    above, tied, lists = rank_scores(scores, np.full(4, 1), np.arange(5), masked, 3)
    assert above.tolist() == [1] * 4
    assert tied.tolist() == [1] * 4
    assert lists.tolist() == [[2, 1, -1]] * 4
    assert scores[0].tolist() == [3, 1, 2]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_found(
    kind: Any, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "BLOCK", 10_000)
    scores = np.ones((700, 900), dtype=kind)
    rows = np.arange(701)
    rank_scores(scores, np.zeros(700, dtype=int), rows, None, 3)
    scores[613, 17] = value
    scores[650, 1] = np.nan
    with pytest.raises(NonFiniteScore) as bad:
        rank_scores(scores, np.zeros(700, dtype=int), rows, None, 3)
    assert (bad.value.row, bad.value.item) == (613, 17)
    pool = np.tile(np.array([16, 17], dtype=np.int32), (700, 1))
    with pytest.raises(NonFiniteScore) as bad:
        rank_pool(scores, np.zeros(700, dtype=int), rows, pool, 3)
    assert (bad.value.row, bad.value.item) == (613, 17)


def test_large_finite_scores_are_accepted() -> None:
    scores = np.full((3, 1000), np.finfo(np.float32).max, dtype=np.float32)
    rank_scores(scores, np.zeros(3, dtype=int), np.arange(4), None, 3)


def test_the_scores_of_a_single_item_are_read_right() -> None:
    scores, rows = np.full((200, 1), 2.5, dtype=np.float32), np.arange(201)
    above, tied, _ = rank_scores(scores, np.zeros(200, dtype=int), rows, None, 1)
    assert (above.sum(), set(tied.tolist())) == (0, {1})
    scores[150] = np.nan
    with pytest.raises(NonFiniteScore) as bad:
        rank_scores(scores, np.zeros(200, dtype=int), rows, None, 1)
    assert (bad.value.row, bad.value.item) == (150, 0)
