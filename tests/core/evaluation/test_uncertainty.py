"""Intervals, tests and standard errors, compared with scipy, small examples and simulations."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from recbench.evaluation import uncertainty
from recbench.evaluation.uncertainty import (
    draw_users,
    holm_correction,
    intervals,
    jackknife,
    number_users,
    paired_test,
    pvalues,
    standard_error,
    summarise,
    summarise_whole,
)

RANDOM = np.random.default_rng(7)
SKEWED = RANDOM.exponential(size=(40, 3))
EACH = np.arange(40)


def test_intervals_agree_with_scipy() -> None:
    low, high = intervals(SKEWED, EACH, resamples=50_000)
    for column in range(3):
        reference = stats.bootstrap(
            (SKEWED[:, column],), np.mean, n_resamples=50_000, method="percentile", batch=1000
        )
        width = reference.confidence_interval.high - reference.confidence_interval.low
        assert low[column] == pytest.approx(reference.confidence_interval.low, abs=0.03 * width)
        assert high[column] == pytest.approx(reference.confidence_interval.high, abs=0.03 * width)


def test_intervals_equal_those_of_a_loop_over_the_same_draws() -> None:
    names = np.array(["eve", "bob", "bob", "ann", "eve", "bob", "dan"])
    values = RANDOM.normal(size=(7, 2))
    rows = [np.flatnonzero(names == name) for name in ("ann", "bob", "dan", "eve")]
    random, means = np.random.default_rng(5), []
    for _ in range(300):
        drawn = np.concatenate([rows[user] for user in random.integers(0, 4, size=4)])
        means.append(values[drawn].mean(axis=0))
    low, high = intervals(values, number_users(names), resamples=300, level=0.8, seed=5)
    assert low == pytest.approx(np.quantile(means, 0.1, axis=0))
    assert high == pytest.approx(np.quantile(means, 0.9, axis=0))


def test_intervals_do_not_depend_on_the_chunk_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = intervals(SKEWED, EACH, resamples=501)
    for most in (1, 1_000):
        monkeypatch.setattr(uncertainty, "DRAWS_AT_ONCE", most)
        draw_users.cache_clear()
        assert np.allclose(intervals(SKEWED, EACH, resamples=501), whole, rtol=1e-12)


def test_intervals_of_zeros_and_ones_agree_with_the_binomial() -> None:
    hits = np.repeat([1.0, 0.0], [300, 700])[:, None]
    low, high = intervals(hits, np.arange(1000))
    assert low[0] == pytest.approx(stats.binom.ppf(0.025, 1000, 0.3) / 1000, abs=0.0015)
    assert high[0] == pytest.approx(stats.binom.ppf(0.975, 1000, 0.3) / 1000, abs=0.0015)


@pytest.mark.parametrize(("level", "least", "most"), [(0.95, 0.915, 0.965), (0.8, 0.75, 0.84)])
def test_intervals_cover_the_true_mean_as_often_as_their_level(
    level: float, least: float, most: float
) -> None:
    random = np.random.default_rng(11)
    rows = np.repeat(np.arange(60), random.integers(1, 5, 60))
    # 600 columns are 600 experiments: rows vary around the mean of their user; the true mean is 0
    values = random.normal(size=(60, 600))[rows] + random.normal(size=(len(rows), 600))
    low, high = intervals(values, rows, resamples=2_000, level=level)
    assert least <= ((low <= 0) & (high >= 0)).mean() <= most


def test_identical_cases_of_a_user_do_not_narrow_the_interval() -> None:
    values = RANDOM.normal(size=(200, 1))
    users = np.repeat(np.arange(200), 9)
    nine = np.repeat(values, 9, axis=0)
    alone = np.subtract(*intervals(values, np.arange(200)))
    assert np.subtract(*intervals(nine, users)) == pytest.approx(alone)
    assert np.subtract(*intervals(nine, np.arange(1800))) == pytest.approx(alone / 3, rel=0.05)


def test_users_count_by_their_number_of_cases() -> None:
    values, users = np.array([[1.0], [1.0], [1.0], [0.0]]), np.array([0, 0, 0, 1])
    low, high = intervals(values, users, level=0.4)
    assert (low[0], high[0]) == (0.75, 0.75)


def test_intervals_depend_on_the_seed() -> None:
    first, again, another = (np.array(intervals(SKEWED, EACH, seed=seed)) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert (first != another).all()
    assert np.allclose(first, another, atol=0.02)


def test_columns_share_their_bootstrap_counts() -> None:
    low, high = intervals(SKEWED, EACH)
    doubled = intervals(np.column_stack([SKEWED[:, 1] * 2 + 1, SKEWED[:, 1]]), EACH)
    assert doubled[0] == pytest.approx([low[1] * 2 + 1, low[1]], rel=1e-12)
    assert doubled[1] == pytest.approx([high[1] * 2 + 1, high[1]], rel=1e-12)


def test_intervals_do_not_depend_on_row_order_or_user_names() -> None:
    order = RANDOM.permutation(40)
    named = np.array([f"user {user:03}" for user in EACH])
    shuffled = intervals(SKEWED[order], number_users(named[order]))
    assert np.allclose(shuffled, intervals(SKEWED, EACH), rtol=1e-12)


def test_more_users_than_the_cap_get_nearly_the_same_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values, users = RANDOM.exponential(size=(7_000, 4)), np.repeat(np.arange(3_500), 2)
    low, high = intervals(values, users)
    monkeypatch.setattr(uncertainty, "MAX_UNITS", 1_500)
    draw_users.cache_clear()
    grouped = intervals(values, users)
    assert not np.array_equal(grouped[0], low)
    assert grouped[0] == pytest.approx(low, abs=0.08 * (high - low).max())
    assert grouped[1] == pytest.approx(high, abs=0.08 * (high - low).max())


def test_users_above_the_cap_add_no_draws_and_keep_the_width() -> None:
    values = RANDOM.normal(size=(200_000, 1))
    low, high = intervals(values, np.arange(200_000), resamples=2_000)
    assert high - low == pytest.approx(2 * 1.96 / math.sqrt(200_000), rel=0.1)
    draws = draw_users(200_000, 2_000, 0)
    shapes = [counts.shape for counts in draws.counts]
    assert {units for _, units in shapes} == {draws.n_units} == {uncertainty.MAX_UNITS}
    assert sum(n_draws for n_draws, _ in shapes) == 2_000
    assert max(n_draws * units for n_draws, units in shapes) <= uncertainty.DRAWS_AT_ONCE


def test_the_draws_of_the_last_users_are_kept_in_a_byte_each() -> None:
    intervals(SKEWED, EACH)
    draws = draw_users(len(SKEWED), 10_000, 0)
    intervals(SKEWED[::-1], EACH)
    assert draw_users(len(SKEWED), 10_000, 0) is draws
    assert sum(counts.nbytes for counts in draws.counts) == 10_000 * len(SKEWED)
    assert draw_users(len(SKEWED), 10_000, 1) is not draws


def test_non_finite_values_affect_only_their_own_column() -> None:
    broken = SKEWED.copy()
    broken[3, 1], broken[5, 2] = np.nan, np.inf
    low, high = intervals(broken, EACH)
    assert np.isnan([low[1:], high[1:]]).all()
    intact = intervals(SKEWED, EACH)
    assert (low[0], high[0]) == pytest.approx((intact[0][0], intact[1][0]), rel=1e-12)


def test_fewer_than_two_users_have_no_interval() -> None:
    for rows in (0, 1, 5):
        low, high = intervals(np.ones((rows, 2)), np.zeros(rows, dtype=np.int64))
        assert low.shape == high.shape == (2,)
        assert np.isnan([low, high]).all()


def test_without_columns_intervals_are_empty() -> None:
    assert intervals(np.ones((4, 0)), np.arange(4))[0].shape == (0,)


def test_a_constant_has_an_interval_of_width_zero() -> None:
    assert np.array(intervals(np.full((40, 1), 0.25), EACH)).tolist() == [[0.25], [0.25]]


def test_there_must_be_one_user_per_row() -> None:
    with pytest.raises(ValueError, match="same length"):
        intervals(SKEWED, EACH[:-1])


def test_each_column_is_summarised_by_itself() -> None:
    columns = {f"{number}": SKEWED[:, number] for number in range(3)}
    users = EACH // 2
    found = summarise(columns, users)
    low, high = intervals(SKEWED, users)
    for number, (key, column) in enumerate(columns.items()):
        assert found[key].mean == column.mean(), "means must be equal to the last bit"
        assert found[key].stderr == standard_error(column, users)
        assert found[key][2:] == (low[number], high[number])
        alone = summarise({key: column}, users)[key]
        assert alone[:2] == found[key][:2]
        assert alone == pytest.approx(found[key], rel=1e-12)


def test_with_one_case_per_user_the_standard_error_is_the_usual_one() -> None:
    for column in SKEWED.T:
        for users in (EACH, EACH[::-1]):
            assert standard_error(column, users) == pytest.approx(stats.sem(column), rel=1e-12)


def test_the_standard_error_of_a_small_example() -> None:
    # sums 3, 0 and 1 of 2, 1 and 1 cases; mean 1; residuals 1, -1 and 0
    found = standard_error(np.array([1.0, 2, 0, 1]), np.array([0, 0, 1, 2]))
    assert found == pytest.approx(math.sqrt(3 / 2 * 2) / 4)


def test_cases_that_repeat_add_nothing_to_the_standard_error() -> None:
    once = standard_error(SKEWED[:, 0], EACH)
    assert standard_error(np.repeat(SKEWED[:, 0], 9), np.repeat(EACH, 9)) == pytest.approx(once)


@pytest.mark.parametrize("n_users", [300, uncertainty.MAX_UNITS + 700])
def test_the_standard_error_agrees_with_the_interval_over_users(n_users: int) -> None:
    random = np.random.default_rng(2)
    users = np.repeat(np.arange(n_users), random.integers(1, 12, n_users))
    values = random.random(n_users)[users] + 0.1 * random.random(len(users))
    value = summarise({"x": values}, users)["x"]
    assert value.stderr == pytest.approx((value.high - value.low) / 2 / 1.96, rel=0.05)
    over_cases = stats.sem(values)
    assert value.stderr > 2 * over_cases, "cases of one user are not independent"


def test_without_two_users_there_is_no_standard_error() -> None:
    assert math.isnan(standard_error(np.array([0.5, 0.7]), np.array([0, 0])))


def test_summary_of_one_row_and_of_no_columns() -> None:
    value = summarise({"x": np.array([0.5])}, np.array([0]))["x"]
    assert value.mean == 0.5
    assert np.isnan(value[1:]).all()
    assert summarise({}, EACH) == {}


def test_paired_test_agrees_with_scipy() -> None:
    a, b = SKEWED[:, 0], SKEWED[:, 0] * 0.8 + SKEWED[:, 1] * 0.1
    found = paired_test(a, b, EACH)
    low, high = intervals((a - b)[:, None], EACH)
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert (found.low, found.high) == (low[0], high[0])
    assert found.p == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-9)
    assert 0 < found.p < 1
    back = paired_test(b, a, EACH)
    assert back.p == pytest.approx(found.p)
    assert (back.difference, back.low, back.high) == pytest.approx(
        (-found.difference, -found.high, -found.low)
    )


def test_paired_test_accepts_the_options_of_intervals() -> None:
    a, b = SKEWED[:, 0], SKEWED[:, 1]
    found = paired_test(a, b, EACH, resamples=99, level=0.5, seed=3)
    low, high = intervals((a - b)[:, None], EACH, resamples=99, level=0.5, seed=3)
    assert (found.low, found.high) == (low[0], high[0])


def test_paired_test_is_on_the_means_of_users() -> None:
    users = number_users(RANDOM.integers(0, 12, 80))
    a, b = RANDOM.normal(0.2, size=80), RANDOM.normal(size=80)
    means = [[column[users == user].mean() for user in np.unique(users)] for column in (a, b)]
    found = paired_test(a, b, users)
    assert found.p == pytest.approx(stats.ttest_rel(*means).pvalue, rel=1e-9)
    assert found.difference == pytest.approx((a - b).mean())
    assert found.wins == np.sum(np.greater(*means))


def test_wins_and_losses_are_counted_by_the_means_of_users() -> None:
    users = np.array([0, 0, 1, 2, 3, 3, 4])
    a = np.array([0.9, 0.0, 0.1 + 0.2, 0.0, 0.5, 0.5, 0.7])
    b = np.array([0.1, 0.6, 0.3, 0.5, 0.6, 0.4, 0.2])
    found = paired_test(a, b, users)
    assert (found.wins, found.losses, found.ties) == (2, 1, 2)


def test_p_is_1_without_a_difference_and_0_for_a_constant_one() -> None:
    a = SKEWED[:, 0]
    same = paired_test(a, a.copy(), EACH)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    assert (same.wins, same.losses, same.ties) == (0, 0, 40)
    rounded = paired_test(a, a + 1e-15 * RANDOM.normal(size=40), EACH)
    assert (rounded.p, rounded.ties) == (1, 40)
    for shift in (0.1, -0.5):  # a + 0.1 - a is 0.1 only up to rounding
        moved = paired_test(a + shift, a, EACH)
        assert moved.p == 0
        assert (moved.difference, moved.low, moved.high) == pytest.approx((shift,) * 3)


def test_paired_test_of_fewer_than_two_users_has_no_p() -> None:
    single = paired_test(np.array([1.0, 0.5]), np.array([0.0, 0.0]), np.array([0, 0]))
    assert (single.difference, single.wins, single.losses, single.ties) == (0.75, 1, 0, 0)
    assert np.isnan([single.p, single.low, single.high]).all()
    none = paired_test(*np.ones((2, 0)), np.zeros(0, dtype=np.int64))
    assert np.isnan([none.difference, none.p, none.low, none.high]).all()
    assert (none.wins, none.losses, none.ties) == (0, 0, 0)


def test_paired_test_with_nan_has_no_p_but_counts_the_other_users() -> None:
    found = paired_test(np.array([1.0, np.nan, 0.0]), np.array([0.0, 0.0, 0.0]), np.arange(3))
    assert np.isnan([found.difference, found.low, found.high, found.p]).all()
    assert (found.wins, found.losses, found.ties) == (1, 0, 1)


def test_p_values_of_columns_equal_those_of_pairs() -> None:
    users = np.repeat(np.arange(20), 2)
    columns = np.column_stack([SKEWED, SKEWED[:, 1], SKEWED[:, 1] + 0.1, np.full(40, np.nan)])
    p = pvalues(columns, 1, users)
    for column in (0, 2):
        pair = paired_test(columns[:, column], columns[:, 1], users, resamples=10)
        assert p[column] == pytest.approx(pair.p, rel=1e-12)
        assert 0 < p[column] < 1
    assert p[[1, 3, 4]].tolist() == [1, 1, 0]
    assert np.isnan(p[5])


def test_p_values_of_one_user_are_nan() -> None:
    p = pvalues(SKEWED, 2, np.zeros(40, dtype=np.int64))
    assert np.isnan(p[:2]).all()
    assert p[2] == 1


def test_p_values_are_uniform_without_a_difference() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=(90, 400))[np.repeat(np.arange(30), 3)[:90]]
    values = np.column_stack([np.zeros(90), values])
    p = pvalues(values, 0, np.repeat(np.arange(30), 3))[1:]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    wrong = pvalues(values, 0, np.arange(90))[1:]  # with rows as users, p is too small
    assert (wrong < 0.05).mean() > 0.15 > 0.08 > (p < 0.05).mean()


def test_holm_correction_of_small_examples() -> None:
    assert holm_correction(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert holm_correction(np.array([0.5, 0.9, 0.6])).tolist() == [1, 1, 1]
    assert holm_correction(np.array([0.02])).tolist() == [0.02]
    assert holm_correction(np.zeros(0)).shape == (0,)


def test_holm_ignores_nan_and_does_not_change_its_input() -> None:
    given = np.array([np.nan, 0.01, 0.04, np.nan])
    assert holm_correction(given) == pytest.approx([np.nan, 0.02, 0.04, np.nan], nan_ok=True)
    assert given[1] == 0.01
    assert np.isnan(holm_correction(np.full(3, np.nan))).all()


def test_holm_is_between_no_correction_and_bonferroni_and_keeps_the_order() -> None:
    p = np.random.default_rng(3).random(50) ** 4
    adjusted = holm_correction(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, 50 * p)).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert adjusted.min() == pytest.approx(50 * p.min())


def test_the_jackknife_of_the_mean_is_its_standard_error() -> None:
    values = SKEWED[:, 0]
    stderr = values.std(ddof=1) / math.sqrt(40)
    assert jackknife(lambda rows: values[rows].mean(), EACH, groups=40) == pytest.approx(stderr)
    assert jackknife(lambda rows: values[rows].mean(), EACH, groups=99) == pytest.approx(stderr)


@pytest.mark.parametrize("count", [2_000, 2_013])
def test_the_jackknife_over_groups_is_close_to_the_standard_error(count: int) -> None:
    values = RANDOM.normal(size=count)
    found = [
        jackknife(lambda rows: values[rows].mean(), np.arange(count), seed=seed)
        for seed in range(30)
    ]
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(1 / math.sqrt(count), rel=0.12)
    assert found[0] != found[1]


def test_the_jackknife_of_a_coverage_is_close_to_its_spread_over_samples() -> None:
    def coverage(items: np.ndarray) -> float:
        return len(np.unique(items)) / 500

    random = np.random.default_rng(4)
    samples = (500 * random.random((300, 400)) ** 3).astype(int)
    spread = np.std([coverage(sample) for sample in samples], ddof=1)
    found = [
        jackknife(lambda rows, sample=sample: coverage(sample[rows]), np.arange(400))
        for sample in samples[:60]
    ]
    assert 0.6 * spread < np.mean(found) < 1.6 * spread


def test_the_jackknife_leaves_out_complete_users() -> None:
    users = number_users(RANDOM.integers(0, 50, 300))
    seen = []

    def statistic(rows: np.ndarray) -> float:
        seen.append(rows)
        return float(len(rows))

    jackknife(statistic, users, groups=7)
    assert len(seen) == 7
    left = [np.setdiff1d(np.arange(300), rows) for rows in seen]
    assert np.sort(np.concatenate(left)).tolist() == list(range(300))
    owners = [set(users[rows]) for rows in left]
    assert {len(group) for group in owners} <= {7, 8}
    assert sum(map(len, owners)) == len(np.unique(users))


def test_the_jackknife_needs_two_users() -> None:
    for n_cases in (5, 0):
        users = np.zeros(n_cases, dtype=np.int64)
        assert math.isnan(jackknife(lambda rows: 1.0, users))
    assert jackknife(lambda rows: 1.0, EACH) == 0


def test_scipy_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, recbench.evaluation.uncertainty; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_users_are_numbered_by_their_sorted_ids() -> None:
    assert number_users(np.array(["eve", "bob", "ann", "bob"])).tolist() == [2, 1, 0, 1]
    assert number_users(np.array([70, 8, 70])).tolist() == [1, 0, 1]
    assert number_users(np.array([], dtype=np.int64)).tolist() == []


def test_unknown_users_are_all_different() -> None:
    users = number_users(np.array(["", "a", "", "a", ""], dtype=object))
    assert len(set(users[[0, 2, 4]])) == 3
    assert users[1] == users[3]
    assert set(users) == set(range(4))


def test_user_numbers_with_a_gap_are_refused() -> None:
    users = np.array([0, 2])
    for compute in (
        lambda: intervals(np.ones((2, 1)), users),
        lambda: pvalues(np.ones((2, 2)), 0, users),
        lambda: jackknife(lambda cases: 1.0, users),
        lambda: standard_error(np.ones(2), users),
    ):
        with pytest.raises(ValueError, match="without a gap"):
            compute()


def test_a_metric_of_all_cases_has_a_jackknife_interval() -> None:
    values = SKEWED[:, 0]

    def both(cases: np.ndarray) -> list[float]:
        return [values[cases].max(), values[cases].mean()]

    found = summarise_whole({"max": 3.5, "mean": 1.0}, both, EACH)
    assert list(found) == ["max", "mean"]
    for place, whole in enumerate(found.values()):
        stderr = jackknife(lambda cases, place=place: both(cases)[place], EACH)
        assert (whole.mean, whole.stderr) == ((3.5, 1.0)[place], stderr)
        expected = whole.mean - 1.96 * stderr, whole.mean + 1.96 * stderr
        assert (whole.low, whole.high) == pytest.approx(expected)


def test_the_jackknife_interval_ends_at_the_bounds() -> None:
    values = SKEWED[:, 0]

    def largest(cases: np.ndarray) -> list[float]:
        return [values[cases].max()]

    free = summarise_whole({"": 3.5}, largest, EACH)[""]
    whole = summarise_whole({"": 3.5}, largest, EACH, (3.49, 3.51))[""]
    assert free.low < 3.49 < 3.51 < free.high
    assert whole == (3.5, free.stderr, 3.49, 3.51)
    nobody = np.zeros(3, dtype=int)
    unknown = summarise_whole({"": 3.5}, lambda cases: [1.0], nobody, (3.49, 3.51))[""]
    assert np.isnan(unknown[1:]).all()
