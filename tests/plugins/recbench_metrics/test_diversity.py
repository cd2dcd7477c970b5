"""Intra-list diversity, by co-occurrence and by columns."""

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from recbench import Dataset, Interactions, Ranking, RecbenchError, Split
from recbench_metrics import diversity
from recbench_metrics.diversity import ild

GENRES = ["Drama|Crime", "Drama", " Crime | Drama ", "", "Horror"]
YEARS = [1950.0, 1970.0, np.nan, 2000.0, 1990.0]


def _ranking(
    lists: list[list[int]],
    users: Any = (0, 0, 1, 1, 2),
    items: Any = (0, 1, 0, 2, 4),
    **features: Any,
) -> Ranking:
    log = Interactions.from_log(users, items, n_items=5)
    ids = np.arange(log.n_users)
    train = Dataset("made", log, ids, np.arange(5), item_features=features).interactions
    rows = np.arange(len(lists)) % len(train)
    split = Split(train, train.take(rows), np.full(len(lists), 3))
    ones = np.ones(len(lists), dtype=int)
    return Ranking(ones, ones, lists=np.array(lists)).of_split(split)


def test_co_occurrence_is_the_cosine_distance_of_the_users_of_items() -> None:
    ranking = _ranking([[0, 1, 2], [1, 2, 4], [0, 3, -1], [3, -1, -1], [-1, 0, 1]])
    near = 1 - 1 / np.sqrt(2)  # items 0 and 1 share one user; item 0 has two, and item 1 one
    assert ild(ranking, 3) == pytest.approx([(near + near + 1) / 3, 1, 1, 0, near])
    assert ild(ranking, 2) == pytest.approx([near, 1, 1, 0, 0])
    assert ild(ranking, 1).tolist() == [0] * 5


def test_categories_have_the_jaccard_distance() -> None:
    ranking = _ranking([[0, 1, 2], [0, 2, 4], [1, 3, 4], [3, 0, -1]], genres=GENRES)
    values = ild(ranking, 3, by="genres")
    assert values == pytest.approx([(0.5 + 0 + 0.5) / 3, (0 + 1 + 1) / 3, 1, 0])


def test_numbers_differ_by_a_share_of_the_largest_difference() -> None:
    ranking = _ranking([[0, 1, 3], [0, 2, 4], [2, 3, -1]], year=YEARS)
    assert ild(ranking, 3, by="year") == pytest.approx([(0.4 + 1 + 0.6) / 3, 0.8, 0])
    same = _ranking([[0, 1]], year=[7, 7, 7, 7, 7])
    assert ild(same, 2, by="year").tolist() == [0]


def test_a_column_that_the_data_lack_is_an_error() -> None:
    with pytest.raises(RecbenchError, match="no item feature 'genre'; did you mean 'genres'"):
        ild(_ranking([[0, 1]], genres=GENRES), 2, by="genre")


def test_parts_of_pairs_and_of_sets_do_not_change_values(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    users, items = np.repeat(np.arange(300), 3), random.integers(0, 5, 900)
    lists = [random.permutation(5)[:4].tolist() for _ in range(50)]
    ranking = _ranking(lists, users, items)
    whole = ild(ranking, 4)
    columns = np.zeros((5, 300))
    columns[items, users] = 1
    expected = [pdist(columns[row], "cosine").mean() for row in lists]
    assert whole == pytest.approx(expected, abs=1e-12)
    monkeypatch.setattr(diversity, "PAIRS_AT_ONCE", 7)
    monkeypatch.setattr(diversity, "BYTES_AT_ONCE", 80)
    assert np.array_equal(ild(ranking, 4), whole)
    monkeypatch.setattr(diversity, "MOST_KEPT", 0)
    assert np.array_equal(ild(ranking, 4), whole)


def test_each_distance_is_computed_once_if_there_are_many_pairs() -> None:
    asked: list[tuple[int, int]] = []

    def distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        asked.extend(zip(left.tolist(), right.tolist(), strict=True))
        return np.where(right == 9, np.nan, (right - left) / 10)  # item 9 is unknown

    left, right = np.array([7, 4, 4, 2]), np.array([4, 7, 9, 4])
    for n_pairs, times in ((8, 2), (16, 1)):  # of 4 items
        asked.clear()
        distances = diversity.Distances(distance, np.array([2, 4, 7, 9]), n_pairs)
        for _ in range(2):
            assert distances.of(left, right) == pytest.approx([0.3, 0.3, np.nan, 0.2], nan_ok=True)
        assert sorted(asked) == sorted([(2, 4), (4, 7), (4, 9)] * times)


def test_many_sequences_are_sampled_with_a_fixed_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    users, items = np.repeat(np.arange(3000), 3), random.integers(0, 5, 9000)
    ranking = _ranking([[0, 1, 2, 3, 4]], users, items)
    exact = ild(ranking, 5)
    monkeypatch.setattr(diversity, "MOST_SEQUENCES", 2000)
    sampled = ild(ranking, 5)
    assert sampled != exact
    assert sampled == pytest.approx(exact, abs=0.02)
    assert np.array_equal(sampled, ild(ranking, 5))


def test_repeated_interactions_count_once() -> None:
    once = _ranking([[0, 1]], [0, 0, 1], [0, 1, 0])
    twice = _ranking([[0, 1]], [0, 0, 0, 0, 1], [0, 1, 1, 0, 0])
    assert ild(once, 2) == ild(twice, 2) == pytest.approx([1 - 1 / np.sqrt(2)])
