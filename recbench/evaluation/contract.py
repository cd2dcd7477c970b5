"""Step 5, evaluate: check that a metric keeps the rules, with small rankings that are made up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import offsets_of
from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import Metadata, UnknownFeatureError
from recbench.data.split import Split
from recbench.errors import RecbenchError
from recbench.evaluation.made_up import described
from recbench.evaluation.measure import Metric, measure
from recbench.evaluation.ranking import ARRAYS, Ranking

N_USERS, N_ITEMS = 8, 24
"""The sizes of the data that are made up."""

TARGETS = 22, 23
"""The items that are targets where only ranks differ."""


class MadeUp:
    """Splits that are made up, each only once. data: where their features come from."""

    def __init__(self, data: Interactions | None) -> None:
        self.data = data
        self._splits: dict[tuple[int, tuple[int, ...]], Split] = {}

    def split(self, n_cases: int, targets: tuple[int, ...]) -> Split:
        """Return a split whose cases have the same history and these targets."""
        if (n_cases, targets) not in self._splits:
            seen = np.arange(5, 8)
            train = self.log(np.zeros(N_ITEMS), np.arange(N_ITEMS))  # equally popular
            history = self.log(np.repeat(np.arange(n_cases), len(seen)), np.tile(seen, n_cases))
            history = dataclasses.replace(history, users=np.zeros(n_cases), n_users=N_USERS)
            offsets = np.arange(n_cases + 1) * len(targets)
            made = Split(train, history, np.tile(targets, n_cases), offsets=offsets)
            self._splits[n_cases, targets] = made
        return self._splits[n_cases, targets]

    def log(self, users: Array, items: Array) -> Interactions:
        """Return a log with the features of data, in which the two targets are alike."""
        log = Interactions.from_log(
            users,
            items,
            times=np.arange(len(users)),
            ratings=np.full(len(users), 3),
            n_users=max(N_USERS, int(users.max()) + 1),
            n_items=N_ITEMS,
        )
        log = described(log, self.data)
        metadata = log.metadata or Metadata.of({})

        def load(name: str) -> Array:
            values = metadata[name].copy()
            if not name.startswith("user"):
                values[TARGETS[1]] = values[TARGETS[0]]
            return values

        return dataclasses.replace(log, metadata=Metadata(metadata.names, load))


def check_metric(metric: Metric, data: Interactions | None = None) -> None:
    """Check that a metric meets the contract of `recbench_metrics`, in milliseconds.

    The metric is called with small rankings that are made up. It must return the same finite
    values each time, one per case or a single number, and must not change the ranking. If its
    values depend on ranks, a better rank must never lower the value, and ties must be averaged, as
    in `check_ties`.

    Parameters
    ----------
    metric : callable
        The function `metric(ranking, k)` that the hook returns.
    data : Interactions, default: None
        Interactions whose features the made-up data get. By default, these are the features of
        MovieLens. A metric that needs others is not checked.

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
    _unless_features_lack(check_rules, metric, data)


def check_ties(metric: Metric, data: Interactions | None = None) -> None:
    """Check that a metric averages over all orders of tied items.

    The metric is called with rankings in which targets are tied with other items or with each
    other, and must return the mean of its values for all orders. A metric that looks for targets in
    `ranking.lists`, where the order of ties is arbitrary, fails. Metrics that depend neither on
    ranks nor on targets pass.

    Parameters
    ----------
    metric : callable
        The function `metric(ranking, k)` that the hook returns.
    data : Interactions, default: None
        As in `check_metric`.

    Raises
    ------
    AssertionError
        If the metric breaks a rule. The text names the rule.

    Examples
    --------
    >>> import numpy as np
    >>> from recbench.testing import check_ties
    >>> check_ties(lambda ranking, k: ranking.expectation(np.ones(k)))
    >>> check_ties(lambda ranking, k: ranking.above < k)
    Traceback (most recent call last):
    AssertionError: a tie must have the mean value over its possible ranks
    """
    _unless_features_lack(_check_ties, metric, data)


def _unless_features_lack(
    check: Callable[[Metric, MadeUp], None], metric: Metric, data: Interactions | None
) -> None:
    try:
        check(metric, MadeUp(data))
    except UnknownFeatureError:  # it cannot be called
        return


def check_rules(metric: Metric, made: MadeUp) -> None:
    """Check a metric as `check_metric` does. Raises UnknownFeatureError if a feature lacks."""
    for ranking in _example_rankings(made):
        for k in (1, 5, 100):
            _check_any(metric, ranking, k)
    _check_ties(metric, made)
    if _reads_ranks(metric, made):
        for k in (2, 5):
            _check_order(metric, k, made)


def _check_any(metric: Metric, ranking: Ranking, k: int) -> None:
    """Check the rules that hold for every metric, of ranks or of lists."""
    before = _arrays(ranking)
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
    above, tied, offsets, facts = ranking.above, ranking.tied, ranking.offsets, ranking.facts
    if offsets is None:
        same = dataclasses.replace(ranking, offsets=np.arange(len(above) + 1))
        rule = "with one target per case, offsets must not change the values"
    else:
        order = np.lexsort((-np.arange(len(above)), ranking.case_of_target))
        own = None if facts is None else facts.take(cases, order)
        same = dataclasses.replace(ranking, above=above[order], tied=tied[order], facts=own)
        rule = "the order of a case's targets must not change its value"
    _require_close(_value(metric, same, k), value, rule)


def _arrays(ranking: Ranking) -> list[Any]:
    """Return copies of the arrays of a ranking."""
    return [np.copy(getattr(ranking, name)) for name in ARRAYS]


def _reads_ranks(metric: Metric, made: MadeUp) -> bool:
    """Whether the values of a metric depend on the ranks of targets."""
    values = _value(metric, _ranking_of(np.arange(12)[:, None], 1, made), 5)
    return bool(np.ptp(values) > 0)


def _check_order(metric: Metric, k: int, made: MadeUp) -> None:
    """Check that better ranks never count less, for a metric whose values depend on ranks."""
    by_n_targets = []
    for second in ([], [20]):  # one target, and a second far below
        above = np.array([[first, *second] for first in range(12)])
        value = _value(metric, _ranking_of(above, 1, made), k)
        _require((np.diff(value) <= 1e-12).all(), "a better rank must never lower the value")
        _require(value[0] > value[k], "rank 1 must have a higher value than rank k + 1")
        by_n_targets.append(value)
    gain = by_n_targets[1] - by_n_targets[0]
    _require((gain <= 1e-12).all(), "a second target far below rank k must not raise the value")


def _check_ties(metric: Metric, made: MadeUp) -> None:
    """Check the rules for metrics whose values depend on ranks or targets."""
    if not _reads_ranks(metric, made):
        _check_ignores_lists(metric, made)
        return
    for k in (2, 5):
        for second in ([], [20]):
            above = np.array([[first, *second] for first in range(12)])
            value = _value(metric, _ranking_of(above, 1, made), k)
            for first, n_tied in ((0, 12), (1, 2), (k - 1, 3)):
                tied = [n_tied, *(1 for _ in second)]
                tie = _value(metric, _ranking_of(above[[first]], tied, made), k)
                mean = value[first : first + n_tied].mean(keepdims=True)
                _require_close(tie, mean, "a tie must have the mean value over its possible ranks")
        every = np.array(list(combinations(range(6), 2)))
        orders = _value(metric, _ranking_of(every, 1, made), k)
        tie = _value(metric, _ranking_of(np.zeros((1, 2), dtype=np.int64), 6, made), k)
        rule = "targets tied with each other must have the mean value over all their orders"
        _require_close(tie, orders.mean(keepdims=True), rule)


def _check_ignores_lists(metric: Metric, made: MadeUp) -> None:
    """Check that a metric that does not read ranks does not look for targets in lists either."""
    others = np.arange(N_ITEMS - 2)
    lists = np.array([np.insert(others, place, TARGETS[0]) for place in range(12)])
    ranking = dataclasses.replace(_ranking_of(np.arange(12)[:, None], 1, made), lists=lists)
    other = Ranking(ranking.above, ranking.tied, None, lists)
    other = other.of_split(made.split(12, TARGETS[1:]))
    _require(
        np.array_equal(_value(metric, ranking, 5), _value(metric, other, 5)),
        "a metric must not look for targets in lists, where the order of ties is arbitrary; "
        "ranking.expectation averages over ties",
    )


def _value(metric: Metric, ranking: Ranking, k: int) -> Array:
    try:
        return measure(ranking, "it", metric, [k])[f"it@{k}"]
    except UnknownFeatureError:
        raise
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


def _ranking_of(above: Array, tied: npt.ArrayLike, made: MadeUp) -> Ranking:
    """Return a ranking of cases that differ only in ranks; above: (cases, targets)."""
    n_cases, n_targets = above.shape
    offsets = None if n_targets == 1 else np.arange(n_cases + 1) * n_targets
    tied = np.broadcast_to(tied, above.shape).ravel()
    lists = np.tile(np.arange(N_ITEMS, dtype=np.int32), (n_cases, 1))
    split = made.split(n_cases, TARGETS[:n_targets])
    return Ranking(above.ravel(), tied, offsets, lists).of_split(split)


def _example_rankings(made: MadeUp) -> list[Ranking]:
    """Rankings with one to three targets per case, and targets in no list.

    Scores have ties. One list is empty, one is short, and two have gaps.
    """
    random = np.random.default_rng(0)
    scores = random.integers(0, 6, (N_USERS, N_ITEMS))
    lists = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    lists[0], lists[1, 3:] = -1, -1
    lists[2, 0], lists[3, 1:4:2] = -1, -1
    rankings = []
    for n_targets in (np.ones(N_USERS, dtype=np.int64), np.arange(N_USERS) % 3 + 1):
        case, offsets = np.repeat(np.arange(N_USERS), n_targets), offsets_of(n_targets)
        targets = random.permutation(N_ITEMS)[: len(case)]
        target_scores = scores[case, targets][:, None]
        above = (scores[case] > target_scores).sum(axis=1)
        tied = (scores[case] == target_scores).sum(axis=1)
        above[case == 1], tied[case == 1] = np.iinfo(np.int32).max, 1
        users, items = random.integers(0, (N_USERS, N_ITEMS), (200, 2)).T
        users[:N_USERS] = np.arange(N_USERS)  # each has an interaction
        history = made.log(users, items)
        own = offsets if n_targets.max() > 1 else None
        split = Split(history, history, targets, offsets=offsets)
        rankings.append(Ranking(above, tied, own, lists).of_split(split))
    return rankings
