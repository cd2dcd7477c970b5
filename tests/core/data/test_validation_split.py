"""Validation targets: held out in the training part, and never one of the test targets."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
from helpers import plugin
from made_splits import cases, numbered_log, train_items

import recbench
from recbench import Dataset, Interactions, RecbenchError, Split, load_plugins
from recbench.data.validation_split import make_validation_split, shown_target


def _data(interactions: Interactions) -> Dataset:
    return Dataset(
        "data",
        interactions,
        np.arange(interactions.n_users),
        np.arange(interactions.n_items),
        repeats="first",
    )


LOG = numbered_log(5, 4, 2, 1)


def test_the_last_but_one_interaction_is_the_validation_target() -> None:
    name, test, validation = make_validation_split(load_plugins(), _data(LOG), "leave-one-out")
    assert name == "leave-last-out"
    assert {user: held[1] for user, held in cases(test).items()} == {0: [4], 1: [13], 2: [21]}
    shown = {user: held[:2] for user, held in cases(validation).items()}
    assert shown == {0: ([0, 1, 2], [3]), 1: ([10, 11], [12])}
    assert train_items(validation)[0] == [0, 1, 2]
    assert not {4, 13, 21} & set(validation.train.items.tolist())
    assert shown_target(LOG, test, validation) == ""


class Own:
    """Holds out the last interactions, and for validation what the test asks for."""

    def __init__(self, how: str) -> None:
        self.how = how

    def split(self, interactions: Interactions) -> Split:
        return _split("leave-last-out", interactions)

    def validation_split(self, interactions: Interactions) -> Split:
        test = self.split(interactions)
        held_out = _split("leave-last-out", test.train)
        if self.how == "train":
            return Split(interactions, held_out.history, held_out.targets)
        if self.how == "history":
            return Split(held_out.train, interactions, np.where(test.targets >= 0, 0, -1))
        if self.how == "targets":
            return Split(held_out.train, held_out.history, test.targets)
        if self.how == "unknown users":
            users = np.full(len(interactions), -1)
            every = dataclasses.replace(interactions, users=users)
            return Split(every, held_out.history, held_out.targets)
        if self.how == "other users":
            users = np.roll(interactions.users, 1)
            every = dataclasses.replace(interactions, users=users)
            return Split(every, held_out.history, held_out.targets)
        if self.how == "raises":
            raise ValueError("no validation for this")
        if self.how == "refuses":
            raise RecbenchError("too few users")
        if self.how == "none":
            return None  # type: ignore[return-value]
        return held_out


def _split(name: str, interactions: Interactions) -> Split:
    factory = next(o for o in load_plugins().offers("splitters") if o.name == name).factory
    made: Split = factory().split(interactions)
    return made


def _made(how: str) -> tuple[str, Split, Split]:
    plugins = load_plugins(mine=plugin(splitters={"own": lambda: Own(how)}))
    return make_validation_split(plugins, _data(LOG), "own")


def test_a_splitter_can_have_its_own_validation_split() -> None:
    name, test, validation = _made("good")
    assert name == "own"
    assert {user: held[1] for user, held in cases(validation).items()} == {0: [3], 1: [12]}
    assert {user: held[1] for user, held in cases(test).items()} == {0: [4], 1: [13], 2: [21]}


@pytest.mark.parametrize("part", ["train", "history", "targets"])
def test_a_validation_split_that_has_a_test_target_is_refused(part: str) -> None:
    shown = (
        "validation_split must not use targets of split; "
        f"item 4, a target of user 0, is in its {part}"
    )
    with pytest.raises(RecbenchError, match=f"^splitter own .plugin mine.: {shown}$"):
        _made(part)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        (
            "unknown users",
            "unknown users (-1) in its train, so recbench cannot tell whether it has targets of",
        ),
        (
            "other users",
            "validation_split must not use targets of split; item 10 of user 0, who never had it",
        ),
    ],
)
def test_targets_cannot_be_hidden_behind_other_users(how: str, match: str) -> None:
    with pytest.raises(RecbenchError, match=re.escape(match)):
        _made(how)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ("raises", ".*no validation for this.*"),
        ("none", ".*from validation_split; it must return a recbench.Split"),
        ("refuses", "validation targets: too few users"),
    ],
)
def test_errors_say_that_they_are_about_validation_targets(how: str, match: str) -> None:
    with pytest.raises(RecbenchError, match=f"^{match}$"):
        _made(how)


class Remembers:
    """Returns the same split for whatever it is given."""

    made: Split | None = None

    def split(self, interactions: Interactions) -> Split:
        type(self).made = type(self).made or _split("leave-last-out", interactions)
        return type(self).made


def test_a_splitter_that_remembers_its_first_answer_is_refused() -> None:
    Remembers.made = None
    plugins = load_plugins(mine=plugin(splitters={"remembers": Remembers}))
    match = "it returned has item 4 of user 0, which is not in them; let split depend on its"
    with pytest.raises(RecbenchError, match=match):
        make_validation_split(plugins, _data(LOG), "remembers")


def test_the_same_targets_are_refused_where_items_are_repeated() -> None:
    log = Interactions.from_log([0] * 4, [1, 2, 1, 2], n_items=3)
    Remembers.made = None
    plugins = load_plugins(mine=plugin(splitters={"remembers": Remembers}))
    with pytest.raises(RecbenchError, match="has the same targets as before"):
        make_validation_split(plugins, _data(log), "remembers")


def test_items_that_are_repeated_are_no_leak() -> None:
    """A target that the user has also met before may be in the training part."""
    log = Interactions.from_log([0] * 4 + [1] * 3, [1, 2, 3, 1, 5, 6, 7], n_items=8)
    data = Dataset("data", log, np.arange(2), np.arange(8), repeats="keep")
    _, test, validation = make_validation_split(load_plugins(), data, "leave-last-out")
    assert test.targets.tolist() == [1, 7]
    assert shown_target(log, test, validation) == ""
    leaky = Split(log, validation.history, validation.targets)
    assert shown_target(log, test, leaky) == "item 7, a target of user 1, is in its train"


def test_a_function_can_be_a_splitter(tmp_path: Any) -> None:
    def halves(interactions: Interactions) -> Split:
        return _split("leave-last-out", interactions)

    tuning = recbench.tune(
        ["popular"],
        "synthetic:users=40,items=30,interactions=400",
        split=halves,
        trials=1,
        in_process=True,
        results=tmp_path,
    )
    assert tuning.holds
    assert tuning.studies[0].setting.split == "halves"
