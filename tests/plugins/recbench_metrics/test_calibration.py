"""Calibration: the divergence of the categories of a list from those of the history."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from recbench import Dataset, Interactions, Ranking, Split, UsageError
from recbench.evaluation.measure import better_of
from recbench_metrics.calibration import calibration

GENRES = ["Drama|Crime", "Drama", "Crime", "", "Horror"]


def _ranking(histories: list[list[int]], lists: list[list[int]], **features: Any) -> Ranking:
    users = np.repeat(np.arange(len(histories)), [len(row) for row in histories])
    log = Interactions.from_log(users, np.concatenate(histories), n_items=5)
    ids = np.arange(log.n_users)
    train = Dataset("made", log, ids, np.arange(5), item_features=features).interactions
    split = Split(train, train, np.full(len(histories), 3))
    ones = np.ones(len(lists), dtype=int)
    return Ranking(ones, ones, lists=np.array(lists)).of_split(split)


def _divergence(p: list[float], q: list[float], alpha: float = 0.01) -> float:
    mixed = (1 - alpha) * np.array(q) + alpha * np.array(p)
    return float(entropy(p, mixed, base=2))


def test_it_is_the_divergence_of_categories() -> None:
    ranking = _ranking(
        [[0, 1], [0, 1, 4], [1], [3], [3, 2]],
        [[1, 0], [2, 4], [3, 4], [0, 1], [2, -1]],
        genres=GENRES,
    )
    # Drama, Crime, Horror
    expected = [
        0,
        _divergence([1 / 2, 1 / 6, 1 / 3], [0, 1 / 2, 1 / 2]),
        np.log2(100),
        0,
        0,
    ]
    assert calibration(ranking, 2) == pytest.approx(expected, abs=1e-12)
    first = [_divergence([3 / 4, 1 / 4], [1, 0]), _divergence([1 / 2, 1 / 6, 1 / 3], [0, 1, 0])]
    assert calibration(ranking, 1)[:2] == pytest.approx(first)


def test_an_empty_list_has_the_largest_value() -> None:
    ranking = _ranking([[0, 1], [3]], [[-1, -1], [-1, -1]], genres=GENRES)
    assert calibration(ranking, 2) == pytest.approx([np.log2(100), 0])


def test_column_and_alpha_are_options() -> None:
    ranking = _ranking([[0, 1]], [[1, 4]], year=[1990.0, 1950.0, np.nan, 1950.0, 1950.0])
    expected = _divergence([1 / 2, 1 / 2], [0, 1], 0.1)
    assert calibration(ranking, 2, by="year", alpha=0.1) == pytest.approx([expected])
    for wrong in (0.0, 1.0):
        with pytest.raises(UsageError, match=f"alpha={wrong:g} must be above 0, below 1"):
            calibration(ranking, 2, alpha=wrong)


def test_repeated_items_of_a_history_count_each_time() -> None:
    ranking = _ranking([[1, 1, 1, 4]], [[1, 4]], genres=GENRES)
    assert calibration(ranking, 2) == pytest.approx([_divergence([3 / 4, 1 / 4], [1 / 2, 1 / 2])])


def test_lower_is_better() -> None:
    assert better_of(calibration) == "lower"
