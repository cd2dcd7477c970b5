"""Outside the flow: the contract of splitters, rule by rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from recbench.checking.logs import example, in_milliseconds
from recbench.checking.rule import NotApplicableError, NotRunError, Rule
from recbench.checking.subject import shortened
from recbench.code.raised import describe_raised, require
from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split
from recbench.data.validation_split import foreign_interaction, shown_target
from recbench.errors import RecbenchError, counted
from recbench.models.in_process import is_writing


class Splitting:
    """A splitter, and what it makes of a small log when it is first asked for.

    new: makes a splitter. log: times are in milliseconds, without repeats; every user has a part
    for training and one for testing, for splitters that need them. wrote: what was raised when the
    splitter wrote to the log.
    """

    def __init__(self, new: Callable[[], Any]) -> None:
        self.new = new
        log = in_milliseconds(example())
        parts = np.zeros(log.n_interactions, dtype=np.int8)
        parts[log.offsets[1:] - 1] = 2
        self.log = dataclasses.replace(log, parts=parts)
        self._split: Split | None = None
        self._failed = False
        self.wrote: Exception | None = None

    def split(self) -> Split:
        """Return the split of the log. Raises whatever is wrong with it, only once."""
        if self._failed:
            raise NotRunError("split fails")
        if self._split is None:
            self._failed = True
            splitter = self.new()
            require(
                callable(getattr(splitter, "split", None)),
                f"a splitter needs split(interactions); {type(splitter).__name__} has none",
            )
            try:
                made = splitter.split(self.log)
            except (TypeError, ValueError) as error:
                self.wrote = error if is_writing(error) else None
                raise
            require(
                isinstance(made, Split),
                f"split must return a recbench.Split, not {type(made).__name__}",
            )
            self._split, self._failed = made, False
        return self._split


def is_split(splitting: Splitting) -> str:
    """`split` returns a Split."""
    try:
        split = splitting.split()
    except (TypeError, ValueError) as error:
        if splitting.wrote is None:
            raise
        raise NotRunError("it changes the interactions") from error
    return f"{counted(len(split.train), 'sequence')} to train on"


def leaves_log(splitting: Splitting) -> str:
    """The interactions stay as they are."""
    if splitting.wrote is not None:
        raise AssertionError(
            "split must not change the interactions; copy an array before it is changed; it raised "
            f"{describe_raised(splitting.wrote)}"
        )
    before = splitting.log.fingerprint()
    splitting.split()
    splitting.new().split(splitting.log)
    require(splitting.log.fingerprint() == before, "split must not change the interactions")
    return ""


def judges_some(splitting: Splitting) -> str:
    """At least one history is judged."""
    split = splitting.split()
    require(len(split.judged), "the split must judge at least one history")
    return (
        f"{counted(len(split.judged), 'case')}, {counted(len(split.judged_targets[0]), 'target')}"
    )


def is_stable(splitting: Splitting) -> str:
    """The same options and data give the same split."""
    first, again = splitting.split(), splitting.new().split(splitting.log)
    rule = "the same options and data must give the same split"
    for name in ("train", "history"):
        old, new = getattr(first, name), getattr(again, name)
        require(old.fingerprint() == new.fingerprint(), rule, f"{name} {_changed(old, new)}")
    require(
        first.fingerprint() == again.fingerprint(),
        rule,
        f"the targets are {shortened(first.targets)}, then {shortened(again.targets)}",
    )
    return "split twice"


def _changed(old: Interactions, new: Interactions) -> str:
    """Return the first difference between two interactions."""
    if len(old) != len(new):
        return f"has {counted(len(old), 'row')}, then {len(new):,}"
    rows = zip(old.users, old.sequences(), new.users, new.sequences(), strict=True)
    for row, (user, items, other, others) in enumerate(rows):
        if user != other:
            return f"has user {user} in row {row}, then user {other}"
        if not np.array_equal(items, others):
            return f"has {shortened(items)} of user {user}, then {shortened(others)}"
    return "has other times, ratings or features"


def keeps_numbers(splitting: Splitting) -> str:
    """Users and items keep their numbers, and times their unit."""
    split, log = splitting.split(), splitting.log
    for name, interactions in (("train", split.train), ("history", split.history)):
        for what in ("n_items", "n_users"):
            require(
                getattr(interactions, what) == getattr(log, what),
                f"{name} must have the same {what} as the data: {getattr(log, what)}, not "
                f"{getattr(interactions, what)}",
            )
        require(
            interactions.times is None or interactions.time_unit == log.time_unit,
            f"{name} must have the same time_unit as the data, {log.time_unit}, not "
            f"{interactions.time_unit}; take, cut and keep keep it",
        )
        require(
            np.isin(_pairs(interactions), _pairs(log)).all(),
            f"{name} has interactions of users and items that the data do not have",
        )
    users, items = _judged_pairs(split)
    for user, item in zip(users, items, strict=True):
        require(
            user * log.n_items + item in _pairs(log),
            f"targets must be items of their users, but user {user} does not have item {item}",
        )
    return ""


def _judged_pairs(split: Split) -> tuple[Array, Array]:
    """Return the user and the item of each target."""
    users = split.history.users[split.judged][split.case_of_target]
    return users.astype(np.int64), split.judged_targets[0]


def hides_targets(splitting: Splitting) -> str:
    """No target is in its own history, as the data have no repeats."""
    split = splitting.split()
    targets, offsets = split.judged_targets
    histories = split.history.take(split.judged)
    for case, (row, items) in enumerate(zip(split.judged, histories.sequences(), strict=True)):
        own = targets[offsets[case] : offsets[case + 1]]
        for item in own:
            require(
                item not in items,
                f"the target of row {row} must not be in its history, but item {item} is in "
                f"{shortened(items)}",
            )
    return ""


def holds_out_targets(splitting: Splitting) -> str:
    """No target is among the training data of its user, unless users have several histories."""
    split = splitting.split()
    users, targets = _judged_pairs(split)
    if not len(targets):
        raise NotRunError("it judges nobody")
    learnt = np.isin(users * split.train.n_items + targets, _pairs(split.train))
    rows = split.train.users, split.history.users[split.judged]
    overlap = any(len(np.unique(own)) < len(own) for own in rows)
    first = int(np.argmax(learnt))
    require(
        not (learnt.all() if overlap else learnt.any()),
        f"targets must be held out, but {np.count_nonzero(learnt)} of {len(targets)} are in the "
        f"training data of their users, such as item {targets[first]} of user {users[first]}",
    )
    return f"{np.count_nonzero(learnt)} of {len(targets)} are there too" if learnt.any() else ""


def states_times(splitting: Splitting) -> str:
    """The times of targets are those of the data, and no history is later, if it is ordered."""
    split, log = splitting.split(), splitting.log
    if split.times is None:
        raise NotApplicableError("it states no times of targets")
    targets, offsets = split.judged_targets
    times = split.times if split.offsets is not None else split.times[split.judged]
    cases = np.repeat(np.arange(len(split.judged)), np.diff(offsets))
    histories = split.history.take(split.judged)
    users = histories.users[cases].astype(np.int64)
    known = dict(zip(_pairs(log).tolist(), np.asarray(log.times).tolist(), strict=True))
    for user, item, time in zip(users.tolist(), targets.tolist(), times.tolist(), strict=True):
        own = known.get(user * log.n_items + item)
        require(own == time, f"the target item {item} of user {user} is at {own}, not at {time}")
    if not split.ordered or histories.times is None:
        return ""
    latest = np.array([histories.times[stop - 1] for stop in histories.offsets[1:]])[cases]
    late = np.flatnonzero(latest > times)
    first = late[0] if len(late) else 0
    require(
        not len(late),
        "a history must not be later than its targets, unless the split says ordered=False, but "
        f"that of user {users[first]} ends at {latest[first]}, and its target is at {times[first]}",
    )
    return "no history is later than its targets"


def knows_no_times(splitting: Splitting) -> str:
    """Data without times are split, or refused with what to do."""
    splitting.split()
    bare = dataclasses.replace(splitting.log, times=None, time_unit="s")
    try:
        made = splitting.new().split(bare)
    except RecbenchError as error:
        return f"refused: {error}"
    except Exception as error:
        raise AssertionError(
            "data without times must be split, or refused with a RecbenchError; it raised "
            f"{describe_raised(error)}"
        ) from error
    require(isinstance(made, Split), f"without times, split returned {type(made).__name__}")
    return ""


def knows_repeats(splitting: Splitting) -> str:
    """Data in which users have an item again are split, too."""
    splitting.split()
    log = splitting.log
    items = log.items.copy()
    items[log.offsets[1:] - 1] = items[log.offsets[:-1]]  # the last is the first again
    try:
        splitting.new().split(dataclasses.replace(log, items=items))
    except RecbenchError as error:
        return f"refused: {error}"
    except Exception as error:
        raise AssertionError(
            "data with repeats must be split, or refused with a RecbenchError; it raised "
            f"{describe_raised(error)}"
        ) from error
    return ""


def validates_apart(splitting: Splitting) -> str:
    """Validation targets are no targets of `split`, and the same again."""
    split, log = splitting.split(), splitting.log
    hold_out = getattr(splitting.new(), "validation_split", None)
    if hold_out is None:
        return _splits_again(splitting, split)
    require(callable(hold_out), f"validation_split must be a method, not {hold_out!r}")
    try:
        made = hold_out(log)
    except RecbenchError as error:
        return f"refused: {error}"
    except Exception as error:
        raise AssertionError(
            "validation_split must return a recbench.Split, or refuse the data with a "
            f"RecbenchError; it raised {describe_raised(error)}"
        ) from error
    require(
        isinstance(made, Split),
        f"validation_split must return a recbench.Split, not {type(made).__name__}",
    )
    require(
        made.train.n_items == log.n_items,
        f"validation_split must keep n_items={log.n_items} of the data, not {made.train.n_items}",
    )
    shown = shown_target(log, split, made)
    require(not shown, f"validation_split must not use targets of split, but {shown}")
    require(
        len(made.judged),
        "validation_split must judge at least one history, or raise a RecbenchError",
    )
    again = splitting.new().validation_split(log)
    require(
        made.fingerprint() == again.fingerprint(),
        "the same options and data must give the same validation targets, but they are "
        f"{shortened(made.targets)}, then {shortened(again.targets)}",
    )
    return counted(len(made.judged), "case")


def _splits_again(splitting: Splitting, split: Split) -> str:
    """The training data can be split again, for validation targets."""
    try:
        made = splitting.new().split(split.train)
    except RecbenchError as error:
        return f"refused: {error}"
    except Exception as error:
        raise AssertionError(
            "training data must be split again for validation targets, or refused with a "
            f"RecbenchError; it raised {describe_raised(error)}"
        ) from error
    require(
        isinstance(made, Split), f"split must return a recbench.Split, not {type(made).__name__}"
    )
    foreign = foreign_interaction(split, made)
    require(
        not foreign,
        f"split must depend on nothing but its interactions, but split of train returned {foreign}",
    )
    return f"split again: {counted(len(made.judged), 'case')}"


def _pairs(log: Interactions) -> Any:
    """Return user and item of each interaction as one number."""
    return np.repeat(log.users, log.lengths).astype(np.int64) * log.n_items + log.items


RULES = (
    Rule("split returns a Split", is_split),
    Rule("the interactions stay unchanged", leaves_log),
    Rule("at least one history is judged", judges_some),
    Rule("the same options and data give the same split", is_stable),
    Rule("numbers of users and items and the unit of times are kept", keeps_numbers, needed=True),
    Rule("no target is in its history", hides_targets),
    Rule("targets are held out of the training data", holds_out_targets),
    Rule("times of targets are those of the data", states_times),
    Rule("data without times are split, or refused with a clear error", knows_no_times),
    Rule("data with repeats are split, or refused with a clear error", knows_repeats),
    Rule("validation targets are not test targets, and always the same", validates_apart),
)
"""What `recbench.testing.check_splitter` checks."""
