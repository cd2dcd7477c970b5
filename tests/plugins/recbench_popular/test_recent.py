"""Recent popularity: contract, values by hand, units and odd times, and data without times."""

import dataclasses

import numpy as np
import pytest

from recbench import Interactions, RecbenchError, UsageError
from recbench.testing import check_model, example
from recbench_popular import Popular, RecentPopular

DAY = 24 * 60 * 60


def log_of(*items_and_days: tuple[int, float], n_items: int = 5) -> Interactions:
    """Return a log of one user per interaction."""
    items, days = zip(*items_and_days, strict=True)
    times = (np.array(days) * DAY).astype(np.int64)
    return Interactions.from_log(range(len(items)), items, times, n_items=n_items)


def test_contract() -> None:
    check_model(RecentPopular)
    check_model(RecentPopular, half_life=0.001)


def test_scores_of_a_small_example() -> None:
    """With a half-life of two days: item 0 has 1/4 + 1/8, item 1 has 1, item 2 has 1/2 + 1/2."""
    train = log_of((0, 6), (0, 4), (1, 10), (2, 8), (2, 8))
    scores = RecentPopular(half_life=2).fit(train).score(train)
    assert scores.shape == (5, 5)
    assert (scores == scores[0]).all()
    lowest = np.log2(3 / 8)
    assert scores[0] == pytest.approx([lowest, 0, 0, lowest - 1, lowest - 1])


def test_a_long_half_life_gives_the_order_of_popular() -> None:
    train = example()
    recent = RecentPopular(half_life=1e9).fit(train).score(train)[0]
    assert 2 ** recent[:30] == pytest.approx(Popular().fit(train).score(train)[0, :30])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_may_have_any_unit(unit: str) -> None:
    train = log_of((0, 3), (0, 3), (1, 5))
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    scaled = dataclasses.replace(train, times=train.times * per_second, time_unit=unit)
    scores = RecentPopular(half_life=1).fit(scaled).score(train)[0]
    assert scores[:2] == pytest.approx([-1, 0])


def test_the_order_is_right_however_old_interactions_are() -> None:
    """A single time in the future must not make all others equal: 2 ** -100000 is 0 in float64."""
    train = log_of((0, 0), (1, 0), (1, 0), (2, 3), (3, 100_000))
    scores = RecentPopular(half_life=1).fit(train).score(train)[0]
    assert scores == pytest.approx([-100_000, -99_999, -99_997, 0, -100_001])


def test_equal_times_negative_times_and_the_largest_that_can_be_stored() -> None:
    equal = log_of((0, -5), (1, -5), (1, -5))
    assert RecentPopular().fit(equal).score(equal)[0, :3] == pytest.approx([0, 1, -1])
    before_1970 = log_of((0, -9), (1, -2))
    assert RecentPopular(7).fit(before_1970).score(before_1970)[0, :2] == pytest.approx([-1, 0])
    ends = np.iinfo(np.int64)
    train = Interactions.from_log([0, 1], [0, 1], times=[ends.min, ends.max], time_unit="ns")
    scores = RecentPopular(half_life=1e-6).fit(train).score(train)[0]
    assert np.isfinite(scores).all()
    assert scores[0] < scores[1]


def test_a_log_without_interactions_scores_all_items_equally() -> None:
    train = example().keep(np.zeros(298, dtype=bool))
    scores = RecentPopular().fit(train).score(train)
    assert scores.shape == (40, 32)
    assert (scores == scores[0, 0]).all()


def test_data_without_times_are_refused() -> None:
    train = Interactions.from_log([0, 0], [0, 1])
    with pytest.raises(
        RecbenchError,
        match=r"^recent-popular needs times, but the dataset has none; use popular$",
    ):
        RecentPopular().fit(train)


@pytest.mark.parametrize("half_life", [0, -1, float("nan"), float("inf")])
def test_a_wrong_half_life_is_refused(half_life: float) -> None:
    with pytest.raises(UsageError, match=f"half_life must be above 0 and finite, not {half_life}"):
        RecentPopular(half_life)
