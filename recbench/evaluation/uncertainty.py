"""Step 5, evaluate: how sure the numbers are, and which differences are real."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recbench.data.interactions import Array


class Value(NamedTuple):
    """A mean over the judged rows, its standard error, and its 95% interval over users."""

    mean: float = math.nan
    stderr: float = math.nan
    low: float = math.nan
    high: float = math.nan


RESAMPLES = 10_000


LEVEL = 0.95


SEED = 0


MOST_UNITS = 10_000
"""Above this many users, groups of users are resampled."""


CELLS = 1 << 21  # draws in memory at a time, 16 MB an array; smaller ones make BLAS threads wait


TIE = 1e-12  # differences up to this are rounding


DIGITS = 12  # what is left of a sum, whatever the number of threads that added it up


def intervals(
    values: Array,
    users: Array,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> tuple[Array, Array]:
    """The percentile bootstrap interval of the mean over rows, for every column: (low, high).

    values: (rows, columns) float64. users: (rows,) integers or strings, whose each row is.
    Returns two arrays (columns,) float64, in the unit of the values.

    Users are drawn, with all their rows, since rows of one user are no independent evidence; a
    resample's mean is the sum over the drawn rows by their number. All columns get the same
    draws, which depend on the number of users, the seed and the resamples only: columns of separate
    calls over the same users are paired too. Above MOST_UNITS users, users are put at random (by
    the seed) into MOST_UNITS groups of nearly equal size, which are drawn whole: this bounds the
    time, and hardly changes the interval. With few users (20, say) it is somewhat too narrow.

    NaN for a column that is not finite, and for all where there are fewer than two users.

    Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; for rankings, Sakai,
    "Evaluating Evaluation Metrics based on the Bootstrap", SIGIR 2006.
    """
    random = np.random.default_rng(seed)
    units, count = numbered(users)
    if count > MOST_UNITS:
        units, count = (random.permutation(count) % MOST_UNITS)[units], MOST_UNITS
    sums = _sums(values, units, count)
    known = np.isfinite(sums).all(axis=1)
    bounds = np.full((2, len(sums)), np.nan)
    if count > 1 and known.any():
        addends = np.vstack([sums[known], np.bincount(units, minlength=count)])
        totals = np.hstack([addends @ times.T for times in _draws(count, resamples, random)])
        means = totals[:-1] / totals[-1]
        found = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=1)
        bounds[:, known] = np.round(found, DIGITS)
    return bounds[0], bounds[1]


def summarise(columns: Mapping[str, Array], users: Array) -> dict[str, Value]:
    """The mean of each column, its standard error over rows and its interval over users.

    columns: (rows,) float64 each. users: (rows,), as in `intervals`.
    """
    if not columns:
        return {}
    low, high = intervals(np.column_stack(list(columns.values())), users)
    found = {}
    for number, (key, column) in enumerate(columns.items()):
        # one by one, for sums over an axis depend, in the last bit, on what else is in the table
        rows = len(column)
        stderr = float(column.std(ddof=1)) / math.sqrt(rows) if rows > 1 else math.nan
        found[key] = Value(float(column.mean()), stderr, float(low[number]), float(high[number]))
    return found


@dataclass(frozen=True)
class Paired:
    """What there is between a and b, judged on the same rows.

    difference: a - b, the mean over rows. low, high: its interval, as of `intervals`.
    p: two-sided, of the paired t-test over users, each of whom counts once; not adjusted.
    first, second, neither: how many users do better with a, with b, equally well, by their means.
    """

    difference: float
    low: float
    high: float
    p: float
    first: int
    second: int
    neither: int


def paired(
    a: Array,
    b: Array,
    users: Array,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = SEED,
) -> Paired:
    """Compare two columns of the same rows.

    a, b: (rows,) float64. users: (rows,), and the options, as in `intervals`.

    p is 1 where no user has a difference, 0 where all have the same, NaN for less than two users.
    """
    difference = np.subtract(a, b, dtype=np.float64)[:, None]
    low, high = intervals(difference, users, resamples=resamples, level=level, seed=seed)
    means = _means(difference, users)
    return Paired(
        difference=float(difference.mean()) if len(difference) else math.nan,
        low=float(low[0]),
        high=float(high[0]),
        p=float(_student(means)[0]),
        first=int((means > TIE).sum()),
        second=int((means < -TIE).sum()),
        neither=int((np.abs(means) <= TIE).sum()),
    )


def pvalues(columns: Array, best: int, users: Array) -> Array:
    """(models,) float64: p as in `paired`, of every column against column `best`, not adjusted.

    columns: (rows, models) float64. users: (rows,), whose each row is.

    It is 1 for `best` itself, which is no comparison: leave it out of the family given to `holm`.
    """
    p = _student(_means(columns - columns[:, [best]], users))
    p[best] = 1.0
    return p


def holm(p: Array) -> Array:
    """(tests,) float64: p adjusted for the chance of any false alarm in the family.

    p: (tests,) float64; NaN stays NaN, and is not counted as a test.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statist. 6, 1979.
    """
    adjusted = np.array(p, dtype=np.float64)
    tests = np.argsort(adjusted, kind="stable")[: np.count_nonzero(~np.isnan(adjusted))]
    steps = adjusted[tests] * np.arange(len(tests), 0, -1)
    adjusted[tests] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def jackknife(
    statistic: Callable[[Array], float], users: Array, groups: int = 20, seed: int = SEED
) -> float:
    """The standard error of one number about all rows together: coverage, Gini.

    statistic: rows (kept,) int64, ascending -> the number for these rows alone.
    users: (rows,), whose each row is; they are dealt at random (by the seed) into groups, at most
        one a user, and each group is left out once. NaN where there are fewer than two.

    Delete-a-group: Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", 1982; Shao &
    Wu, "A General Theory for Jackknife Variance Estimation", Annals of Statistics 17, 1989.
    """
    units, count = numbered(users)
    groups = min(groups, count)
    if groups < 2:
        return math.nan
    dealt = (np.random.default_rng(seed).permutation(count) % groups)[units]
    without = np.array([statistic(np.flatnonzero(dealt != group)) for group in range(groups)])
    return float(np.sqrt((groups - 1) * without.var()))


def numbered(users: Array) -> tuple[Array, int]:
    """Whose each row is, (rows,) int64 in [0, count), and count; each "" is somebody else."""
    names, units = np.unique(users, return_inverse=True)
    count = len(names)
    if names.dtype.kind in "OU" and "" in names:  # unknown, as `Bench.users` has them
        more = np.flatnonzero(units == np.flatnonzero(names == "")[0])[1:]
        units[more] = count + np.arange(len(more))
        count += len(more)
    return units, count


def _sums(values: Array, units: Array, count: int) -> Array:
    """(columns, count) float64: the sum of each unit's rows."""
    sums = [np.bincount(units, column, count) for column in values.T]
    return np.array(sums, dtype=np.float64).reshape(values.shape[1], count)


def _means(values: Array, users: Array) -> Array:
    """(columns, users) float64: the mean of each user's rows."""
    units, count = numbered(users)
    return _sums(values, units, count) / np.bincount(units, minlength=count)


def _draws(count: int, resamples: int, random: np.random.Generator) -> Iterator[Array]:
    """How often each unit is in each resample, (some resamples, count) float64 at a time."""
    most = max(1, CELLS // count)
    for start in range(0, resamples, most):
        some = min(most, resamples - start)
        drawn = random.integers(0, count, size=(some, count))
        drawn += count * np.arange(some)[:, None]  # every resample has bins of its own
        times = np.bincount(drawn.ravel(), minlength=some * count)
        yield times.reshape(some, count).astype(np.float64)


def _student(means: Array) -> Array:
    """(columns,) float64: the two-sided p of each row of means (columns, users) being around 0.

    That of scipy.stats.ttest_1samp, without its long import, or its warning where all are equal.
    """
    from scipy.special import stdtr  # type: ignore[import-untyped, unused-ignore]

    count = means.shape[1]
    if count < 2:
        return np.full(len(means), np.nan)
    center, spread = means.mean(axis=1), means.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.array(2 * stdtr(count - 1, -np.abs(center) / (spread / math.sqrt(count))))
    same = spread <= TIE
    p[same] = np.abs(center[same]) <= TIE
    return p
