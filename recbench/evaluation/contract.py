"""Step 5, evaluate: check that a metric keeps the rules, with small rankings that are made up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from recbench.code.raised import describe_raised, require
from recbench.data.interactions import Array
from recbench.data.metadata import UnknownFeatureError
from recbench.errors import RecbenchError, UsageError
from recbench.evaluation.made_up import N_ITEMS, TARGETS, MadeUp
from recbench.evaluation.measure import Metric, better_of, bounds_of, measure
from recbench.evaluation.ranking import ARRAYS, Ranking
from recbench.models.in_process import is_writing

CHANGES = "a metric must not change the ranking"


def check_rules(metric: Metric, made: MadeUp) -> None:
    """Check a metric as `check_metric` does. Raises UnknownFeatureError if a feature lacks."""
    for _, check in RULES:
        check(metric, made)


def check_ties_of(metric: Metric, made: MadeUp) -> str:
    """Ties are averaged; a metric that does not read ranks does not look for targets in lists."""
    if not reads_ranks(metric, made):
        _check_ignores_lists(metric, made)
        return "it does not depend on ranks"
    _check_ties(metric, made)
    return ""


def returns_numbers(metric: Metric, made: MadeUp) -> str:
    """Values are finite and within the bounds, one per case or a single number for all."""
    shapes = {_value(metric, ranking, k).shape for ranking, k in made.examples()}
    low, high = bounds_of(metric)
    bounds = f", from {low:g} to {high:g}" if np.isfinite([low, high]).any() else ""
    return ("a number for all cases" if () in shapes else "a number per case") + bounds


def leaves_ranking(metric: Metric, made: MadeUp) -> str:
    """A metric changes nothing in the ranking."""
    for ranking, k in made.examples():
        before = _arrays(ranking)
        _value(metric, ranking, k)
        for name, kept, array in zip(ARRAYS, before, _arrays(ranking), strict=True):
            require(np.array_equal(kept, array), f"{CHANGES}, but it changes {name}")
    return ""


def is_reproducible(metric: Metric, made: MadeUp) -> str:
    """The same ranking gets the same values."""
    for ranking, k in made.examples():
        first, again = _value(metric, ranking, k), _value(metric, ranking, k)
        require(
            np.array_equal(first, again),
            f"the same ranking must always get the same values: {_differing(first, again, k)}",
        )
    return ""


def ignores_other_cases(metric: Metric, made: MadeUp) -> str:
    """The value of a case does not depend on others, nor a single number on their order."""
    for ranking, k in made.examples():
        value, cases = _value(metric, ranking, k), np.arange(len(ranking))
        if value.ndim:
            alone = [_value(metric, ranking.take(case), k).ravel() for case in cases[:, None]]
            rule = "the value of a case must not depend on other cases"
            _require_close(np.concatenate(alone), value, rule, k)
        else:
            turned = _value(metric, ranking.take(cases[::-1]), k)
            rule = "a single number must not depend on the order of cases"
            _require_close(turned, value, rule, k)
    return ""


def ignores_form(metric: Metric, made: MadeUp) -> str:
    """Neither the order of a case's targets nor the form of the ranking matters."""
    for ranking, k in made.examples():
        above, tied, offsets, facts = ranking.above, ranking.tied, ranking.offsets, ranking.facts
        if offsets is None:
            same = dataclasses.replace(ranking, offsets=np.arange(len(above) + 1))
            rule = "with one target per case, offsets must not change the values"
        else:
            order = np.lexsort((-np.arange(len(above)), ranking.case_of_target))
            own = None if facts is None else facts.take(np.arange(len(ranking)), order)
            same = dataclasses.replace(ranking, above=above[order], tied=tied[order], facts=own)
            rule = "the order of a case's targets must not change its value"
        _require_close(_value(metric, same, k), _value(metric, ranking, k), rule, k)
    return ""


def _arrays(ranking: Ranking) -> list[Any]:
    """Return copies of the arrays of a ranking."""
    return [np.copy(getattr(ranking, name)) for name in ARRAYS]


def reads_ranks(metric: Metric, made: MadeUp) -> bool:
    """Whether the values of a metric depend on the ranks of targets."""
    values = _value(metric, made.ranking(np.arange(12)[:, None], 1), 5)
    return bool(np.ptp(values) > 0)


def prefers_better(metric: Metric, made: MadeUp) -> str:
    """A better rank never makes the value worse, if it depends on ranks."""
    if not reads_ranks(metric, made):
        return "it does not depend on ranks"
    lower = better_of(metric) == "lower"
    sign, worsen, improve = (-1, "raise", "lower") if lower else (1, "lower", "raise")
    for k in (2, 5):
        one_target, two_targets = (_by_rank(metric, made, k, second) + 0.0 for second in ([], [20]))
        for value in (one_target, two_targets):
            worse = np.flatnonzero(sign * np.diff(value) > 1e-12)
            rank = int(worse[0]) + 1 if len(worse) else 0
            require(
                not rank,
                f"a better rank must never {worsen} the value: at k={k} it is "
                f"{value[rank - 1]:.6g} at rank {rank}, {value[rank]:.6g} at rank {rank + 1}",
            )
            require(
                sign * (value[0] - value[k]) > 0,
                f"rank 1 must have a {'lower' if lower else 'higher'} value than rank k + 1: at "
                f"k={k} both have {value[0]:.6g}",
            )
        require(
            sign * (two_targets[0] - one_target[0]) <= 1e-12,
            f"a second target far below rank k must not {improve} the value: with the first at "
            f"rank 1 and k={k}, it goes from {one_target[0]:.6g} to {two_targets[0]:.6g}",
        )
    return "lower values are better" if lower else ""


def _by_rank(metric: Metric, made: MadeUp, k: int, second: list[int]) -> Array:
    """Return the values with a target at rank 1 to 12. second: how many items are above another."""
    above = np.array([[first, *second] for first in range(12)])
    return _value(metric, made.ranking(above, 1), k)


def _check_ties(metric: Metric, made: MadeUp) -> None:
    """Check the rules for metrics whose values depend on ranks."""
    for k in (2, 5):
        for second in ([], [20]):
            value = _by_rank(metric, made, k, second)
            for first, n_tied in ((0, 12), (1, 2), (k - 1, 3)):
                tied = [n_tied, *(1 for _ in second)]
                tie = _value(metric, made.ranking(np.array([[first, *second]]), tied), k)
                mean = value[first : first + n_tied].mean()
                require(
                    tie.shape == (1,) and _is_close(tie, mean),
                    "a tie must have the mean value over its possible ranks: at k="
                    f"{k}, ranks {first + 1} to {first + n_tied} have {mean:.6g}, and a tie over "
                    f"them has {np.mean(tie):.6g}",
                )
        every = np.array(list(combinations(range(6), 2)))
        mean = _value(metric, made.ranking(every, 1), k).mean()
        tie = _value(metric, made.ranking(np.zeros((1, 2), dtype=np.int64), 6), k)
        require(
            tie.shape == (1,) and _is_close(tie, mean),
            "targets tied with each other must have the mean value over all their orders: at k="
            f"{k}, two among 6 tied items have {mean:.6g}, and their tie has {np.mean(tie):.6g}",
        )


def _check_ignores_lists(metric: Metric, made: MadeUp) -> None:
    """Check that a metric that does not read ranks does not look for targets in lists either."""
    others = np.arange(N_ITEMS - 2)
    lists = np.array([np.insert(others, place, TARGETS[0]) for place in range(12)])
    ranking = dataclasses.replace(made.ranking(np.arange(12)[:, None], 1), lists=lists)
    other = Ranking(ranking.above, ranking.tied, None, lists)
    other = other.of_split(made.split(12, TARGETS[1:]))
    require(
        np.array_equal(_value(metric, ranking, 5), _value(metric, other, 5)),
        "a metric must not look for targets in lists, where the order of ties is arbitrary; "
        "ranking.expectation averages over ties",
    )


def _value(metric: Metric, ranking: Ranking, k: int) -> Array:
    try:
        return measure(ranking, "it", metric, [k])[f"it@{k}"]
    except (UnknownFeatureError, UsageError):
        raise
    except RecbenchError as error:
        raise AssertionError(f"a metric must return numbers for every ranking: {error}") from error
    except ValueError as error:
        if is_writing(error):
            raise AssertionError(f"{CHANGES}; it raised {describe_raised(error)}") from error
        raise


def _require_close(value: Array, expected: Array, rule: str, k: int) -> None:
    """Raise if the values differ by more than rounding."""
    same = value.shape == expected.shape and _is_close(value, expected)
    require(same, f"{rule}: {_differing(expected, value, k)}")


def _is_close(value: Array, expected: Array) -> bool:
    return bool(np.allclose(value, expected, rtol=1e-9, atol=1e-12))


def _differing(first: Array, second: Array, k: int) -> str:
    """Return where two values of a metric differ, for an error."""
    if first.shape != second.shape:
        return f"at k={k} the shape is {first.shape}, then {second.shape}"
    if not first.ndim:
        return f"at k={k} it is {first:.6g}, then {second:.6g}"
    case = int(np.argmax(np.abs(first - second)))
    return f"at k={k}, case {case} gets {first[case]:.6g}, then {second[case]:.6g}"


RULES: tuple[tuple[str, Callable[[Metric, MadeUp], str]], ...] = (
    ("values are finite and within the bounds, one per case or one for all", returns_numbers),
    ("the ranking stays unchanged", leaves_ranking),
    ("the same ranking gets the same values", is_reproducible),
    ("the value of a case does not depend on other cases", ignores_other_cases),
    ("the order of targets does not matter", ignores_form),
    ("ties get the mean over all orders of the tied items", check_ties_of),
    ("a better rank never makes the value worse", prefers_better),
)
"""What a metric must keep: a statement, and the function that checks it. It raises AssertionError,
or UnknownFeatureError if a feature lacks, and returns what it has found."""

NEEDED = returns_numbers, leaves_ranking, is_reproducible, ignores_other_cases
"""Those without which the checks after them tell nothing."""
