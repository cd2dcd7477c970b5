"""The referee: compared with an oracle in plain Python and known results, and its errors."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbench import Interactions, RecbenchError, Split, evaluate
from recbench_files import read_file
from recbench_metrics.ranks import hit, mrr, ndcg
from recbench_popular import Popular
from recbench_splitters import LeaveLastOut


class Fixed:
    """A model that returns the scores, or lists, that it was created with."""

    def __init__(self, scores: Any) -> None:
        self.scores, self.at = np.asarray(scores), 0

    def fit(self, train: Interactions) -> "Fixed":
        return self

    def score(self, history: Interactions) -> Any:
        self.at += len(history)
        return self.scores[self.at - len(history) : self.at]


class Lists(Fixed):
    score = None  # type: ignore[assignment]

    def recommend(self, history: Interactions, k: int) -> Any:
        return self.scores


def _split(histories: list[list[int]], targets: list[int], n_items: int) -> Split:
    lengths = [len(history) for history in histories]
    made = Interactions(
        users=np.arange(len(histories)),
        items=np.array([item for history in histories for item in history]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        n_users=len(histories),
        n_items=n_items,
    )
    return Split(made, made, np.array(targets))


def _oracle(
    scores: list[int], history: list[int], target: int, k: int, masked: bool
) -> list[float]:
    """Return NDCG, HR and MRR as means over all orders of the tied items, position by position."""
    rivals = [i for i in range(len(scores)) if not masked or i not in history or i == target]
    above = sum(scores[i] > scores[target] for i in rivals)
    tied = sum(scores[i] == scores[target] for i in rivals)
    ranks = [r for r in range(above + 1, above + tied + 1) if r <= k]
    gains = ([1 / math.log2(r + 1) for r in ranks], [1.0 for _ in ranks], [1 / r for r in ranks])
    return [sum(values) / tied for values in gains]


@settings(max_examples=150)
@given(st.data())
def test_referee_equals_the_oracle(data: st.DataObject) -> None:
    n_items = data.draw(st.integers(3, 9))
    rows = data.draw(st.integers(1, 6))
    item = st.integers(0, n_items - 1)
    histories = data.draw(
        st.lists(st.lists(item, min_size=1, max_size=5), min_size=rows, max_size=rows)
    )
    targets = data.draw(st.lists(item, min_size=rows, max_size=rows))
    level = st.integers(-2, 2)  # few levels, so many ties
    scores = data.draw(
        st.lists(st.lists(level, min_size=n_items, max_size=n_items), min_size=rows, max_size=rows)
    )
    masked, k = data.draw(st.booleans()), data.draw(st.integers(1, 10))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int64, np.float16]))
    evaluation = evaluate(
        Fixed(np.array(scores, dtype=dtype)),
        _split(histories, targets, n_items),
        mask_seen=masked,
        memory=data.draw(st.sampled_from([1, 200, 2**20])),
    )
    for row in range(rows):
        expected = _oracle(scores[row], histories[row], targets[row], k, masked)
        measured = [metric(evaluation.ranking, k)[row] for metric in (ndcg, hit, mrr)]
        assert measured == pytest.approx(expected)


def test_a_constant_scorer_gets_chance() -> None:
    n_items = 50
    split = _split([[0], [1]], [7, 8], n_items)
    evaluation = evaluate(Fixed(np.ones((2, n_items))), split, mask_seen=True)
    assert hit(evaluation.ranking, 10) == pytest.approx([10 / 49, 10 / 49])


def test_preferring_seen_items_gains_nothing() -> None:
    split = _split([[0, 1, 2]], [4], 6)
    scores = np.array([[9, 9, 9, 0, 1, 0]])
    assert evaluate(Fixed(scores), split, mask_seen=True).ranking.above.tolist() == [0]
    assert evaluate(Fixed(scores), split, mask_seen=False).ranking.above.tolist() == [3]


def test_histories_that_are_not_judged_are_not_scored() -> None:
    split = _split([[0], [1], [2]], [3, -1, 4], 5)
    evaluation = evaluate(Fixed(np.eye(5)[[3, 4]]), split, mask_seen=True)
    assert evaluation.ranking.above.tolist() == [0, 0]


def test_lists_rank_by_position_and_miss_other_items() -> None:
    split = _split([[0], [1], [2]], [3, 3, 4], 6)
    evaluation = evaluate(
        Lists([[3, 4, 5], [5, 3, -1], [5, -1, -1]]), split, mask_seen=True, depth=3
    )
    assert ndcg(evaluation.ranking, 3) == pytest.approx([1, 1 / np.log2(3), 0])
    assert evaluation.depth == 3


@pytest.mark.parametrize(
    ("scores", "match"),
    [
        (
            [[0, 1, np.nan, 0], [0, 0, 0, 0]],
            r"mine: score returned nan for item number 2; .* finite \(first affected: user a\)",
        ),
        (
            [[0, 1, 0, 0], [0, 0, np.inf, 0]],
            r"score returned inf for item number 2; .*affected: user b",
        ),
        ([[0, -np.inf, np.inf, 0], [0, 0, 0, 0]], r"score returned -inf for item number 1"),
        (
            [[0, 1, 2], [0, 1, 2]],
            r"returned an array of shape \(2, 3\); .* \(rows, n_items\) = \(2, 4\)",
        ),
        ([0, 1], r"returned an array of shape \(2,\); the shape must be"),
        ([["a"] * 4] * 2, "returned an array of type <U1; it must return numbers"),
        ([[1j] * 4] * 2, "returned an array of type complex128"),
        ([[None] * 4] * 2, "returned an array of type object"),
    ],
)
def test_errors_in_scores_name_model_rule_and_user(scores: Any, match: str) -> None:
    split = _split([[0], [1]], [3, 3], 4)
    with pytest.raises(RecbenchError, match=match):
        evaluate(Fixed(scores), split, mask_seen=True, name="mine", user_ids=np.array(["a", "b"]))


@pytest.mark.parametrize(
    ("lists", "match"),
    [
        (
            [[3, 3, 2], [3, 2, 0]],
            r"item number 3 twice in the list \[3, 3, 2\]; .*affected: user a\)",
        ),
        (
            [[3, 2, 1], [4, 2, 0]],
            r"item number 4 in the list \[4, 2, 0\]; .* from 0 to 3, .*affected: user b\)",
        ),
        ([[3, -2, 1], [3, 2, 0]], "item number -2 in .* must be from 0 to 3"),
        ([[3, -1, 2], [3, 2, 0]], "item number 2 after the padding -1 in the list"),
        ([[3, 2, 0], [3, 2, 0]], "item number 0, which is in the user's history"),
        ([[3, 2], [3, 2]], r"shape \(2, 2\); the shape must be \(rows, k\) = \(2, 3\)"),
        ([[3.0, 2.0, 1.0], [3.0, 2.0, 0.0]], "array of type float64; it must return whole numbers"),
    ],
)
def test_errors_in_lists_name_model_rule_and_user(lists: Any, match: str) -> None:
    split = _split([[0], [1]], [3, 3], 4)
    with pytest.raises(RecbenchError, match=match):
        evaluate(
            Lists(lists), split, mask_seen=True, depth=3, name="m", user_ids=np.array(["a", "b"])
        )


def test_seen_items_can_be_listed_if_repeats_are_kept() -> None:
    split = _split([[3]], [3], 4)
    assert evaluate(Lists([[3, 0]]), split, mask_seen=False, depth=2).ranking.above.tolist() == [0]


def test_a_split_without_cases_is_an_error() -> None:
    with pytest.raises(RecbenchError, match=r"no case to judge.*; use more data"):
        evaluate(Fixed([[0, 0]]), _split([[0]], [-1], 2), mask_seen=True)


def test_memory_limits_the_batch_size() -> None:
    sizes = []

    class Recording(Fixed):
        def score(self, history: Interactions) -> Any:
            sizes.append(len(history))
            return super().score(history)

    split = _split([[0]] * 10, [1] * 10, 100)
    evaluate(Recording(np.ones((10, 100))), split, mask_seen=True, memory=3000)
    assert sizes == [3, 3, 3, 1]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("ml-100k/u.data", [0.0271, 0.0358, 0.0444, 0.0859]),
        ("ml-1m/sasrec-ml-1m.txt", [0.0094, 0.0127, 0.0178, 0.0363]),
    ],
)
def test_known_ndcg_and_hr_of_popularity(
    real: Callable[[str], Path], name: str, known: list[float]
) -> None:
    split = LeaveLastOut().split(read_file(str(real(name))).interactions)
    ranking = evaluate(Popular().fit(split.train), split, mask_seen=True).ranking
    values = [ndcg(ranking, k).mean() for k in (3, 5, 10)] + [hit(ranking, 10).mean()]
    assert np.round(values, 4).tolist() == known
