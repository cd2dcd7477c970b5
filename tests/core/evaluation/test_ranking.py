"""Rankings: expectations, blocks of tied targets, and selections of cases and targets."""

import numpy as np
import pytest

from recbench import Ranking, RecbenchError
from recbench.evaluation.measure import measure
from recbench_metrics.ranks import hit, mrr, ndcg


def _without_ties(ranks: list[int]) -> Ranking:
    return Ranking(np.array(ranks) - 1, np.ones(len(ranks), dtype=np.int64))


def test_known_values() -> None:
    ranking = _without_ties([1, 2, 3, 10, 11])
    assert ndcg(ranking, 10) == pytest.approx([1, 1 / np.log2(3), 0.5, 1 / np.log2(11), 0])
    assert hit(ranking, 3).tolist() == [1, 1, 1, 0, 0]
    assert mrr(ranking, 10) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 10, 0])


def test_first_rank_is_exactly_one() -> None:
    for metric in (ndcg, hit, mrr):
        assert metric(_without_ties([1]), 10)[0] == 1.0


def test_five_tied_at_the_top_get_their_mean() -> None:
    five = Ranking(np.array([0]), np.array([5]))
    assert ndcg(five, 10)[0] == pytest.approx(0.589692, abs=1e-6)
    assert hit(five, 2)[0] == pytest.approx(2 / 5)


def test_a_metric_that_returns_nan_or_a_wrong_shape_is_refused() -> None:
    with pytest.raises(RecbenchError, match="at k=3 it returned nan; all values must be finite"):
        measure(_without_ties([1, 2]), "bad", lambda ranking, k: np.full(2, np.nan), [3])
    with pytest.raises(RecbenchError, match=r"at k=3 .* shape \(1,\); .* shape \(2,\)"):
        measure(_without_ties([1, 2]), "bad", lambda ranking, k: np.zeros(1), [3])


def test_a_single_number_is_a_value_too() -> None:
    assert measure(_without_ties([1, 2]), "half", lambda ranking, k: 0.5, [3])["half@3"].shape == ()


SEVERAL = Ranking(
    np.array([4, 0, 4, 9, 0, 4]),
    np.array([3, 1, 3, 2, 5, 1]),
    np.array([0, 4, 5, 6]),
    np.arange(12).reshape(3, 4),
    np.arange(20),
)


def test_arrays_are_read_only() -> None:
    for array in (SEVERAL.above, SEVERAL.tied, SEVERAL.offsets, SEVERAL.lists, SEVERAL.popularity):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_targets_belong_to_cases() -> None:
    assert len(SEVERAL) == 3
    assert SEVERAL.n_targets.tolist() == [4, 1, 1]
    assert SEVERAL.case_of_target.tolist() == [0, 0, 0, 0, 1, 2]
    assert SEVERAL.sum(np.arange(6)).tolist() == [6, 4, 5]
    assert _without_ties([3, 1]).n_targets.tolist() == [1, 1]


def test_expectation_is_a_sum_over_targets() -> None:
    assert SEVERAL.expectation(np.ones(5)) == pytest.approx([1 / 3 + 1 + 1 / 3, 1, 1])


def test_blocks_are_targets_with_one_score_best_first() -> None:
    blocks = SEVERAL.blocks
    assert blocks.cases.tolist() == [0, 0, 0, 1, 2]
    assert blocks.above.tolist() == [0, 4, 9, 0, 4]
    assert blocks.tied.tolist() == [1, 3, 2, 5, 1]
    assert blocks.size.tolist() == [1, 2, 1, 1, 1]
    assert blocks.before.tolist() == [0, 1, 3, 0, 0]


def test_take_returns_cases_in_the_given_order() -> None:
    taken = SEVERAL.take(np.array([2, 0, 2]))
    assert taken.above.tolist() == [4, 4, 0, 4, 9, 4]
    assert taken.tied.tolist() == [1, 3, 1, 3, 2, 1]
    assert taken.offsets.tolist() == [0, 1, 5, 6]
    assert taken.lists[:, 0].tolist() == [8, 0, 8]
    assert taken.popularity is not None
    assert _without_ties([3, 1]).take(np.array([1])).above.tolist() == [0]


def test_only_selects_targets_and_the_cases_that_have_any() -> None:
    kept, rows = SEVERAL.only(np.array([True, False, False, True, False, True]))
    assert rows.tolist() == [0, 2]
    assert kept.above.tolist() == [4, 9, 4]
    assert kept.offsets.tolist() == [0, 2, 3]
    assert kept.lists[:, 0].tolist() == [0, 8]
    alone, rows = _without_ties([3, 1]).only(np.array([False, True]))
    assert (alone.above.tolist(), alone.offsets, rows.tolist()) == ([0], None, [1])
