"""Step 5, evaluate: every metric at every k for one ranking, and how sure each number is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .contract import check_metric
from .errors import said
from .interactions import Array
from .metric import Metric, Ranking, measure
from .plugins import Plugins
from .progress import log
from .result import Value
from .uncertainty import jackknife, summarise


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
    metrics: Mapping[str, Metric],
    ranking: Ranking,
    ks: Sequence[int],
    users: Array,
    known: Mapping[str, Value],
) -> tuple[dict[str, Value], dict[str, Array]]:
    """Every metric at every k: its value, and its column of one number a judged row.

    A metric of all lists together has no column; its interval comes from a jackknife. One that
    fails is said and left out.
    known: values found before, whose intervals stand where their means do.
    """
    values: dict[str, Value] = {}
    columns: dict[str, Array] = {}
    for name, metric in metrics.items():
        own = _copied(ranking)
        sure: dict[str, Value] = {}
        try:
            found = measure(own, name, metric, ks)
            for k, (key, value) in zip(ks, found.items(), strict=True):
                if key in known and known[key].mean == float(value.mean()):
                    sure[key] = known[key]
                elif value.shape == ():
                    sure[key] = _whole(own, metric, k, float(value), users)
        except (Exception, SystemExit) as error:
            log.error("metric %s is left out: %s", name, said(error))
        else:
            values |= sure
            columns |= {key: value for key, value in found.items() if value.shape != ()}
    new = {key: value for key, value in columns.items() if key not in values}
    return {**summarise(new, users), **values}, columns


def nothing_measured(metrics: Iterable[str], ks: Sequence[int]) -> dict[str, Value]:
    """What a failed cell has."""
    return {f"{name}@{k}": Value() for name in metrics for k in ks}


def _copied(ranking: Ranking) -> Ranking:
    """The same in arrays of its own: what a metric writes into it, no other metric reads."""
    fields = [(one.name, getattr(ranking, one.name)) for one in dataclasses.fields(ranking)]
    copies: dict[str, Any] = {key: one if one is None else np.array(one) for key, one in fields}
    return Ranking(**copies)


def _whole(
    ranking: Ranking, metric: Callable[..., Any], k: int, value: float, users: Array
) -> Value:
    """The value of a metric of all lists together."""
    stderr = jackknife(lambda rows: float(metric(ranking.take(rows), k)), users)
    return Value(value, stderr, value - 1.96 * stderr, value + 1.96 * stderr)
