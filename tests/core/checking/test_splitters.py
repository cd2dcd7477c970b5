"""Splitters that break one rule each fail this rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import recbench
from recbench.checking import splitters
from recbench.checking.rule import outcomes
from recbench_splitters import LeaveLastOut


def broken(rules: Any, subject: Any) -> dict[str, str]:
    return {
        rule: detail for rule, outcome, detail in outcomes(rules, subject) if outcome == "failed"
    }


class Wrong(LeaveLastOut):
    """A splitter with a change of what it returns."""

    changes: Callable[[recbench.Split], Any]

    def split(self, interactions: Any) -> Any:
        return type(self).changes(super().split(interactions))


def splitter(change: Callable[[recbench.Split], Any]) -> type:
    return type("Wrong", (Wrong,), {"changes": staticmethod(change)})


def _first_seen(split: recbench.Split) -> recbench.Split:
    seen = split.history.items[split.history.offsets[:-1]]
    return recbench.Split(split.train, split.history, seen)


def _by_chance(split: recbench.Split) -> recbench.Split:
    targets = np.where(np.random.default_rng().random(len(split.targets)) < 0.5, split.targets, -1)
    return recbench.Split(split.train, split.history, targets)


@pytest.mark.parametrize(
    ("change", "rules", "detail"),
    [
        (lambda split: 3, ["split returns a Split"], "must return a recbench.Split, not .*int"),
        (
            lambda split: recbench.Split(split.train, split.history, split.targets * 0 - 1),
            ["at least one history is judged"],
            "must judge at least one history",
        ),
        (_by_chance, ["the same options and data give the same split"], r"the targets are \["),
        (
            lambda split: dataclasses.replace(
                split,
                **{
                    name: dataclasses.replace(getattr(split, name), time_unit="s")
                    for name in ("train", "history")
                },
            ),
            ["numbers of users and items and the unit of times are kept"],
            "train must have the same time_unit as the data, ms, not s",
        ),
        (
            _first_seen,
            ["no target is in its history", "targets are held out of the training data"],
            r"target of row 0 must not be in its history, but item 12 is in \[12, 13",
        ),
        (
            lambda split: dataclasses.replace(
                split, times=split.times + 1 if split.times is not None else None
            ),
            ["times of targets are those of the data"],
            r"the target item \d+ of user 0 is at \d+, not at",
        ),
    ],
)
def test_a_splitter_that_breaks_a_rule(change: Any, rules: list[str], detail: str) -> None:
    found = broken(splitters.RULES, splitters.Splitting(splitter(change)))
    assert list(found) == rules
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rules[0]])


def test_targets_of_some_users_in_the_training_data_are_found() -> None:
    class Leaks(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            split = super().split(interactions)
            last = np.isin(np.arange(interactions.n_interactions), interactions.offsets[1:] - 1)
            leaked = np.repeat(interactions.users, interactions.lengths) % 2 == 0
            return dataclasses.replace(split, train=interactions.keep(~last | leaked))

    found = broken(splitters.RULES, splitters.Splitting(Leaks))
    assert list(found) == ["targets are held out of the training data"]
    assert "but 20 of 40 are" in found["targets are held out of the training data"]


def test_a_splitter_that_writes_or_makes_up_targets_fails_one_rule() -> None:
    class Sorts(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            interactions.items.sort()
            return super().split(interactions)

    found = broken(splitters.RULES, splitters.Splitting(Sorts))
    assert list(found) == ["the interactions stay unchanged"]
    assert "it raised ValueError: sort array is read-only" in found[next(iter(found))]

    class Foreign(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            split = super().split(interactions)
            return dataclasses.replace(split, targets=np.roll(split.targets, 1))

    found = broken(splitters.RULES, splitters.Splitting(Foreign))
    assert list(found) == ["numbers of users and items and the unit of times are kept"]
    assert "targets must be items of their users" in found[next(iter(found))]


def test_a_splitter_that_changes_its_data_or_cannot_do_without_times_is_found() -> None:
    class Writes(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            object.__setattr__(interactions, "items", interactions.items[::-1])
            return super().split(interactions)

    found = broken(splitters.RULES, splitters.Splitting(Writes))
    assert found["the interactions stay unchanged"] == "split must not change the interactions"

    class NeedsTimes(LeaveLastOut):
        def split(self, interactions: Any) -> Any:
            interactions.times.max()
            return super().split(interactions)

    found = broken(splitters.RULES, splitters.Splitting(NeedsTimes))
    assert list(found) == ["data without times are split, or refused with a clear error"]


def _holding(make: Callable[[Any, Any], Any]) -> type:
    """Return a splitter whose `validation_split` is a function of (itself, interactions)."""
    return type("Holds", (LeaveLastOut,), {"validation_split": make})


def _again(self: LeaveLastOut, interactions: recbench.Interactions) -> recbench.Split:
    return self.split(self.split(interactions).train)


def _drawn_by_chance(self: LeaveLastOut, interactions: recbench.Interactions) -> recbench.Split:
    return _by_chance(_again(self, interactions))


def _in_history(self: LeaveLastOut, interactions: recbench.Interactions) -> recbench.Split:
    split = _again(self, interactions)
    last = interactions.take([3])
    return recbench.Split(split.train, last, [int(last.items[0])])


def _as_targets(self: LeaveLastOut, interactions: recbench.Interactions) -> recbench.Split:
    split = _again(self, interactions)
    return recbench.Split(split.train, split.history, self.split(interactions).targets)


@pytest.mark.parametrize(
    ("make", "detail"),
    [
        (lambda self, log: 3, "validation_split must return a recbench.Split, not int"),
        (
            lambda self, log: log.nothing,
            "or refuse the data with a RecbenchError; it raised AttributeError",
        ),
        (
            lambda self, log: dataclasses.replace(_again(self, log), train=log),
            r"must not use targets of split, but item \d+, a target of user 0, is in its train",
        ),
        (_in_history, r"item \d+, a target of user 3, is in its history"),
        (_as_targets, r"item \d+, a target of user 0, is in its targets"),
        (
            lambda self, log: dataclasses.replace(
                _again(self, log), targets=np.full(len(log), -1), times=None
            ),
            "must judge at least one history, or raise a RecbenchError",
        ),
        (_drawn_by_chance, r"the same validation targets, but they are \[.*, then \["),
        (5, "validation_split must be a method, not 5"),
    ],
)
def test_a_validation_split_that_breaks_the_rule(make: Any, detail: str) -> None:
    found = broken(splitters.RULES, splitters.Splitting(_holding(make)))
    assert list(found) == ["validation targets are not test targets, and always the same"]
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(*found.values())


def test_a_validation_split_may_be_missing_or_refuse_the_data() -> None:
    def refuse(self: LeaveLastOut, log: recbench.Interactions) -> recbench.Split:
        raise recbench.RecbenchError(f"holds: {len(log)} users are too few for validation")

    for factory, expected in (
        (_holding(_again), ("passed", "40 cases")),
        (_holding(refuse), ("passed", "refused: holds: 40 users are too few for validation")),
        (
            LeaveLastOut,
            ("passed", "split again: 40 cases"),
        ),
    ):
        *_, (_, outcome, detail) = outcomes(splitters.RULES, splitters.Splitting(factory))
        assert (outcome, detail) == expected
