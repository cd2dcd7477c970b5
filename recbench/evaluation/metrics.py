"""Step 5, evaluate: compute every metric at every k for one ranking, and check metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import offsets_of, read_only
from recbench.data.interactions import Array
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.ranking import Metric, Ranking, bounds_of, measure
from recbench.evaluation.uncertainty import (
    Value,
    number_users,
    standard_error,
    summarise,
    summarise_whole,
)
from recbench.guard import noted
from recbench.plugins import Plugins
from recbench.progress import log


def measure_all(
    metrics: Mapping[str, Metric],
    ranking: Ranking,
    ks: Sequence[int],
    user_ids: Array,
    stored: Mapping[str, Value],
) -> tuple[dict[str, Value], dict[str, Array]]:
    """Return every metric at every k: its value, and its column with one number per case.

    A metric of all lists together has no column, and its interval comes from a jackknife. A metric
    that fails is left out, and the log gives the reason.
    user_ids: (cases,), "" for an unknown user.
    stored: earlier values; if a mean is equal, its interval is not computed again.
    """
    users = number_users(user_ids)
    done: dict[str, Value] = {}
    columns: dict[str, Array] = {}
    for name, metric in metrics.items():
        try:
            with noted(f"metric {name}"):
                values, measured = _measure_metric(name, metric, _copy(ranking), ks, users, stored)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit
            log.error("metric %s is left out: %s", name, describe_error(error))
        else:
            done |= values
            columns |= measured
    new = {key: column for key, column in columns.items() if key not in done}
    return {**summarise(new, users), **done}, columns


def _measure_metric(
    name: str,
    metric: Metric,
    ranking: Ranking,
    ks: Sequence[int],
    users: Array,
    stored: Mapping[str, Value],
) -> tuple[dict[str, Value], dict[str, Array]]:
    """Return all columns, and the values that are stored already or are not means over cases."""
    values: dict[str, Value] = {}
    measured = measure(ranking, name, metric, ks)
    for k, (key, column) in zip(ks, measured.items(), strict=True):
        whole, bounds = column.shape == (), bounds_of(metric)
        if key in stored and stored[key].mean == float(column.mean()):
            # older versions stored standard errors over cases, and intervals beyond the bounds
            stderr = stored[key].stderr if whole else standard_error(column, users)
            low, high = np.clip(stored[key][2:], *bounds).tolist()
            values[key] = Value(stored[key].mean, stderr, low, high)
        elif whole:
            statistic = partial(_of_cases, metric, ranking, k)
            values[key] = summarise_whole(float(column), statistic, users, bounds)
    return values, {key: column for key, column in measured.items() if column.shape != ()}


def _of_cases(metric: Metric, ranking: Ranking, k: int, cases: Array) -> float:
    """Return the value of a metric of all lists together, for some cases only."""
    return float(metric(ranking.take(cases), k))


def _copy(ranking: Ranking) -> Ranking:
    """Copy the arrays, so that a metric that writes to them does not affect other metrics."""
    arrays: list[Any] = [
        None if array is None else read_only(array.copy()) for array in _arrays(ranking)
    ]
    return Ranking(*arrays)


def _arrays(ranking: Ranking) -> list[Any]:
    return [getattr(ranking, field.name) for field in fields(ranking)]


def no_values(metrics: Iterable[str], ks: Sequence[int]) -> dict[str, Value]:
    """Return the values of a failed cell, all NaN."""
    return {f"{name}@{k}": Value() for name in metrics for k in ks}


def valid_metrics(plugins: Plugins) -> dict[str, Metric]:
    """Return the metrics that meet the contract; the log gives the reason why others do not."""
    valid = {}
    for name, metric in plugins.metrics().items():
        offer = plugins.find("metrics", name)
        try:
            with noted(offer.where):
                check_metric(metric)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit
            rule = str(error) if isinstance(error, AssertionError) else ""
            log.error("%s is left out: %s", offer.where, rule or describe_error(error))
        else:
            valid[name] = metric
    return valid


def check_metric(metric: Metric) -> None:
    """Check that a metric meets the contract of `recbench_metrics`, in milliseconds.

    The metric is called with small rankings. It must return the same finite values each time,
    one per case or a single number, and must not change the ranking. If its values depend on
    ranks, a better rank must never lower the value, and ties must have the mean value over all
    orders of the tied items.

    Parameters
    ----------
    metric : callable
        The function `metric(ranking, k)` that the hook returns.

    Raises
    ------
    AssertionError
        If the metric breaks a rule. The text names the rule.

    Examples
    --------
    >>> import numpy as np
    >>> from recbench.testing import check_metric
    >>> check_metric(lambda ranking, k: ranking.expectation(np.ones(k)))
    >>> check_metric(lambda ranking, k: -ranking.expectation(np.ones(k)))
    Traceback (most recent call last):
    AssertionError: a better rank must never lower the value
    """
    for ranking in _example_rankings():
        for k in (1, 5, 100):
            _check_any(metric, ranking, k)
    if np.ptp(_value(metric, _ranking_of(np.arange(12)[:, None]), 5)) > 0:
        for k in (2, 5):
            _check_reads_ranks(metric, k)


def _check_any(metric: Metric, ranking: Ranking, k: int) -> None:
    """Check the rules that hold for every metric, of ranks or of lists."""
    before = _arrays(_copy(ranking))
    value = _value(metric, ranking, k)
    for kept, array in zip(before, _arrays(ranking), strict=True):
        _require(np.array_equal(kept, array), "a metric must not change the ranking")
    again = _value(metric, ranking, k)
    _require(np.array_equal(value, again), "the same ranking must always get the same values")
    cases = np.arange(len(ranking))
    if value.ndim:
        alone = [_value(metric, ranking.take(case), k).ravel() for case in cases[:, None]]
        rule = "the value of a case must not depend on other cases"
        _require_close(np.concatenate(alone), value, rule)
    else:
        reversed_ = _value(metric, ranking.take(cases[::-1]), k)
        _require_close(reversed_, value, "a single number must not depend on the order of cases")
    above, tied, offsets, *lists = _arrays(ranking)
    if offsets is None:
        same = Ranking(above, tied, np.arange(len(above) + 1), *lists)
        rule = "with one target per case, offsets must not change the values"
    else:
        order = np.lexsort((-np.arange(len(above)), ranking.case_of_target))
        same = Ranking(above[order], tied[order], offsets, *lists)
        rule = "the order of a case's targets must not change its value"
    _require_close(_value(metric, same, k), value, rule)


def _check_reads_ranks(metric: Metric, k: int) -> None:
    """Check the rules for metrics whose values depend on ranks."""
    by_n_targets = []
    for second in ([], [20]):  # one target, and a second far below
        above = np.array([[first, *second] for first in range(12)])
        value = _value(metric, _ranking_of(above), k)
        _require((np.diff(value) <= 1e-12).all(), "a better rank must never lower the value")
        _require(value[0] > value[k], "rank 1 must have a higher value than rank k + 1")
        for first, n_tied in ((0, 12), (1, 2), (k - 1, 3)):
            tied = [n_tied, *(1 for _ in second)]
            tie = _value(metric, _ranking_of(above[[first]], tied), k)
            mean = value[first : first + n_tied].mean(keepdims=True)
            _require_close(tie, mean, "a tie must have the mean value over its possible ranks")
        by_n_targets.append(value)
    gain = by_n_targets[1] - by_n_targets[0]
    _require((gain <= 1e-12).all(), "a second target far below rank k must not raise the value")
    orders = _value(metric, _ranking_of(np.array(list(combinations(range(6), 2)))), k)
    tie = _value(metric, _ranking_of(np.zeros((1, 2), dtype=np.int64), 6), k)
    rule = "targets tied with each other must have the mean value over all their orders"
    _require_close(tie, orders.mean(keepdims=True), rule)


def _value(metric: Metric, ranking: Ranking, k: int) -> Array:
    try:
        return measure(ranking, "it", metric, [k])[f"it@{k}"]
    except RecbenchError as error:
        raise AssertionError(f"a metric must return numbers for every ranking: {error}") from error


def _require(holds: Any, rule: str) -> None:
    """Raise if a rule is broken; unlike `assert`, also under `python -O`."""
    if not holds:
        raise AssertionError(rule)


def _require_close(value: Array, expected: Array, rule: str) -> None:
    """Raise if the values differ by more than rounding."""
    same_shape = value.shape == expected.shape
    _require(same_shape and np.allclose(value, expected, rtol=1e-9, atol=1e-12), rule)


def _ranking_of(above: Array, tied: npt.ArrayLike = 1) -> Ranking:
    """Return a ranking of cases that differ only in ranks; above: (cases, targets)."""
    n_cases, n_targets = above.shape
    offsets = None if n_targets == 1 else np.arange(n_cases + 1) * n_targets
    tied = np.broadcast_to(tied, above.shape).ravel()
    lists = np.tile(np.arange(24, dtype=np.int32), (n_cases, 1))
    return Ranking(above.ravel(), tied, offsets, lists, np.arange(24))


def _example_rankings() -> list[Ranking]:
    """Rankings with one to three targets per case, and targets in no list.

    Scores have ties. One list is empty, one is short, and two have gaps.
    """
    random = np.random.default_rng(0)
    scores = random.integers(0, 6, (8, 24))
    lists = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    lists[0], lists[1, 3:] = -1, -1
    lists[2, 0], lists[3, 1:4:2] = -1, -1
    rankings = []
    for n_targets in (np.ones(8, dtype=np.int64), np.arange(8) % 3 + 1):
        case = np.repeat(np.arange(8), n_targets)
        target_scores = scores[case, random.permutation(24)[: len(case)]][:, None]
        above = (scores[case] > target_scores).sum(axis=1)
        tied = (scores[case] == target_scores).sum(axis=1)
        above[case == 1], tied[case == 1] = np.iinfo(np.int32).max, 1
        offsets = offsets_of(n_targets) if n_targets.max() > 1 else None
        rankings.append(Ranking(above, tied, offsets, lists, random.integers(0, 50, 24)))
    return rankings
