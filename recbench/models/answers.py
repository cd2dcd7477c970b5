"""Steps 4 and 5: what a model must not do, and the words for it when it does."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, describe_error
from recbench.progress import log


@dataclass(frozen=True)
class AnswerCheck:
    """What is needed to say who broke a rule, and for whom.

    name: the model, and its plugin where it is known. batch: what it was asked for.
    user_ids: (n_users,) outside ids, or None.
    """

    name: str
    batch: Interactions
    user_ids: Array | None = None

    def broken(self, rule: str, row: int = 0) -> RecbenchError:
        """The error for a rule that does not hold for a row, or from the batch's first on."""
        user = int(self.batch.users[row])
        who = f"number {user}" if self.user_ids is None or user < 0 else self.user_ids[user]
        return RecbenchError(f"{self.name}: {rule} (first for user {who})")

    def array(self, answer: Any, method: str, kinds: str, shape: tuple[int, int]) -> Array:
        """The answer as `fitting` makes it, or the error that names the user too."""
        try:
            return as_answer(answer, method, kinds, shape)
        except RecbenchError as error:
            raise self.broken(describe_error(error)) from error


def as_answer(answer: Any, method: str, kinds: str, shape: tuple[int, int]) -> Array:
    """A model's answer as an array of one of the kinds (numpy's letters) and of the shape.

    Raises RecbenchError, saying what it is instead.
    """
    try:
        array = np.asarray(answer)
    except Exception as error:
        raise RecbenchError(f"{method} gave {type(answer).__name__}, no array") from error
    if array.dtype.kind not in kinds:
        wanted = "numbers" if "f" in kinds else "whole numbers"
        raise RecbenchError(f"{method} gave an array of {array.dtype}, wanted {wanted}")
    if array.shape != shape:
        raise RecbenchError(f"{method} gave shape {array.shape}, wanted {shape}")
    return array


READ_ONLY = "train and histories must not be written, so copy them first"


def is_writing(error: BaseException | None) -> bool:
    """Whether an error is numpy's for writing into an array that is read-only."""
    return isinstance(error, ValueError) and bool(re.search("read-only|WRITEABLE", str(error)))


def call(
    method: str, function: Callable[..., Any], given: Interactions, *more: Any, **named: Any
) -> Any:
    """Call a model's method, and see that it leaves what it is given as it was.

    Raises RecbenchError, saying what came out of the model, or what it changed.
    """
    names = [field.name for field in dataclasses.fields(given)]
    before = [getattr(given, name) for name in names]
    try:
        answer = function(given, *more, **named)
    except (RecbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also those that are meant to end the process
        log.debug("%s failed", method, exc_info=True)
        hint = f"; {READ_ONLY}" if is_writing(error) else ""
        raise RecbenchError(f"{method} raised {describe_error(error)}{hint}") from error
    if any(getattr(given, name) is not one for name, one in zip(names, before, strict=True)):
        raise RecbenchError(f"{method} changed the interactions that it was given")
    return answer


def checked_scores(answer: Any, rules: AnswerCheck) -> Array:
    """(rows, n_items) numbers, or the RecbenchError that says which rule is broken.

    Whether they are finite is seen when they are ranked.
    """
    shape = (len(rules.batch), rules.batch.n_items)
    scores = rules.array(answer, "score", "fiu", shape)
    if scores.dtype.kind == "f":
        return scores
    exact = scores.astype(np.float64)
    if scores.size and max(-exact.min(), exact.max()) >= 2**53:  # beyond what a double tells apart
        exact = np.unique(scores, return_inverse=True)[1].reshape(shape).astype(np.float64)
    return exact


def checked_lists(answer: Any, depth: int, mask_seen: bool, rules: AnswerCheck) -> Array:
    """(rows, depth) item numbers without repeats, or the error that says which rule is broken."""
    batch = rules.batch
    lists = rules.array(answer, "recommend", "iu", (len(batch), depth)).astype(np.int64)
    listed = lists >= 0
    for rule, wrong in (
        (
            f"recommend gave an id out of [0, {batch.n_items})",
            (lists >= batch.n_items) | (lists < -1),
        ),
        ("recommend put an item behind the -1 that pads", listed[:, 1:] & ~listed[:, :-1]),
        ("recommend repeated an item", _repeated(lists) & listed),
    ):
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise rules.broken(f"{rule}: {lists[row].tolist()}", int(row))
    if mask_seen:
        keys = np.where(listed, np.arange(len(batch))[:, None] * batch.n_items + lists, -1)
        wrong = np.isin(keys, batch.pairs())
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            rule = f"recommend gave item number {lists[row, column]}, which the history already has"
            raise rules.broken(
                f"{rule}; repeats are merged here, so leave seen items out", int(row)
            )
    return lists


def _repeated(lists: Array) -> Array:
    """(rows, k) bool: has this item been in the row before?"""
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    again = np.zeros(lists.shape, dtype=bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    back = np.empty_like(again)
    np.put_along_axis(back, order, again, axis=1)
    return back
