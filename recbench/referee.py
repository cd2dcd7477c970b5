"""Step 5, evaluate: the referee. Full ranking, seen items masked, ties by expectation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import RecbenchError
from .interactions import Array, Interactions
from .metric import Ranking
from .model import Scorer
from .split import Split

PROTOCOL = 1
"""Raised whenever the referee would judge the same scores differently."""

MEMORY = 256 * 2**20
"""Bytes that one batch of scores, with what is needed to compare them, may take."""

_BYTES_PER_SCORE = 10  # a double and two truth values


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the referee found.

    ranking: one entry a judged row, in the order of the split's judged rows.
    depth: up to which k the ranking is known: n_items, or the length of a model's lists.
    score_seconds: time spent inside the model's score or recommend.
    """

    ranking: Ranking
    depth: int
    score_seconds: float


def evaluate(
    model: Any,
    split: Split,
    *,
    mask_seen: bool,
    depth: int = 10,
    memory: int = MEMORY,
    name: str = "model",
    user_ids: Array | None = None,
) -> Verdict:
    """Rank every target against the whole catalogue.

    model: something fitted with `score`, or with `recommend` if it has no `score`.
    mask_seen: leave the items of a row's history out of its ranking, but never its target.
    depth: how long lists must be, for models that recommend.
    memory: bytes that a batch may take; it changes nothing but speed.
    name, user_ids: how errors call the model and its users.

    Raises RecbenchError, naming the model, the rule and the first offending user, for answers of
    a wrong shape or type, scores that are not finite, and lists with ids that are out of range,
    repeated or, under mask_seen, already in the history.
    """
    rows = split.judged
    if not len(rows):
        raise RecbenchError("the split has no row to judge; the users' sequences are too short")
    size = max(1, memory // (_BYTES_PER_SCORE * max(1, split.train.n_items)))
    everything = len(rows) == len(split.history)
    history = split.history if everything else split.history.take(rows)
    targets = split.targets[rows]
    above = np.empty(len(rows), dtype=np.int64)
    tied = np.empty(len(rows), dtype=np.int64)
    seconds, start = 0.0, 0
    scores = isinstance(model, Scorer)
    for batch in history.batches(size):
        part = slice(start, start + len(batch))
        began = time.perf_counter()
        answer = model.score(batch) if scores else model.recommend(batch, depth)
        seconds += time.perf_counter() - began
        rules = Rules(name, batch, user_ids)
        if scores:
            found = _judge_scores(answer, targets[part], mask_seen, rules)
        else:
            found = _judge_lists(answer, depth, targets[part], mask_seen, rules)
        above[part], tied[part] = found
        start = part.stop
    return Verdict(Ranking(above, tied), split.train.n_items if scores else depth, seconds)


@dataclass(frozen=True)
class Rules:
    """The words of an error: which model, which rule, which user."""

    name: str
    batch: Interactions
    user_ids: Array | None

    def broken(self, rule: str, row: int | None = None) -> RecbenchError:
        """The error for a rule that does not hold, for a row or for the whole batch."""
        if row is None:
            return RecbenchError(f"{self.name}: {rule}")
        user = int(self.batch.users[row])
        known = f"number {user}" if self.user_ids is None or user < 0 else self.user_ids[user]
        return RecbenchError(f"{self.name}: {rule} (first for user {known})")


def _judge_scores(
    answer: Any, targets: Array, mask_seen: bool, rules: Rules
) -> tuple[Array, Array]:
    """(rows,) items above, (rows,) items tied, target included."""
    scores = checked_scores(answer, rules)
    batch = rules.batch
    rows = np.arange(len(targets))
    wanted = scores[rows, targets][:, None]
    above = np.count_nonzero(scores > wanted, axis=1)
    tied = np.count_nonzero(scores == wanted, axis=1)
    if mask_seen:
        row, item = _seen(batch)
        not_target = item != targets[row]
        row, item = row[not_target], item[not_target]
        seen, mine = scores[row, item], wanted[row, 0]
        above -= np.bincount(row[seen > mine], minlength=len(rows))
        tied -= np.bincount(row[seen == mine], minlength=len(rows))
    return above, tied


def _judge_lists(
    answer: Any, depth: int, targets: Array, mask_seen: bool, rules: Rules
) -> tuple[Array, Array]:
    """The same for lists: a target that is not in its list counts as below everything."""
    lists = checked_lists(answer, depth, mask_seen, rules)
    hits = lists == targets[:, None]
    above = np.where(hits.any(axis=1), hits.argmax(axis=1), rules.batch.n_items)
    return above, np.ones(len(targets), dtype=np.int64)


def checked_scores(answer: Any, rules: Rules) -> Array:
    """(rows, n_items) finite numbers, or the RecbenchError that says which rule is broken."""
    scores = _array(answer, "score", "fiu", (len(rules.batch), rules.batch.n_items), rules)
    if scores.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            sums = scores.sum(axis=1, dtype=np.float64)  # finite sums prove finite parts
        if not np.isfinite(sums).all():
            bad = np.argwhere(~np.isfinite(scores))
            if len(bad):
                row, item = bad[0]
                raise rules.broken(f"score {scores[row, item]} for item number {item}", int(row))
    return scores


def checked_lists(answer: Any, depth: int, mask_seen: bool, rules: Rules) -> Array:
    """(rows, depth) item numbers without repeats, or the error that says which rule is broken."""
    batch = rules.batch
    lists = _array(answer, "recommend", "iu", (len(batch), depth), rules).astype(np.int64)
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
        row, item = _seen(batch)
        pairs = np.unique(row * batch.n_items + item)
        keys = np.where(listed, np.arange(len(batch))[:, None] * batch.n_items + lists, -1)
        wrong = np.isin(keys, pairs)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            rule = f"recommend gave item number {lists[row, column]}, which the history already has"
            raise rules.broken(
                f"{rule}; repeats are merged here, so leave seen items out", int(row)
            )
    return lists


def _array(answer: Any, method: str, kinds: str, shape: tuple[int, int], rules: Rules) -> Array:
    try:
        array = np.asarray(answer)
    except Exception as error:
        raise rules.broken(f"{method} gave {type(answer).__name__}, no array") from error
    if array.dtype.kind not in kinds:
        wanted = "numbers" if "f" in kinds else "whole numbers"
        raise rules.broken(f"{method} gave an array of {array.dtype}, wanted {wanted}")
    if array.shape != shape:
        raise rules.broken(f"{method} gave shape {array.shape}, wanted {shape}")
    return array


def _seen(batch: Interactions) -> tuple[Array, Array]:
    """Every (row, item) of the histories, once."""
    row = np.repeat(np.arange(len(batch), dtype=np.int64), batch.lengths)
    pairs = np.unique(row * batch.n_items + batch.items)
    return pairs // batch.n_items, pairs % batch.n_items


def _repeated(lists: Array) -> Array:
    """(rows, k) bool: has this item been in the row before?"""
    order = np.argsort(lists, axis=1, kind="stable")
    ordered = np.take_along_axis(lists, order, axis=1)
    again = np.zeros(lists.shape, dtype=bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    back = np.empty_like(again)
    np.put_along_axis(back, order, again, axis=1)
    return back
