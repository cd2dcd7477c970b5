"""Step 5, evaluate: every metric at every k for one ranking, and how sure each number is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .contract import check_metric
from .errors import said
from .interactions import Array
from .metric import Metric, Ranking, measure
from .plugins import Plugins
from .progress import log
from .result import Value
from .uncertainty import intervals, jackknife


def trusted_metrics(plugins: Plugins) -> dict[str, Metric]:
    """Every metric that keeps the contract; the others are said and left out."""
    found = {}
    for name, metric in plugins.metrics().items():
        try:
            check_metric(metric)
        except (Exception, SystemExit) as error:
            log.error("metric %s is left out: %s", name, said(error))
        else:
            found[name] = metric
    return found


def measured(
    plugins: Plugins,
    ranking: Ranking,
    ks: Sequence[int],
    users: Array,
    known: Mapping[str, Value],
) -> tuple[dict[str, Value], dict[str, Array]]:
    """Every metric at every k: its value, and its column of one number a judged row.

    A metric of all lists together has no column; its interval comes from a jackknife.
    known: values found before, whose intervals stand where their means do.
    """
    values: dict[str, Value] = {}
    columns: dict[str, Array] = {}
    for name, metric in trusted_metrics(plugins).items():
        try:
            found = measure(ranking, name, metric, ks)
            for k, (key, value) in zip(ks, found.items(), strict=True):
                if key in known and known[key].mean == float(value.mean()):
                    values[key] = known[key]
                elif value.shape == ():
                    values[key] = _whole(ranking, metric, k, float(value), users)
        except (Exception, SystemExit) as error:
            log.error("metric %s is left out: %s", name, said(error))
            continue
        columns |= {key: value for key, value in found.items() if value.shape != ()}
    new = {key: value for key, value in columns.items() if key not in values}
    return {**summarise(new, users), **values}, columns


def summarise(columns: Mapping[str, Array], users: Array) -> dict[str, Value]:
    """The mean of each column, its standard error over rows and its interval over users."""
    if not columns:
        return {}
    table = np.column_stack(list(columns.values()))
    low, high = intervals(table, users)
    rows = len(table)
    stderr = table.std(axis=0, ddof=1) / math.sqrt(rows) if rows > 1 else np.full(len(low), np.nan)
    return {
        key: Value(*map(float, numbers))
        for key, *numbers in zip(columns, table.mean(axis=0), stderr, low, high, strict=True)
    }


def nothing_measured(plugins: Plugins, ks: Sequence[int]) -> dict[str, Value]:
    """What a failed cell has."""
    return {f"{name}@{k}": Value() for name in plugins.metrics() for k in ks}


def _whole(
    ranking: Ranking, metric: Callable[..., Any], k: int, value: float, users: Array
) -> Value:
    """The value of a metric of all lists together."""
    stderr = jackknife(lambda rows: float(metric(ranking.take(rows), k)), users)
    return Value(value, stderr, value - 1.96 * stderr, value + 1.96 * stderr)
