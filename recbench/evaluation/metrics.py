"""Step 5, evaluate: compute every metric at every k for one ranking."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from recbench.code.raised import describe_broken, describe_raised
from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import UnknownFeatureError
from recbench.errors import UsageError
from recbench.evaluation.contract import check_rules
from recbench.evaluation.made_up import MadeUp
from recbench.evaluation.measure import Metric, bounds_of, copied, measure
from recbench.evaluation.ranking import Ranking
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
from recbench.spec import Spec


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
                values, measured = _measure_metric(name, metric, copied(ranking), ks, users, stored)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit
            log.debug("metric %s failed", name, exc_info=True)
            log.error("metric %s is left out: %s", name, describe_raised(error))
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
    new: dict[str, int] = {}  # numbers of all lists together, with their k
    measured, bounds = measure(ranking, name, metric, ks), bounds_of(metric)
    for k, (key, column) in zip(ks, measured.items(), strict=True):
        whole = column.shape == ()
        if key in stored and stored[key].mean == float(column.mean()):
            # older versions stored standard errors over cases, and intervals beyond the bounds
            stderr = stored[key].stderr if whole else standard_error(column, users)
            low, high = np.clip(stored[key][2:], *bounds).tolist()
            values[key] = Value(stored[key].mean, stderr, low, high)
        elif whole:
            new[key] = k
    if new:
        numbers = {key: float(measured[key]) for key in new}
        statistic = partial(_of_cases, metric, ranking, list(new.values()))
        values |= summarise_whole(numbers, statistic, users, bounds)
    return values, {key: column for key, column in measured.items() if column.shape != ()}


def _of_cases(metric: Metric, ranking: Ranking, ks: Sequence[int], cases: Array) -> list[float]:
    """Return the values of a metric of all lists together, for some cases only."""
    ranking = ranking.take(cases)
    return [float(metric(ranking, k)) for k in ks]


def no_values(metrics: Iterable[str], ks: Sequence[int]) -> dict[str, Value]:
    """Return the values of a failed cell, all NaN."""
    return {f"{name}@{k}": Value() for name in metrics for k in ks}


_CHECKED: dict[tuple[Metric, Any], UnknownFeatureError | None] = {}
"""Metrics and kinds of data that were checked -> the error if such data lack a feature."""

MOST_CHECKED = 256


def _check_once(metric: Metric, made: MadeUp) -> None:
    """Check a metric, unless it was checked with data that have the same features."""
    checked = metric, made.kind
    if checked not in _CHECKED:
        unknown = None
        try:
            check_rules(metric, made)
        except UnknownFeatureError as error:
            unknown = error
        if len(_CHECKED) >= MOST_CHECKED:
            _CHECKED.clear()
        _CHECKED[checked] = unknown
    known = _CHECKED[checked]
    if known is not None:
        raise known.with_traceback(None)


def valid_metrics(
    plugins: Plugins, data: Interactions, only: Collection[str] = ()
) -> dict[str, Metric]:
    """Return the metrics that meet the contract; the log gives the reason why others do not.

    data: the interactions that will be judged. Only metrics that need no other features are valid.
    only: the names of the metrics to return, if not all.

    Raises UsageError for options that a metric refuses.
    """
    valid, made = {}, MadeUp(data)
    for name, metric in plugins.metrics().items():
        if only and name not in only:
            continue
        offer = plugins.find("metrics", Spec.parse(name).name)
        try:
            with noted(offer.where):
                _check_once(metric, made)
        except KeyboardInterrupt:
            raise
        except UnknownFeatureError as error:
            level = logging.WARNING if name in plugins.asked else logging.DEBUG
            log.log(level, "metric %s (plugin %s) is left out: %s", name, offer.plugin, error)
        except BaseException as error:  # also SystemExit
            if isinstance(error, UsageError) and Spec.parse(name).options:
                raise
            log.debug("%s failed", offer.where, exc_info=True)
            log.error("%s is left out: %s", offer.where, describe_broken(error))
        else:
            valid[name] = metric
    return valid
