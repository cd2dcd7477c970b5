"""Step 5, evaluate: confidence intervals of metrics, and significance of differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from recbench.data.interactions import Array


class Value(NamedTuple):
    """The value of one metric for one model: mean, standard error and 95% confidence interval.

    All four are in the unit of the metric, and NaN if they are not known.

    Parameters
    ----------
    mean : float, default: NaN
        Mean over the cases. For a metric of all lists together, its value.
    stderr : float, default: NaN
        Standard error of the mean, over users: cases of one user are not independent.
    low : float, default: NaN
        Lower end of the 95% confidence interval, from a bootstrap over users. For a metric of all
        lists together, standard error and interval come from a jackknife over users.
    high : float, default: NaN
        Upper end of the interval.

    Examples
    --------
    >>> import recbench
    >>> value = recbench.Value(mean=0.112, stderr=0.007, low=0.099, high=0.126)
    >>> f"{value.mean} [{value.low}, {value.high}]"
    '0.112 [0.099, 0.126]'
    """

    mean: float = math.nan
    stderr: float = math.nan
    low: float = math.nan
    high: float = math.nan


RESAMPLES = 10_000
LEVEL = 0.95
SEED = 0

MAX_UNITS = 10_000
"""With more users than this, groups of users are resampled instead of users."""

DRAWS_AT_ONCE = 1 << 21  # 16 MB per array; smaller arrays do not keep BLAS threads busy

ROUNDING = 1e-12  # smaller differences are rounding errors

DECIMALS = 12  # digits of a sum that do not depend on the number of threads


def number_users(ids: Array) -> Array:
    """(cases,) int64: the user of each case, numbered from 0 in the order of the ids.

    ids: (cases,) integers or strings; each "" is a different, unknown user.

    The parameter `users` of the functions below is this array.
    """
    names, users = np.unique(ids, return_inverse=True)
    if names.dtype.kind in "OU" and "" in names:  # unknown users, as in `Experiment.users`
        later = np.flatnonzero(users == np.flatnonzero(names == "")[0])[1:]
        users[later] = len(names) + np.arange(len(later))
    return users


def summarise(columns: Mapping[str, Array], users: Array) -> dict[str, Value]:
    """Return the mean of each column, with its standard error and its interval over users.

    columns: (cases,) float64 each. users: (cases,), from `number_users`.
    """
    if not columns:
        return {}
    lows, highs = intervals(np.column_stack(list(columns.values())), users)
    values = {}
    for (name, column), low, high in zip(columns.items(), lows, highs, strict=True):
        # column by column: the last bit of a sum over an axis depends on the other columns
        mean = float(column.mean())
        values[name] = Value(mean, standard_error(column, users), float(low), float(high))
    return values


def standard_error(values: Array, users: Array) -> float:
    """Return the standard error of the mean over cases, with users as the units of the sample.

    values: (cases,) float64. users: (cases,), from `number_users`. NaN with fewer than two users.

    The mean is a ratio, the sum of the values over the number of cases N. With n users, of which
    user u has n_u cases with the sum s_u, the linearised variance of this ratio is
    n / (n - 1) * sum (s_u - mean * n_u)^2 / N^2. If every user has one case, the standard error is
    std(ddof=1) / sqrt(n).

    Cochran, "Sampling Techniques", 3rd edition, 1977, sections 2.11 and 6.4: a ratio, and clusters
    of unequal size.
    """
    counts = _cases_per_user(users)
    n_users, n_cases = len(counts), len(values)
    if n_users < 2:
        return math.nan
    residuals = np.bincount(users, values, n_users) - values.mean() * counts
    total = float(np.square(residuals).sum())
    return math.sqrt(n_users / (n_users - 1) * total) / n_cases


def summarise_whole(
    numbers: Mapping[str, float],
    statistic: Callable[[Array], Sequence[float]],
    users: Array,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> dict[str, Value]:
    """Return numbers about all cases together, with standard errors and intervals by a jackknife.

    statistic: computes the numbers for some cases only, as in `jackknife`. bounds: the lowest and
    the highest possible number; intervals end there.
    """
    values = {}
    stderrs = np.broadcast_to(jackknife(statistic, users), len(numbers))
    for (name, number), stderr in zip(numbers.items(), stderrs.tolist(), strict=True):
        low, high = np.clip([number - 1.96 * stderr, number + 1.96 * stderr], *bounds).tolist()
        values[name] = Value(number, stderr, low, high)
    return values


def intervals(
    values: Array,
    users: Array,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> tuple[Array, Array]:
    """Return the percentile bootstrap interval of the mean over cases, per column: (low, high).

    values: (cases, columns) float64. users: (cases,), from `number_users`.
    Returns two arrays (columns,) float64, in the unit of the values.

    The bootstrap draws users with all their cases, because cases of one user are not independent.
    The mean of a resample is the sum over the drawn cases divided by their number. All columns
    share the same draws, which depend only on the number of users, the seed and the number of
    resamples; so columns of separate calls with the same users are paired too. With more than
    MAX_UNITS users, they are assigned at random (by the seed) to MAX_UNITS groups of nearly equal
    size, and the groups are drawn. This limits the time and hardly changes the interval. With few
    users (about 20), the interval is somewhat too narrow.

    The interval is NaN for a column that is not finite, and for all columns if there are fewer
    than two users.

    Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; for rankings, Sakai,
    "Evaluating Evaluation Metrics based on the Bootstrap", SIGIR 2006.
    """
    draws = draw_users(len(_cases_per_user(users)), resamples, seed)
    units, n_units = draws.units[users], draws.n_units
    sums = sums_per_unit(values, units, n_units)
    finite = np.isfinite(sums).all(axis=1)
    bounds = np.full((2, len(sums)), np.nan)
    if n_units > 1 and finite.any():
        addends = np.vstack([sums[finite], np.bincount(units, minlength=n_units)])
        totals = draws.totals(addends)
        bounds[:, finite] = middle_share(totals[:-1] / totals[-1], level)
    return bounds[0], bounds[1]


def jackknife(
    statistic: Callable[[Array], float | Sequence[float]],
    users: Array,
    groups: int = 20,
    seed: int = SEED,
) -> Array:
    """Return the standard errors of numbers about all cases together, such as coverage or Gini.

    statistic: cases (kept,) int64, ascending -> the number for these cases only, or several.
    users: (cases,), from `number_users`. Users are assigned at random (by the seed) to groups, at
        most as many as there are users, and each group is left out once. NaN with fewer than two.

    Delete-a-group jackknife: Efron, "The Jackknife, the Bootstrap and Other Resampling Plans",
    1982; Shao & Wu, "A General Theory for Jackknife Variance Estimation", Annals of Statistics 17,
    1989.
    """
    n_users = len(_cases_per_user(users))
    groups = min(groups, n_users)
    if groups < 2:
        return np.array(math.nan)
    group_of_case = (np.random.default_rng(seed).permutation(n_users) % groups)[users]
    kept = (np.flatnonzero(group_of_case != group) for group in range(groups))
    found = np.array([statistic(cases) for cases in kept], dtype=np.float64)
    return np.asarray(np.sqrt((groups - 1) * np.ascontiguousarray(found.T).var(axis=-1)))


@dataclass(frozen=True)
class PairedTest:
    """The comparison of a and b on the same cases.

    difference: the mean of a - b over cases. low, high: its interval, from `intervals`.
    p: two-sided p-value of the paired t-test over users, in which each user counts once; not
        adjusted for several comparisons.
    wins, losses, ties: how many users have a higher mean with a, a higher mean with b, and equal
        means.
    """

    difference: float
    low: float
    high: float
    p: float
    wins: int
    losses: int
    ties: int


def paired_test(
    a: Array,
    b: Array,
    users: Array,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> PairedTest:
    """Compare two columns of the same cases.

    a, b: (cases,) float64. users and the options: as in `intervals`.

    p is 1 if no user has a difference, 0 if all users have the same difference, and NaN with fewer
    than two users.
    """
    difference = np.subtract(a, b, dtype=np.float64)[:, None]
    low, high = intervals(difference, users, resamples=resamples, level=level, seed=seed)
    means = _user_means(difference, users)
    return PairedTest(
        difference=float(difference.mean()) if len(difference) else math.nan,
        low=float(low[0]),
        high=float(high[0]),
        p=float(_t_test(means)[0]),
        wins=int((means > ROUNDING).sum()),
        losses=int((means < -ROUNDING).sum()),
        ties=int((np.abs(means) <= ROUNDING).sum()),
    )


def pvalues(columns: Array, best: int, users: Array) -> Array:
    """(models,) float64: p as in `paired_test`, of every column against column `best`, unadjusted.

    columns: (cases, models) float64. users: (cases,), from `number_users`.

    It is 1 for `best` itself. Do not pass that one to `holm_correction`, because it is not a
    comparison.
    """
    p = _t_test(_user_means(columns - columns[:, [best]], users))
    p[best] = 1.0
    return p


def holm_correction(p: Array) -> Array:
    """(tests,) float64: p, adjusted to bound the probability of any false positive.

    p: (tests,) float64; NaN stays NaN, and does not count as a test.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statist. 6, 1979.
    """
    adjusted = np.array(p, dtype=np.float64)
    tests = np.argsort(adjusted, kind="stable")[: np.count_nonzero(~np.isnan(adjusted))]
    steps = adjusted[tests] * np.arange(len(tests), 0, -1)
    adjusted[tests] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _cases_per_user(users: Array) -> Array:
    """(users,) int64: how many cases each user has. Raises ValueError if one has none."""
    counts = np.bincount(users)
    if not counts.all():
        raise ValueError("users must be numbered from 0 without a gap; use number_users")
    return counts


def sums_per_unit(values: Array, units: Array, n_units: int) -> Array:
    """(columns, units) float64: the sum of each unit's cases."""
    sums = [np.bincount(units, column, n_units) for column in values.T]
    return np.array(sums, dtype=np.float64).reshape(values.shape[1], n_units)


@dataclass(frozen=True, eq=False)
class Draws:
    """The resamples of a bootstrap over users.

    units: (users,) the unit of each user. counts: how often each unit is in each resample,
        (resamples, units) uint8, in parts.
    """

    units: Array
    n_units: int
    counts: tuple[Array, ...]

    def totals(self, addends: Array) -> Array:
        """(rows, resamples) float64: the sum of each row of addends (rows, units) in each."""
        return np.hstack([addends @ counts.astype(np.float64).T for counts in self.counts])


@lru_cache(maxsize=1)  # all models of a table have the same users; at most 100 MB
def draw_users(n_users: int, resamples: int, seed: int) -> Draws:
    """Return the resamples, which depend on nothing else. Those of the last call are kept."""
    random = np.random.default_rng(seed)
    n_units = min(n_users, MAX_UNITS)
    units = np.arange(n_users)
    if n_users > n_units:
        units = random.permutation(n_users) % n_units
    counts, most = [], max(1, DRAWS_AT_ONCE // max(1, n_units))
    for start in range(0, resamples if n_units else 0, most):
        drawn = random.integers(n_units, size=(min(most, resamples - start), n_units), dtype="i4")
        part = np.empty(drawn.shape, dtype=np.uint8)  # among many units, none is drawn 256 times
        for row, units_of_resample in zip(part, drawn, strict=True):
            row[:] = np.bincount(units_of_resample, minlength=n_units)
        counts.append(part)
    return Draws(units, n_units, tuple(counts))


def _user_means(values: Array, users: Array) -> Array:
    """(columns, users) float64: the mean of each user's cases."""
    counts = _cases_per_user(users)
    return sums_per_unit(values, users, len(counts)) / counts


def middle_share(means: Array, level: float) -> Array:
    """(2, rows) float64: between which values this share of each row (rows, resamples) lies."""
    quantiles = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return np.round(quantiles, DECIMALS)


def _t_test(means: Array) -> Array:
    """(columns,) float64: two-sided p of the t-test that each row of means (columns, users) is 0.

    The same as scipy.stats.ttest_1samp, without its slow import, and without a warning if all
    means are equal.
    """
    from scipy.special import stdtr  # type: ignore[import-untyped, unused-ignore]

    n_users = means.shape[1]
    if n_users < 2:
        return np.full(len(means), np.nan)
    center, spread = means.mean(axis=1), means.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.array(2 * stdtr(n_users - 1, -np.abs(center) / (spread / math.sqrt(n_users))))
    constant = spread <= ROUNDING
    p[constant] = np.abs(center[constant]) <= ROUNDING
    return p
