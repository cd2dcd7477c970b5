"""Known values of the metrics, ties by expectation, and scikit-learn's opinion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from recbench import Ranking, RecbenchError
from recbench.metric import measure, summarise
from recbench_metrics import hit, mrr, ndcg


def _sure(ranks: list[int]) -> Ranking:
    return Ranking(np.array(ranks) - 1, np.ones(len(ranks), dtype=np.int64))


def test_known_values() -> None:
    ranking = _sure([1, 2, 3, 10, 11])
    assert ndcg(ranking, 10) == pytest.approx([1, 1 / np.log2(3), 0.5, 1 / np.log2(11), 0])
    assert hit(ranking, 3).tolist() == [1, 1, 1, 0, 0]
    assert mrr(ranking, 10) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 10, 0])


def test_first_rank_is_exactly_one() -> None:
    for metric in (ndcg, hit, mrr):
        assert metric(_sure([1]), 10)[0] == 1.0


def test_five_tied_at_the_top_are_worth_their_mean() -> None:
    five = Ranking(np.array([0]), np.array([5]))
    assert ndcg(five, 10)[0] == pytest.approx(0.589692, abs=1e-6)
    assert hit(five, 2)[0] == pytest.approx(2 / 5)


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=25),
    st.integers(1, 30),
    st.data(),
)
def test_ndcg_is_that_of_scikit_learn(scores: list[int], k: int, data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    values = np.array(scores)
    ranking = Ranking(
        np.array([(values > values[target]).sum()]), np.array([(values == values[target]).sum()])
    )
    truth = np.zeros((1, len(scores)))
    truth[0, target] = 1
    assert ndcg(ranking, k)[0] == pytest.approx(ndcg_score(truth, values[None, :], k=k))


def test_summary_has_the_standard_error() -> None:
    mean, stderr = summarise({"hit@1": np.array([1.0, 0.0, 0.0, 1.0])})["hit@1"]
    assert mean == 0.5
    assert stderr == pytest.approx(np.std([1, 0, 0, 1], ddof=1) / 2)


def test_a_metric_that_gives_nan_or_a_wrong_shape_is_refused() -> None:
    with pytest.raises(RecbenchError, match="not finite at k=3"):
        measure(_sure([1, 2]), "bad", lambda ranking, k: np.full(2, np.nan), [3])
    with pytest.raises(RecbenchError, match=r"shape \(1,\)"):
        measure(_sure([1, 2]), "bad", lambda ranking, k: np.zeros(1), [3])
