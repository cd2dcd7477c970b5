"""Intervals of differences between groups: against a bootstrap by hand, and how often they hold."""

import numpy as np
import pytest

from recbench.evaluation.differences import FEW_USERS, Sample, difference_intervals
from recbench.evaluation.uncertainty import intervals, number_users

N = 600
USERS = np.arange(N)
FIRST = np.arange(200)
SECOND = np.arange(200, N)


def _pair(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[Sample, Sample]:
    return tuple(Sample(cases, values[cases][:, None]) for cases in (first, second))


def _interval(values: np.ndarray, first: np.ndarray, second: np.ndarray, users: np.ndarray = USERS):
    return difference_intervals([_pair(values, first, second)], users)[0][:, 0]


def test_it_is_the_bootstrap_over_users() -> None:
    random = np.random.default_rng(5)
    users = np.repeat(np.arange(300), 2)  # two cases each, which are alike
    values = np.repeat(random.normal(size=300), 2) + random.normal(size=N) * 0.1
    values[FIRST] += 0.3
    found = _interval(values, FIRST, SECOND, users)
    differences = []
    for _ in range(4000):
        drawn = random.integers(300, size=300)
        cases = np.concatenate([2 * drawn, 2 * drawn + 1])
        inside = cases < 200
        differences.append(values[cases[inside]].mean() - values[cases[~inside]].mean())
    assert found == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=0.02)
    # about 1.96 standard errors of the difference of the means of 100 and 200 users
    means = values.reshape(300, 2).mean(axis=1)
    stderr = np.sqrt(means[:100].var(ddof=1) / 100 + means[100:].var(ddof=1) / 200)
    assert np.diff(found)[0] == pytest.approx(2 * 1.96 * stderr, rel=0.04)


def test_all_columns_and_pairs_share_the_draws() -> None:
    values = np.random.default_rng(1).normal(size=(N, 2))
    pairs = [
        (Sample(FIRST, values[FIRST]), Sample(SECOND, values[SECOND])),
        (Sample(SECOND, values[SECOND]), Sample(FIRST, values[FIRST])),
    ]
    there, back = difference_intervals(pairs, USERS)
    assert there.shape == (2, 2)
    assert back == pytest.approx(-there[::-1])
    assert there[:, 1] == pytest.approx(_interval(values[:, 1], FIRST, SECOND))


def test_many_pairs_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).normal(size=N)
    pairs = [_pair(values, np.arange(n), np.arange(n, N)) for n in (150, 250, 350)]
    at_once = difference_intervals(pairs, USERS, resamples=500)
    monkeypatch.setattr("recbench.evaluation.differences.ROWS_AT_ONCE", 4)
    for whole, part in zip(at_once, difference_intervals(pairs, USERS, resamples=500), strict=True):
        assert whole == pytest.approx(part)


def test_of_the_same_users_the_difference_is_paired() -> None:
    # each user has a case in both samples, and the second is always 1 better
    values = np.random.default_rng(3).normal(size=300)
    both = np.concatenate([values, values + 1])
    users = np.tile(np.arange(300), 2)
    found = _interval(both, np.arange(300, 600), np.arange(300), users)
    assert found == pytest.approx([1, 1])


def test_a_group_without_any_hit_may_be_due_to_chance() -> None:
    values = np.zeros(N)
    values[20::10] = 1  # a tenth of all others
    low, high = _interval(values, np.arange(20), np.arange(20, N))
    margin = 1.96 * values.std(ddof=1) * np.sqrt(1 / 20 + 1 / (N - 20))
    assert (low, high) == pytest.approx((-0.1 - margin, -0.1 + margin), abs=1e-9)
    assert low < 0 < high
    low, high = _interval(values * 0 + (USERS < 20), np.arange(20), np.arange(20, N))
    assert 0 < low < 1 < high  # all against none


def test_the_widening_counts_users_and_not_cases() -> None:
    users = np.repeat(np.arange(60), 10)
    values = np.repeat(np.arange(60) % 2, 10).astype(float)
    chosen = users < 20
    low, high = _interval(values, np.flatnonzero(chosen), np.flatnonzero(~chosen), users)
    margin = 1.96 * np.std(np.arange(60) % 2, ddof=1) * np.sqrt(1 / 20 + 1 / 40)
    assert high - low >= 2 * margin - 1e-9
    assert high - low == pytest.approx(2 * margin, rel=0.15)


def test_a_group_of_one_user_has_no_interval() -> None:
    users = np.array([0, 0, 1, 2, 3])
    assert np.isnan(_interval(np.arange(5.0), np.arange(2), np.arange(2, 5), users)).all()


def test_values_that_are_not_finite_have_no_interval() -> None:
    values = np.random.default_rng(4).normal(size=(N, 2))
    values[3, 0] = np.nan
    pair = Sample(FIRST, values[FIRST]), Sample(SECOND, values[SECOND])
    (found,) = difference_intervals([pair], USERS, resamples=200)
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:, 1]).all()


@pytest.mark.parametrize("n_first", [5, 40, 300])
def test_a_difference_that_is_not_there_is_seldom_found(n_first: int) -> None:
    # 200 columns of values without a difference, sparse as NDCG is: at most about 1 in 20 is marked
    random = np.random.default_rng(6)
    values = np.where(random.random((N, 200)) < 0.2, random.random((N, 200)), 0)
    chosen = np.arange(N) < n_first
    pair = tuple(Sample(np.flatnonzero(each), values[each]) for each in (chosen, ~chosen))
    (found,) = difference_intervals([pair], USERS, resamples=1000)
    wrong = np.mean((found[0] > 0) | (found[1] < 0))
    assert wrong <= 0.08
    if n_first >= FEW_USERS:
        assert wrong >= 0.01


def test_the_interval_holds_a_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    values = random.normal(size=(N, 300))
    values[FIRST] = 0.4 + 1.5 * values[FIRST]  # another spread too
    pair = Sample(FIRST, values[FIRST]), Sample(SECOND, values[SECOND])
    (found,) = difference_intervals([pair], USERS, resamples=1000)
    assert 0.91 <= np.mean((found[0] < 0.4) & (found[1] > 0.4)) <= 0.98
    assert np.mean(found[0] > 0) > 0.8


def test_ends_are_those_of_the_table_for_a_sample_without_a_spread() -> None:
    # the second sample is always 0, so the interval is that of the first sample's mean
    values = np.random.default_rng(8).random(2000)
    users = np.arange(2000)
    values[1000:] = 0
    found = _interval(values, np.arange(1000), np.arange(1000, 2000), users)
    low, high = intervals(values[:1000, None], number_users(np.arange(1000)))
    assert found == pytest.approx([low[0], high[0]], abs=0.003)
