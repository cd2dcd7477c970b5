"""Step 5, evaluate: how sure the numbers are, and which differences are real."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recbench.data.interactions import Array


class Value(NamedTuple):
    """A mean over the judged cases, its standard error, and its 95% interval over users."""

    mean: float = math.nan
    stderr: float = math.nan
    low: float = math.nan
    high: float = math.nan


RESAMPLES = 10_000
LEVEL = 0.95
SEED = 0

MAX_UNITS = 10_000
"""Above this many users, groups of users are resampled."""

DRAWS_AT_ONCE = 1 << 21  # in memory, 16 MB an array; smaller ones make BLAS threads wait

ROUNDING = 1e-12  # differences up to this are rounding

DECIMALS = 12  # what is left of a sum, whatever the number of threads that added it up


def number_users(ids: Array) -> Array:
    """(cases,) int64: whose each case is, users being numbered from 0 by their sorted ids.

    ids: (cases,) integers or strings; each "" is somebody else.

    What all functions below take as `users`.
    """
    names, users = np.unique(ids, return_inverse=True)
    if names.dtype.kind in "OU" and "" in names:  # unknown, as `Experiment.users` has them
        later = np.flatnonzero(users == np.flatnonzero(names == "")[0])[1:]
        users[later] = len(names) + np.arange(len(later))
    return users


def summarise(columns: Mapping[str, Array], users: Array) -> dict[str, Value]:
    """The mean of each column, its standard error over cases and its interval over users.

    columns: (cases,) float64 each. users: (cases,), of `number_users`.
    """
    if not columns:
        return {}
    lows, highs = intervals(np.column_stack(list(columns.values())), users)
    values = {}
    for (name, column), low, high in zip(columns.items(), lows, highs, strict=True):
        # one by one, for sums over an axis depend, in the last bit, on what else is in the table
        n_cases = len(column)
        stderr = float(column.std(ddof=1)) / math.sqrt(n_cases) if n_cases > 1 else math.nan
        values[name] = Value(float(column.mean()), stderr, float(low), float(high))
    return values


def summarise_whole(value: float, statistic: Callable[[Array], float], users: Array) -> Value:
    """A number about all cases together, with its standard error and interval by a jackknife.

    statistic: what gave the value, for some cases alone, as in `jackknife`.
    """
    stderr = jackknife(statistic, users)
    return Value(value, stderr, value - 1.96 * stderr, value + 1.96 * stderr)


def intervals(
    values: Array,
    users: Array,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> tuple[Array, Array]:
    """The percentile bootstrap interval of the mean over cases, for every column: (low, high).

    values: (cases, columns) float64. users: (cases,), of `number_users`.
    Returns two arrays (columns,) float64, in the unit of the values.

    Users are drawn, with all their cases, since cases of one user are no independent evidence; a
    resample's mean is the sum over the drawn cases by their number. All columns get the same
    draws, which depend on the number of users, the seed and the resamples only: columns of separate
    calls over the same users are paired too. Above MAX_UNITS users, users are put at random (by
    the seed) into MAX_UNITS groups of nearly equal size, which are drawn whole: this bounds the
    time, and hardly changes the interval. With few users (20, say) it is somewhat too narrow.

    NaN for a column that is not finite, and for all where there are fewer than two users.

    Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; for rankings, Sakai,
    "Evaluating Evaluation Metrics based on the Bootstrap", SIGIR 2006.
    """
    random = np.random.default_rng(seed)
    units, n_units = users, len(_cases_per_user(users))
    if n_units > MAX_UNITS:
        units, n_units = (random.permutation(n_units) % MAX_UNITS)[users], MAX_UNITS
    sums = _sums(values, units, n_units)
    finite = np.isfinite(sums).all(axis=1)
    bounds = np.full((2, len(sums)), np.nan)
    if n_units > 1 and finite.any():
        addends = np.vstack([sums[finite], np.bincount(units, minlength=n_units)])
        draws = _bootstrap_counts(n_units, resamples, random)
        totals = np.hstack([addends @ counts.T for counts in draws])
        means = totals[:-1] / totals[-1]
        quantiles = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=1)
        bounds[:, finite] = np.round(quantiles, DECIMALS)
    return bounds[0], bounds[1]


def jackknife(
    statistic: Callable[[Array], float], users: Array, groups: int = 20, seed: int = SEED
) -> float:
    """The standard error of one number about all cases together: coverage, Gini.

    statistic: cases (kept,) int64, ascending -> the number for these cases alone.
    users: (cases,), of `number_users`; they are dealt at random (by the seed) into groups, at most
        one a user, and each group is left out once. NaN where there are fewer than two.

    Delete-a-group: Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", 1982; Shao &
    Wu, "A General Theory for Jackknife Variance Estimation", Annals of Statistics 17, 1989.
    """
    n_users = len(_cases_per_user(users))
    groups = min(groups, n_users)
    if groups < 2:
        return math.nan
    group_of_case = (np.random.default_rng(seed).permutation(n_users) % groups)[users]
    kept = (np.flatnonzero(group_of_case != group) for group in range(groups))
    return float(np.sqrt((groups - 1) * np.array([statistic(cases) for cases in kept]).var()))


@dataclass(frozen=True)
class PairedTest:
    """What there is between a and b, judged on the same cases.

    difference: a - b, the mean over cases. low, high: its interval, as of `intervals`.
    p: two-sided, of the paired t-test over users, each of whom counts once; not adjusted.
    wins, losses, ties: how many users do better with a, with b, equally well, by their means.
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

    a, b: (cases,) float64. users: (cases,), and the options, as in `intervals`.

    p is 1 where no user has a difference, 0 where all have the same, NaN for less than two users.
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

    columns: (cases, models) float64. users: (cases,), of `number_users`.

    It is 1 for `best` itself, which is no comparison: leave it out of the family given to
    `holm_correction`.
    """
    p = _t_test(_user_means(columns - columns[:, [best]], users))
    p[best] = 1.0
    return p


def holm_correction(p: Array) -> Array:
    """(tests,) float64: p adjusted for the chance of any false alarm in the family.

    p: (tests,) float64; NaN stays NaN, and is not counted as a test.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statist. 6, 1979.
    """
    adjusted = np.array(p, dtype=np.float64)
    tests = np.argsort(adjusted, kind="stable")[: np.count_nonzero(~np.isnan(adjusted))]
    steps = adjusted[tests] * np.arange(len(tests), 0, -1)
    adjusted[tests] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _cases_per_user(users: Array) -> Array:
    """(users,) int64: how many cases each user has. Raises ValueError for one without any."""
    counts = np.bincount(users)
    if not counts.all():
        raise ValueError("users must be numbered from 0 without a gap, as number_users does")
    return counts


def _sums(values: Array, units: Array, n_units: int) -> Array:
    """(columns, units) float64: the sum of each unit's cases."""
    sums = [np.bincount(units, column, n_units) for column in values.T]
    return np.array(sums, dtype=np.float64).reshape(values.shape[1], n_units)


def _user_means(values: Array, users: Array) -> Array:
    """(columns, users) float64: the mean of each user's cases."""
    counts = _cases_per_user(users)
    return _sums(values, users, len(counts)) / counts


def _bootstrap_counts(n_units: int, resamples: int, random: np.random.Generator) -> Iterator[Array]:
    """How often each unit is in each resample, (some resamples, units) float64 at a time."""
    most = max(1, DRAWS_AT_ONCE // n_units)
    for start in range(0, resamples, most):
        n_rows = min(most, resamples - start)
        drawn = random.integers(0, n_units, size=(n_rows, n_units))
        drawn += n_units * np.arange(n_rows)[:, None]  # every resample has bins of its own
        counts = np.bincount(drawn.ravel(), minlength=n_rows * n_units)
        yield counts.reshape(n_rows, n_units).astype(np.float64)


def _t_test(means: Array) -> Array:
    """(columns,) float64: the two-sided p of each row of means (columns, users) being around 0.

    That of scipy.stats.ttest_1samp, without its long import, or its warning where all are equal.
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
