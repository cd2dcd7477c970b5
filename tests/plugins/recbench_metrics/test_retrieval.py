"""Precision, F1, R-precision, RBP and AUC, compared with all orders of tied items."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rankings import CASES, Cases, over_all_orders, ranking_of

from recbench import Interactions, Ranking, Split, UsageError, evaluate
from recbench_metrics.retrieval import METRICS, auc, f1, precision, r_precision, rbp


def _ranking(rows: Cases) -> Ranking:
    """Return the ranking of cases, each with the scores of all items, and targets."""
    n_items = max(len(scores) for scores, _ in rows)
    ranking = ranking_of(rows)
    history = Interactions.from_log(np.arange(len(rows)), np.zeros(len(rows)), n_items=n_items)
    targets = np.concatenate([targets for _, targets in rows])
    split = Split(history, history, targets, offsets=ranking.offsets)
    sizes = np.array([len(scores) for scores, _ in rows])
    return ranking.of_split(split, sizes)


def _by_definition(order: list[bool], k: int) -> dict[str, float]:
    """Return the textbook values without ties; `order` tells whether each rank has a target."""
    n, found = sum(order), sum(order[:k])
    pairs = [(a, b) for a, b in itertools.product(range(len(order)), repeat=2)]
    right = [a < b for a, b in pairs if order[a] and not order[b]]
    recall = found / n
    return {
        "precision": found / k,
        "f1": 2 * found / k * recall / (found / k + recall) if found else 0.0,
        "r-precision": sum(order[:n]) / n,
        "rbp": sum(0.2 * 0.8**place for place, is_target in enumerate(order[:k]) if is_target),
        "auc": sum(right) / len(right) if right else 1.0,
    }


@given(CASES, st.integers(1, 8))
def test_ties_count_as_the_mean_over_all_orders(rows: Cases, k: int) -> None:
    ranking = _ranking(rows)
    expected = [over_all_orders(_by_definition, scores, targets, k) for scores, targets in rows]
    for name, metric in METRICS.items():
        values = [case[name] for case in expected]
        assert metric(ranking, k) == pytest.approx(values, abs=1e-12), name


def test_values_of_a_small_example() -> None:
    """Targets at ranks 1 and 4 of 6 items."""
    ranking = _ranking([([6, 5, 4, 3, 2, 1], [0, 3])])
    assert precision(ranking, 5) == pytest.approx([2 / 5])
    assert f1(ranking, 5) == pytest.approx([4 / 7])
    assert r_precision(ranking, 5) == pytest.approx([1 / 2])
    assert rbp(ranking, 5) == pytest.approx([0.2 * (1 + 0.8**3)])
    assert rbp(ranking, 3) == pytest.approx([0.2])
    assert auc(ranking, 5) == pytest.approx([(4 + 2) / 8])


def test_the_persistence_of_rbp_is_an_option() -> None:
    ranking = Ranking(above=np.array([0, 2]), tied=np.array([1, 1]))
    assert rbp(ranking, 10, persistence=0.5) == pytest.approx([0.5, 0.125])
    assert rbp(ranking, 10, persistence=0) == pytest.approx([1, 0])
    for wrong in (1.0, -0.1, 7.0):
        with pytest.raises(
            UsageError, match=rf"persistence={wrong:g} must be at least 0 and below"
        ):
            rbp(ranking, 10, persistence=wrong)


def test_auc_and_r_precision_ignore_k() -> None:
    ranking = _ranking([([3, 1, 2, 2, 0], [1, 2]), ([1, 1, 1, 0, 0], [4])])
    for metric in (auc, r_precision):
        assert np.array_equal(metric(ranking, 1), metric(ranking, 5)), metric


class _Fixed:
    """Scores item 0 highest, then 1, and so on."""

    def fit(self, _: Interactions) -> "_Fixed":
        return self

    def score(self, history: Interactions) -> np.ndarray:
        return np.tile(-np.arange(history.n_items), (len(history), 1))


class _Lists(_Fixed):
    score = None  # type: ignore[assignment]

    def recommend(self, history: Interactions, k: int) -> np.ndarray:
        lists = [np.setdiff1d(np.arange(history.n_items), row)[:k] for row in history.sequences()]
        return np.array(lists)


def _split() -> Split:
    """One user with items 0 and 1 in the history, of 10, and the targets 4 and 8."""
    train = Interactions.from_log([0, 0], [0, 1], n_items=10)
    return Split(train, train, [4, 8], offsets=[0, 2])


def test_auc_counts_the_items_that_are_ranked() -> None:
    split = _split()
    # unseen: 2, 3, [4], 5, 6, 7, [8], 9
    masked = evaluate(_Fixed(), split, mask_seen=True).ranking
    assert masked.n_ranked.tolist() == [8]
    assert auc(masked, 10) == pytest.approx([(4 + 1) / 12])
    kept = evaluate(_Fixed(), split, mask_seen=False).ranking
    assert kept.n_ranked.tolist() == [10]
    assert auc(kept, 10) == pytest.approx([(4 + 1) / 16])
    pool = np.array([[3, 5, 9]])
    sampled = evaluate(_Fixed(), split, mask_seen=True, pool=pool).ranking
    assert sampled.n_ranked.tolist() == [5]
    assert auc(sampled, 10) == pytest.approx([(2 + 1) / 6])


def test_auc_has_items_that_are_not_listed_in_any_order_below_the_list() -> None:
    split = _split()
    ranking = evaluate(_Lists(), split, mask_seen=True, depth=3).ranking
    assert ranking.lists.tolist() == [[2, 3, 4]]
    # 2, 3, [4], then 5, 6, 7, [8], 9 in any order
    assert auc(ranking, 3) == pytest.approx([(4 + 4 / 2) / 12])
    assert ranking.take([0, 0]).n_listed.tolist() == [3, 3]


def test_auc_is_one_if_there_are_only_targets() -> None:
    assert auc(_ranking([([1, 1], [0, 1])]), 10).tolist() == [1.0]
