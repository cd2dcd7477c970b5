"""Step 2, split: hold out validation targets, without using the targets of the split itself."""

from __future__ import annotations

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split
from recbench.data.splitting import build_splitter, call_splitter, prepared
from recbench.errors import RecbenchError, describe_error
from recbench.plugins import Plugins


def make_validation_split(plugins: Plugins, data: Dataset, split: str) -> tuple[str, Split, Split]:
    """Split a dataset twice; return the splitter's name, the split, and the one for validation.

    The second holds out targets in the training data of the first, or is what the splitter's own
    `validation_split` returns. It must have none of the first one's targets.

    Raises RecbenchError if it does, or if the data are too few.
    """
    splitter, name, who = build_splitter(plugins, split)
    test = call_splitter(who, data, "split", splitter.split, data.interactions)
    own = getattr(splitter, "validation_split", None)
    try:
        if callable(own):
            validation = call_splitter(who, data, "validation_split", own, data.interactions)
        else:
            again, _, _ = build_splitter(plugins, split)
            validation = call_splitter(who, data, "split", again.split, test.train)
    except RecbenchError as error:
        raise type(error)(of_validation(error)) from error
    if callable(own) and (shown := shown_target(data.interactions, test, validation)):
        raise RecbenchError(f"{who}: validation_split must not use targets of split; {shown}")
    if part := part_without_users(test, validation):
        raise RecbenchError(
            f"{who}: the validation split has unknown users (-1) in its {part}, so recbench cannot "
            "tell whether it has targets of the test; keep the users of the interactions, as take, "
            "cut and keep do"
        )
    if not callable(own) and (foreign := foreign_interaction(test, validation)):
        raise RecbenchError(
            f"{who}: to make validation targets, split was called with the training data, but what "
            f"it returned has {foreign}; let split depend on its interactions only, or add "
            "a method validation_split"
        )
    return name, prepared(test, data), prepared(validation, data)


def of_validation(error: RecbenchError) -> str:
    """Return the text of an error about validation targets, which says so."""
    text = describe_error(error)
    return text if "validation" in text else f"validation targets: {text}"


def foreign_interaction(test: Split, validation: Split) -> str:
    """Return what a split of training data has that is not in them; "" if there is nothing."""
    known = _pairs(test.train)
    for used in _parts(validation).values():
        others = np.setdiff1d(used, known)
        if len(others):
            user, item = divmod(int(others[0]), test.train.n_items)
            return f"item {item} of user {user}, which is not in them"
    if test.fingerprint() == validation.fingerprint():
        return "the same targets as before"
    return ""


def shown_target(interactions: Interactions, test: Split, validation: Split) -> str:
    """Return what a validation split must not have; "" if there is nothing.

    That is a target of the test split, or an interaction that is not in the data, which may be a
    target under another user. Targets that a user has several times are not examined.
    """
    pairs, counts = np.unique(_pairs(interactions), return_counts=True)
    held_out = np.intersect1d(_pairs_of_targets(test), pairs[counts == 1])
    for part, used in _parts(validation).items():
        for wrong, what in (
            (np.intersect1d(held_out, used), "item {item}, a target of user {user}, is in its"),
            (np.setdiff1d(used, pairs), "item {item} of user {user}, who never had it, is in its"),
        ):
            if len(wrong):
                user, item = divmod(int(wrong[0]), interactions.n_items)
                return f"{what.format(item=item, user=user)} {part}"
    return ""


def part_without_users(test: Split, validation: Split) -> str:
    """Return which part of a validation split lacks users that the test split has; "" if none."""
    for part in ("train", "history"):
        users = getattr(validation, part).users
        if (users < 0).any() and (getattr(test, part).users >= 0).all():
            return part
    return ""


def _parts(split: Split) -> dict[str, Array]:
    """Return the pairs in each part of a split, as `_pairs` does."""
    return {
        "train": _pairs(split.train),
        "history": _pairs(split.history),
        "targets": _pairs_of_targets(split),
    }


def _pairs(interactions: Interactions) -> Array:
    """Return user * n_items + item of each interaction of a known user, as int64."""
    users = np.repeat(interactions.users.astype(np.int64), interactions.lengths)
    known = users >= 0
    return users[known] * interactions.n_items + interactions.items[known]


def _pairs_of_targets(split: Split) -> Array:
    """Return user * n_items + target of each target of a known user, as int64."""
    users = split.history.users[split.judged].astype(np.int64)[split.case_of_target]
    known = users >= 0
    return users[known] * split.train.n_items + split.judged_targets[0][known]
