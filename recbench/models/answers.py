"""Steps 4 and 5: what a model's answers must be, and the words for it when they are not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split
from recbench.errors import RecbenchError, describe_error
from recbench.models.protocols import ModelHandle

MEMORY = 256 * 2**20
"""Bytes that one batch of scores, with what is needed to compare them, may take."""

BYTES_PER_SCORE = 10  # a double, and room for a block of them

PROBES = 4
"""How many cases a model is asked for again, in other company."""


def as_numbers(method: str, answer: Any) -> Array:
    """A model's answer as an array of numbers, which can be sent to another process.

    Raises RecbenchError, saying what it is instead.
    """
    try:
        array = np.asarray(answer)
    except Exception as error:
        raise RecbenchError(f"{method} gave {type(answer).__name__}, no array") from error
    if array.dtype.kind not in "fiu":
        raise wrong_type(method, array)
    return array


def wrong_type(method: str, array: Array) -> RecbenchError:
    """The error for an answer that holds something else than the method must give."""
    wanted = "whole numbers" if method == "recommend" else "numbers"
    return RecbenchError(f"{method} gave an array of {array.dtype}, wanted {wanted}")


def wrong_shape(method: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> RecbenchError:
    """The error for an answer of another shape than was asked for."""
    return RecbenchError(f"{method} gave shape {shape}, wanted {wanted}")


@dataclass(frozen=True)
class AnswerCheck:
    """What an answer is checked against, and what is needed to say who broke a rule, for whom.

    name: the model, and its plugin where it is known. batch: what it was asked for.
    user_ids: (n_users,) outside ids, or None.
    """

    name: str
    batch: Interactions
    user_ids: Array | None = None

    def broken(self, rule: str, row: int = 0) -> RecbenchError:
        """The error for a rule that does not hold for a row, or from the batch's first on."""
        user = int(self.batch.users[row])
        ids = self.user_ids
        user_id = f"number {user}" if ids is None or user < 0 else ids[user]
        return RecbenchError(f"{self.name}: {rule} (first for user {user_id})")

    def numbers(self, method: str, answer: Any) -> Array:
        """The answer of a method that was called by no handle, as `as_numbers` makes it."""
        try:
            return as_numbers(method, answer)
        except RecbenchError as error:
            raise self.broken(describe_error(error)) from error

    def shape(self, method: str, array: Array, wanted: tuple[int, ...]) -> None:
        """Raise RecbenchError for an array of another shape."""
        if array.shape != wanted:
            raise self.broken(str(wrong_shape(method, array.shape, wanted)))

    def scores(self, scores: Array) -> Array:
        """(rows, n_items) scores as they are ranked, or the error that says what is wrong.

        Whether they are finite is seen when they are ranked.
        """
        shape = len(self.batch), self.batch.n_items
        self.shape("score", scores, shape)
        if scores.dtype.kind == "f":
            return scores
        exact = scores.astype(np.float64)
        if scores.size and max(-exact.min(), exact.max()) >= 2**53:  # more than a double can tell
            ranks = np.unique(scores, return_inverse=True)[1]
            exact = ranks.reshape(shape).astype(np.float64)
        return exact

    def lists(self, lists: Array, k: int, mask_seen: bool) -> Array:
        """(rows, k) int64 items without repeats, or the error that says what is wrong."""
        batch = self.batch
        if lists.dtype.kind not in "iu":
            raise self.broken(str(wrong_type("recommend", lists)))
        self.shape("recommend", lists, (len(batch), k))
        lists = lists.astype(np.int64)
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
                row, _ = np.argwhere(wrong)[0]
                raise self.broken(f"{rule}: {lists[row].tolist()}", int(row))
        if mask_seen:
            pairs = np.where(listed, np.arange(len(batch))[:, None] * batch.n_items + lists, -1)
            wrong = np.isin(pairs, batch.pairs())
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                raise self.broken(
                    f"recommend gave item number {lists[row, column]}, which the history already "
                    "has; repeats are merged here, so leave seen items out",
                    int(row),
                )
        return lists


@dataclass(eq=False)
class Answers:
    """What a model answers for the judged cases, asked for batch by batch while this is iterated.

    Gives (batch, answer): histories, and (cases, n_items) scores or (cases, depth) lists for them,
    checked but for being finite, which is seen when they are ranked.

    mask_seen: lists must leave out what the history has. depth: how long lists must be.
    memory: bytes that a batch may take; where a model's scores do not depend on the batch in the
        last bit, it changes nothing but speed.
    ask_again: at the end ask for a few cases once more, in other company, and see that the
        answers are the same.
    name, user_ids: how errors call the model and its users. seconds: time spent inside the model.

    Raises RecbenchError, naming the model, the rule and the first offending user.
    """

    model: ModelHandle
    split: Split
    _: KW_ONLY
    mask_seen: bool
    depth: int
    memory: int = MEMORY
    ask_again: bool = False
    name: str = "model"
    user_ids: Array | None = None
    seconds: float = 0.0

    def __iter__(self) -> Iterator[tuple[Interactions, Array]]:
        judged, history = self.split.judged, self.split.history
        if len(judged) < len(history):
            history = history.take(judged)
        n_probes = PROBES if self.ask_again else 0
        probes = np.unique(np.linspace(0, len(judged) - 1, n_probes).astype(np.int64))
        probed: list[Array] = []
        start = 0
        size = max(1, self.memory // (BYTES_PER_SCORE * max(1, history.n_items)))
        for batch in history.batches(size):
            answer = self._ask(batch)
            here = probes[(start <= probes) & (probes < start + len(batch))]
            probed += [answer[case - start].copy() for case in here]
            start += len(batch)
            yield batch, answer
        backwards, seconds = np.arange(len(probes))[::-1], self.seconds
        for again in (backwards, backwards[:1]) if self.ask_again else ():  # in turn, and alone
            self._compare(history.take(probes[again]), np.array(probed)[again])
        self.seconds = seconds  # asking again is nothing that a model takes

    def check(self, batch: Interactions) -> AnswerCheck:
        """The words for what is wrong with the answer for a batch."""
        return AnswerCheck(self.name, batch, self.user_ids)

    def _ask(self, batch: Interactions) -> Array:
        check = self.check(batch)
        began = time.perf_counter()
        try:
            if self.model.scores:
                answer = self.model.score(batch)
            else:
                answer = self.model.recommend(batch, self.depth)
        except RecbenchError as error:
            raise check.broken(describe_error(error)) from error
        self.seconds += time.perf_counter() - began
        if self.model.scores:
            return check.scores(answer)
        return check.lists(answer, self.depth, self.mask_seen)

    def _compare(self, batch: Interactions, before: Array) -> None:
        """Raise if cases that were asked for before, in other company, are answered otherwise.

        Scores may differ by 1% of the case's spread, lists in a fifth of their items: sums in
        another order, and near ties. `recbench.testing.check_model` is stricter.
        """
        before, now = before.astype(np.float64), self._ask(batch).astype(np.float64)
        if self.model.scores:
            spread = before.max(axis=1, keepdims=True) - before.min(axis=1, keepdims=True)
            allowed = 1e-2 * spread + 1e-5 * np.abs(before).max(axis=1, keepdims=True)
            differs = ~(np.abs(before - now) <= allowed).all(axis=1)  # NaN is wrong
        else:
            shared = [np.isin(*lists).mean() for lists in zip(before, now, strict=True)]
            differs = np.array(shared) < 0.8
        if differs.any():
            kind = "scores" if self.model.scores else "lists"
            raise self.check(batch).broken(
                f"{kind} depend on the batch that a user comes in: asked again beside other rows, "
                "the answer was another",
                int(np.flatnonzero(differs)[0]),
            )


def _repeated(lists: Array) -> Array:
    """(rows, k) bool: has this item been in the row before?"""
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    repeated_in_order = np.zeros(lists.shape, dtype=bool)
    repeated_in_order[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.empty_like(repeated_in_order)
    np.put_along_axis(repeated, order, repeated_in_order, axis=1)
    return repeated
