"""Step 5, evaluate: every metric at every k for one ranking, and the contract that metrics keep."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.interactions import Array, offsets_of
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.ranking import Metric, Ranking, measure
from recbench.evaluation.uncertainty import Value, jackknife, summarise
from recbench.plugins import Plugins
from recbench.progress import log


def check_metric(metric: Metric) -> None:
    """A metric keeps the contract of `recbench_metrics`; takes milliseconds.

    Whether a metric reads ranks is told by what it gives. One that does must reward better ranks,
    and be worth under ties the mean over all orders of what is tied.

    Raises AssertionError that names the rule which does not hold, or the metric's own error.
    """
    for ranking in _rankings():
        for k in (1, 5, 100):
            _check_values(metric, ranking, k)
    if np.ptp(_value(metric, _alike(np.arange(12)[:, None]), 5)) > 0:
        for k in (2, 5):
            _check_ranks(metric, k)


def _check_values(metric: Metric, ranking: Ranking, k: int) -> None:
    """What holds for every metric, of ranks or of lists, a value a row or one for all."""
    kept = copy.deepcopy(_arrays(ranking))
    value = _value(metric, ranking, k)
    for before, after in zip(kept, _arrays(ranking), strict=True):
        _hold(np.array_equal(before, after), "the ranking must be left as it was")
    again = _value(metric, ranking, k)
    _hold(np.array_equal(value, again), "the same ranking must give the same values")
    rows = np.arange(len(ranking))
    if value.ndim:
        alone = [_value(metric, ranking.take(row), k).ravel() for row in rows[:, None]]
        _near(np.concatenate(alone), value, "a row's value must not depend on the rows beside it")
    else:
        turned = _value(metric, ranking.take(rows[::-1]), k)
        _near(turned, value, "one number must not depend on the order of rows")
    above, tied, offsets, *lists = _arrays(ranking)
    if offsets is None:
        told = Ranking(above, tied, np.arange(len(above) + 1), *lists)
        _near(_value(metric, told, k), value, "offsets of one target a row must change nothing")
    else:
        order = np.lexsort((-np.arange(len(above)), ranking.case_of_target))
        turned = _value(metric, Ranking(above[order], tied[order], offsets, *lists), k)
        _near(turned, value, "the order of a row's targets must change nothing")


def _check_ranks(metric: Metric, k: int) -> None:
    """What holds for every metric that reads ranks."""
    values = []
    for others in ([], [20]):  # one target, and a second far below
        above = np.array([[first, *others] for first in range(12)])
        value = _value(metric, _alike(above), k)
        _hold((np.diff(value) <= 1e-12).all(), "a better rank must never be worth less")
        _hold(value[0] > value[k], "the first rank must be worth more than the one after k")
        for first, many in ((0, 12), (1, 2), (k - 1, 3)):
            tie = _value(metric, _alike(above[[first]], [many, *(1 for _ in others)]), k)
            mean = value[first : first + many].mean(keepdims=True)
            _near(tie, mean, "a tie must be worth the mean over its ranks")
        values.append(value)
    more = values[1] - values[0]
    _hold((more <= 1e-12).all(), "a second target that is far below k must add nothing")
    sure = _value(metric, _alike(np.array(list(combinations(range(6), 2)))), k)
    tie = _value(metric, _alike(np.zeros((1, 2), dtype=np.int64), 6), k)
    rule = "targets tied with each other must be worth the mean over all their orders"
    _near(tie, sure.mean(keepdims=True), rule)


def _value(metric: Metric, ranking: Ranking, k: int) -> Array:
    try:
        return measure(ranking, "it", metric, [k])[f"it@{k}"]
    except RecbenchError as error:
        raise AssertionError(f"a metric must give numbers for every ranking: {error}") from error


def _hold(holds: Any, rule: str) -> None:
    """Raise where a rule does not hold; no assert, which `python -O` leaves out of a run."""
    if not holds:
        raise AssertionError(rule)


def _near(one: Array, other: Array, rule: str) -> None:
    """The same but for the order of sums."""
    _hold(one.shape == other.shape and np.allclose(one, other, rtol=1e-9, atol=1e-12), rule)


def _arrays(ranking: Ranking) -> list[Any]:
    return [getattr(ranking, one.name) for one in fields(ranking)]


def _alike(above: Array, tied: npt.ArrayLike = 1) -> Ranking:
    """Rows that differ in their ranks only; above: (rows, targets)."""
    rows, many = above.shape
    offsets = None if many == 1 else np.arange(rows + 1) * many
    tied = np.broadcast_to(tied, above.shape).ravel()
    lists = np.tile(np.arange(24, dtype=np.int32), (rows, 1))
    return Ranking(above.ravel(), tied, offsets, lists, np.arange(24))


def _rankings() -> list[Ranking]:
    """One target a row and up to three, with ties, short lists and targets that no list has."""
    draw = np.random.default_rng(0)
    scores = draw.integers(0, 6, (8, 24))
    lists = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    lists[0], lists[1, 3:] = -1, -1
    found = []
    for many in (np.ones(8, dtype=np.int64), np.arange(8) % 3 + 1):
        rows = np.repeat(np.arange(8), many)
        wanted = scores[rows, draw.permutation(24)[: len(rows)]][:, None]
        above, tied = (scores[rows] > wanted).sum(axis=1), (scores[rows] == wanted).sum(axis=1)
        above[rows == 1], tied[rows == 1] = np.iinfo(np.int32).max, 1
        offsets = offsets_of(many) if many.max() > 1 else None
        found.append(Ranking(above, tied, offsets, lists, draw.integers(0, 50, 24)))
    return found


def valid_metrics(plugins: Plugins) -> dict[str, Metric]:
    """Every metric that keeps the contract; the others are said and left out."""
    found = {}
    for name, metric in plugins.metrics().items():
        try:
            check_metric(metric)
        except (Exception, SystemExit) as error:
            log.error("metric %s is left out: %s", name, describe_error(error))
        else:
            found[name] = metric
    return found


def measure_all(
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
            log.error("metric %s is left out: %s", name, describe_error(error))
        else:
            values |= sure
            columns |= {key: value for key, value in found.items() if value.shape != ()}
    new = {key: value for key, value in columns.items() if key not in values}
    return {**summarise(new, users), **values}, columns


def no_values(metrics: Iterable[str], ks: Sequence[int]) -> dict[str, Value]:
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
