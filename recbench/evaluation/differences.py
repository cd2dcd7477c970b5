"""Step 5, evaluate: confidence intervals of differences between groups of cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recbench.data.interactions import Array
from recbench.evaluation.uncertainty import (
    LEVEL,
    RESAMPLES,
    SEED,
    draw_users,
    middle_share,
    sums_per_unit,
)

FEW_USERS = 100
"""With fewer users than this in a sample, a bootstrap alone is not enough."""

ROWS_AT_ONCE = 2000  # of numbers for each resample: 160 MB


class Sample(NamedTuple):
    """Some of the cases, such as those of a group of users, with their values.

    cases: (n,) their numbers, ascending, at least one. values: (n, columns) float64.
    """

    cases: Array
    values: Array


def difference_intervals(
    pairs: Sequence[tuple[Sample, Sample]],
    users: Array,
    *,
    resamples: int = RESAMPLES,
) -> list[Array]:
    """Return the intervals of the mean of a sample minus that of another, for each pair.

    users: (cases,) of all cases, from `number_users`. resamples: as in `intervals`.
    Returns an array (2, columns) float64 for each pair: the lower and the upper ends.

    The bootstrap is that of `intervals`: users are drawn with all their cases, those in the first
    sample, in the second, in both or in none. Resamples without a case in a sample do not count.

    The bootstrap of a few users is too narrow: where nobody of ten users has a hit, every resample
    has none. If a sample has fewer than FEW_USERS users, the interval is therefore at least as wide
    as that of two samples of these sizes which are drawn at random from the users of both: 1.96
    standard errors to each side.

    The interval is NaN if a sample has fewer than two users, and for values that are not finite.
    """
    draws = draw_users(users.max(initial=-1) + 1, resamples, SEED)
    units = draws.units[users]
    rows = [_per_unit(sample, units, draws.n_units) for pair in pairs for sample in pair]
    found: list[Array] = []
    at_once = max(1, ROWS_AT_ONCE // (2 * max(map(len, rows), default=1)))
    for start in range(0, len(pairs), at_once):
        part = rows[2 * start : 2 * (start + at_once)]
        totals = draws.totals(np.nan_to_num(np.vstack(part)))
        sums = np.split(totals, np.cumsum(list(map(len, part)))[:-1])
        for first, second in zip(sums[::2], sums[1::2], strict=True):
            kept = (first[-1] > 0) & (second[-1] > 0)
            a, b = first[:, kept], second[:, kept]
            bounds = middle_share(a[:-1] / a[-1] - b[:-1] / b[-1], LEVEL)
            found.append(_widened(bounds, *pairs[len(found)], users))
    return found


def _per_unit(sample: Sample, units: Array, n_units: int) -> Array:
    """(columns + 1, units) float64: the sum of each unit's cases of a sample, and their number."""
    of_case = units[sample.cases]
    counts = np.bincount(of_case, minlength=n_units)
    return np.vstack([sums_per_unit(sample.values, of_case, n_units), counts])


def _widened(bounds: Array, first: Sample, second: Sample, users: Array) -> Array:
    """Return the interval of a difference for what few users there are, as said above."""
    n_all = users.max(initial=-1) + 1
    rows = [_per_unit(sample, users, n_all) for sample in (first, second)]
    n_users = [np.count_nonzero(of_sample[-1]) for of_sample in rows]
    if min(n_users) < 2:
        return np.full_like(bounds, np.nan)
    if min(n_users) < FEW_USERS:
        both, sizes = rows[0] + rows[1], np.array([len(first.cases), len(second.cases)])
        residuals = both[:-1] - np.outer(both[:-1].sum(axis=1) / sizes.sum(), both[-1])
        variance = residuals[:, both[-1] > 0].var(axis=1, ddof=1)
        margin = 1.96 * np.sqrt(variance * (n_users / sizes**2).sum())
        difference = first.values.mean(axis=0) - second.values.mean(axis=0)
        bounds = np.array(
            [np.fmin(bounds[0], difference - margin), np.fmax(bounds[1], difference + margin)]
        )
    finite = np.isfinite(first.values).all(axis=0) & np.isfinite(second.values).all(axis=0)
    return np.where(finite, bounds, np.nan)
