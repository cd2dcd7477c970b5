"""By segment: who is in which, and that the parts make up the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recbench
from recbench import Ranking, Store, load_plugins
from recbench.results.segments import by_segment, history_cuts, popularity_segment
from recbench_metrics.ranks import ndcg

HEAD, MIDDLE, TAIL = range(3)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ([3, 3, 3], [HEAD, HEAD, HEAD]),  # equally popular: one segment
        ([4, 4, 2, 2], [HEAD, HEAD, TAIL, TAIL]),  # two thirds are before the others
        ([1, 6, 3, 2], [TAIL, HEAD, MIDDLE, TAIL]),  # 0, 6, 9 and 11 of 12 events before them
        ([4, 3, 2, 1, 1, 1, 0], [HEAD, MIDDLE, MIDDLE, TAIL, TAIL, TAIL, TAIL]),
        ([100, 1, 0], [HEAD, TAIL, TAIL]),
        ([5, 5, 5, 1, 1], [HEAD, HEAD, HEAD, TAIL, TAIL]),
        ([0, 0], [TAIL, TAIL]),
    ],
)
def test_thirds_of_all_training_events(counts: list[int], wanted: list[int]) -> None:
    assert popularity_segment(np.array(counts), np.arange(len(counts))).tolist() == wanted
    assert popularity_segment(np.array(counts), np.array([1, 1, 0])).tolist() == [
        wanted[1],
        wanted[1],
        wanted[0],
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


def test_several_targets_are_each_in_their_segment() -> None:
    # row 0: a head target at rank 1, a tail target at rank 3; row 1: a tail target at rank 1
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
def test_segments_of_rows_make_up_the_whole(rows: list[tuple[int, int, int, int]], k: int) -> None:
    above, tied, segment, lengths = np.array(rows).T
    ranking = Ranking(above, tied)
    found = by_segment(ranking, segment, lengths, ndcg, k)
    for kind in ("target in", "history"):
        parts = [value for name, value in found.items() if name.startswith(kind)]
        assert sum(n for n, _ in parts) == len(rows)
        mean = sum(n * value for n, value in parts) / len(rows)
        assert mean == pytest.approx(ndcg(ranking, k).mean())


def test_cuts_are_about_thirds() -> None:
    assert history_cuts(np.arange(1, 301)).tolist() == [100, 200]
    assert history_cuts(np.array([4])).tolist() == [4, 4]


def test_the_store_knows_them_for_every_row() -> None:
    result = recbench.run(["popular"], "synthetic")[0]
    stored = Store("results").all()
    plugins = load_plugins()
    metrics = {"ndcg": plugins.find("metrics", "ndcg").factory}
    (section,) = stored.showing(("ndcg",), metrics).sections()
    found = section.by_segment(10)["ndcg"]
    for kind in ("target in", "history"):
        parts = [(n, of["popular"]) for name, (n, of) in found.items() if name.startswith(kind)]
        assert len(parts) == 3
        assert sum(n for n, _ in parts) == result.setting.n_cases
        mean = sum(n * value for n, value in parts) / result.setting.n_cases
        assert mean == pytest.approx(result.value("ndcg", 10).mean)
    shares = [n / result.setting.n_cases for name, (n, _) in found.items() if "history" in name]
    assert all(0.25 < share < 0.42 for share in shares)
    assert found["target in head"][1]["popular"] > found["target in tail"][1]["popular"]
