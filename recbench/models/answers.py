"""Step 4, score: ask a model for scores or lists, and check what it returns."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split
from recbench.errors import RecbenchError, describe_error
from recbench.models.protocols import ModelHandle
from recbench.models.returned import wrong_shape, wrong_type

MEMORY = 256 * 2**20
"""The most memory, in bytes, for one batch of scores and the buffers that rank them."""

BYTES_PER_SCORE = 10  # a double, and its share of the buffers

PROBES = 4
"""How many cases are scored again, in different batches."""


def as_floats(scores: Array) -> Array:
    """Return scores as floats that are in the same order, in each row and in all rows together."""
    if scores.dtype.kind == "f":
        return scores
    exact = scores.astype(np.float64)
    if scores.size and max(-exact.min(), exact.max()) >= 2**53:  # some would be equal as doubles
        ranks = np.unique(scores, return_inverse=True)[1]
        exact = ranks.reshape(scores.shape).astype(np.float64)
    return exact


@dataclass(frozen=True)
class AnswerCheck:
    """Check answers for one batch; errors name the model, the rule and the first user affected.

    name: the model, with its plugin if known. batch: the histories that were passed to it.
    user_ids: (n_users,) ids from the dataset, or None.
    """

    name: str
    batch: Interactions
    user_ids: Array | None = None

    def broken(self, rule: str, row: int = 0) -> RecbenchError:
        """Return the error for a rule that is broken in this row, or in the whole batch."""
        user, ids = int(self.batch.users[row]), self.user_ids
        if user < 0:
            affected = "an unknown user"
        else:
            affected = f"user number {user}" if ids is None else f"user {ids[user]}"
        return RecbenchError(f"{self.name}: {rule} (first affected: {affected})")

    @contextlib.contextmanager
    def naming_the_user(self) -> Iterator[None]:
        """An error that a method of the model raises in the body gets the names, as in `broken`."""
        try:
            yield
        except RecbenchError as error:
            raise self.broken(describe_error(error)) from error

    def shape(self, method: str, array: Array, expected: tuple[int, ...]) -> None:
        """Raise RecbenchError for an array of another shape."""
        if array.shape != expected:
            raise self.broken(str(wrong_shape(method, array.shape, expected)))

    def not_finite(self, score: float, item: int, row: int = 0) -> RecbenchError:
        """Return the error for a score that is NaN or infinite."""
        hint = ""
        if score == -math.inf:
            hint = ". If -inf masks seen items, leave that to recbench"
        elif isinstance(score, np.float16):
            hint = ". The largest number of float16 is 65504: return float32"
        rule = f"score returned {score} for item number {item}; all scores must be finite{hint}"
        return self.broken(rule, row)

    def scores(self, scores: Array) -> Array:
        """Return (rows, n_items) scores, ready to be ranked. Raises RecbenchError.

        The ranking checks that they are finite.
        """
        self.shape("score", scores, (len(self.batch), self.batch.n_items))
        return as_floats(scores)

    def lists(self, lists: Array, k: int, mask_seen: bool) -> Array:
        """Return (rows, k) int64 item numbers without repeats. Raises RecbenchError."""
        batch = self.batch
        if lists.dtype.kind not in "iu":
            raise self.broken(str(wrong_type("recommend", lists)))
        self.shape("recommend", lists, (len(batch), k))
        lists = lists.astype(np.int64)
        listed = lists >= 0
        after_padding = np.zeros_like(listed)
        after_padding[:, 1:] = listed[:, 1:] & ~listed[:, :-1]
        for wrong, problem, advice in (
            (
                (lists >= batch.n_items) | (lists < -1),
                "",
                f"item numbers must be from 0 to {batch.n_items - 1}, with -1 as padding",
            ),
            (after_padding, " after the padding -1", "put -1 at the end of a list only"),
            (_repeated(lists) & listed, " twice", "list each item at most once"),
        ):
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                raise self.broken(
                    f"recommend returned item number {lists[row, column]}{problem} "
                    f"in the list {lists[row].tolist()}; {advice}",
                    int(row),
                )
        if mask_seen:
            pairs = np.where(listed, np.arange(len(batch))[:, None] * batch.n_items + lists, -1)
            wrong = np.isin(pairs, batch.pairs())
            if wrong.any():
                row, column = np.argwhere(wrong)[0]
                raise self.broken(
                    f"recommend returned item number {lists[row, column]}, which is in the user's "
                    "history; leave out items of the history, because this dataset merges repeats",
                    int(row),
                )
        return lists


@dataclass(eq=False)
class Answers:
    """The answers of a model for all cases; iterate over them to get them batch by batch.

    Yields (batch, answer): histories, and (cases, n_items) scores or (cases, depth) lists. They
    have been checked; only whether scores are finite is left to the ranking.

    mask_seen: whether lists must not contain items of the history. depth: the length of lists.
    memory: the most memory, in bytes, for one batch. It affects only the speed, unless a model's
        scores depend on the batch size in the last bit.
    ask_again: at the end, score a few cases again in different batches, and check that the answers
        are the same.
    name, user_ids: names of the model and its users for errors. seconds: time spent in the model.

    Raises a RecbenchError that names the model, the rule and the first user affected.
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
        for again in (backwards, backwards[:1]) if self.ask_again else ():  # together, alone
            self._compare(history.take(probes[again]), np.array(probed)[again])
        self.seconds = seconds  # this check is not part of the model's time

    def check(self, batch: Interactions) -> AnswerCheck:
        """Return the check of answers for a batch."""
        return AnswerCheck(self.name, batch, self.user_ids)

    def _ask(self, batch: Interactions) -> Array:
        check = self.check(batch)
        with check.naming_the_user():
            if self.model.traits.scores:
                answer = self.model.score(batch)
            else:
                answer = self.model.recommend(batch, self.depth)
        self.seconds += self.model.seconds
        if self.model.traits.scores:
            return check.scores(answer)
        return check.lists(answer, self.depth, self.mask_seen)

    def _compare(self, batch: Interactions, before: Array) -> None:
        """Raise RecbenchError if the answers in this batch differ from those before.

        Scores may differ by 1% of the case's range, and lists in a fifth of their items, because
        sums may be computed in another order, and items with nearly equal scores may swap places.
        `recbench.testing.check_model` is stricter.
        """
        before, now = before.astype(np.float64), self._ask(batch).astype(np.float64)
        if self.model.traits.scores:
            spread = before.max(axis=1, keepdims=True) - before.min(axis=1, keepdims=True)
            allowed = 1e-2 * spread + 1e-5 * np.abs(before).max(axis=1, keepdims=True)
            differs = ~(np.abs(before - now) <= allowed).all(axis=1)  # so NaN differs
        else:
            shared = [np.isin(*lists).mean() for lists in zip(before, now, strict=True)]
            differs = np.array(shared) < 0.8
        if differs.any():
            kind = "scores" if self.model.traits.scores else "lists"
            raise self.check(batch).broken(
                f"{kind} depend on the batch: the same history in a different batch got different "
                f"{kind}; compute each row from its own history only, without random numbers (and "
                "with a torch model after .eval())",
                int(np.flatnonzero(differs)[0]),
            )


def _repeated(lists: Array) -> Array:
    """(rows, k) bool: whether the item is also at an earlier place in the row."""
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    repeated_in_order = np.zeros(lists.shape, dtype=bool)
    repeated_in_order[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.empty_like(repeated_in_order)
    np.put_along_axis(repeated, order, repeated_in_order, axis=1)
    return repeated
