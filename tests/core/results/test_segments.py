"""Values by segment: the segments of targets and histories, and that they add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recbench
from recbench import Ranking, Store
from recbench.results.segments import by_segment, history_cuts, popularity_segment
from recbench_metrics.ranks import ndcg

HEAD, MIDDLE, TAIL = range(3)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([3, 3, 3], [HEAD, HEAD, HEAD]),  # equally popular: one segment
        ([4, 4, 2, 2], [HEAD, HEAD, TAIL, TAIL]),  # the first two have two thirds
        ([1, 6, 3, 2], [TAIL, HEAD, MIDDLE, TAIL]),  # by popularity: 0, 6, 9, 11 of 12 come before
        ([4, 3, 2, 1, 1, 1, 0], [HEAD, MIDDLE, MIDDLE, TAIL, TAIL, TAIL, TAIL]),
        ([100, 1, 0], [HEAD, TAIL, TAIL]),
        ([5, 5, 5, 1, 1], [HEAD, HEAD, HEAD, TAIL, TAIL]),
        ([0, 0], [TAIL, TAIL]),
    ],
)
def test_popularity_segments_are_thirds_of_the_training_interactions(
    counts: list[int], expected: list[int]
) -> None:
    assert popularity_segment(np.array(counts), np.arange(len(counts))).tolist() == expected
    assert popularity_segment(np.array(counts), np.array([1, 1, 0])).tolist() == [
        expected[1],
        expected[1],
        expected[0],
    ]


def test_a_small_example() -> None:
    # ranks 1, 2, 3, 4 and NDCG@2 of 1, 0.63, 0, 0
    ranking = Ranking(np.arange(4), np.ones(4, dtype=np.int64))
    second = 1 / np.log2(3)
    found = by_segment(ranking, np.array([0, 2, 2, 0]), np.array([1, 2, 3, 9]), ndcg, 2)
    assert found == {
        "target in head": (2, pytest.approx(0.5)),
        "target in tail": (2, pytest.approx(second / 2)),
        "history <= 2": (2, pytest.approx((1 + second) / 2)),
        "history 3": (1, 0.0),
        "history > 3": (1, 0.0),
    }


def test_each_of_several_targets_is_in_its_own_segment() -> None:
    # the first case has a head target at rank 1 and a tail target at rank 3, the second case a tail
    # target at rank 1
    ranking = Ranking(np.array([0, 2, 0]), np.ones(3, dtype=np.int64), np.array([0, 2, 3]))
    found = by_segment(ranking, np.array([0, 2, 2]), np.array([5, 5]), ndcg, 3)
    assert found == {
        "target in head": (1, pytest.approx(1)),
        "target in tail": (2, pytest.approx((0.5 + 1) / 2)),
        "history <= 5": (2, pytest.approx(((1 + 0.5) / (1 + 1 / np.log2(3)) + 1) / 2)),
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 5), st.integers(0, 2), st.integers(1, 30)),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 10),
)
def test_segments_add_up_to_all_cases(rows: list[tuple[int, int, int, int]], k: int) -> None:
    above, tied, segment, lengths = np.array(rows).T
    ranking = Ranking(above, tied)
    found = by_segment(ranking, segment, lengths, ndcg, k)
    for kind in ("target in", "history"):
        parts = [value for name, value in found.items() if name.startswith(kind)]
        assert sum(n for n, _ in parts) == len(rows)
        mean = sum(n * value for n, value in parts) / len(rows)
        assert mean == pytest.approx(ndcg(ranking, k).mean())


def test_history_cuts_are_about_thirds() -> None:
    assert history_cuts(np.arange(1, 301)).tolist() == [100, 200]
    assert history_cuts(np.array([4])).tolist() == [4, 4]


def test_stored_results_have_segments_for_all_cases() -> None:
    result = recbench.run(["popular"], "synthetic")[0]
    stored = Store("results").all()
    (section,) = stored.showing("ndcg", segments=True).sections()
    found = section.by_segment(10)["ndcg"]
    for kind in ("target in", "history"):
        parts = [
            (n, values["popular"]) for name, (n, values) in found.items() if name.startswith(kind)
        ]
        assert len(parts) == 3
        assert sum(n for n, _ in parts) == result.setting.n_cases
        mean = sum(n * value for n, value in parts) / result.setting.n_cases
        assert mean == pytest.approx(result.value("ndcg", 10).mean)
    shares = [n / result.setting.n_cases for name, (n, _) in found.items() if "history" in name]
    assert all(0.25 < share < 0.42 for share in shares)
    assert found["target in head"][1]["popular"] > found["target in tail"][1]["popular"]
