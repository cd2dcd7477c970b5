"""Step 5, evaluate: the referee. Full ranking, seen items masked, ties by expectation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.counting import Found, NonFiniteScore, rank_pool, rank_scores
from recbench.evaluation.ranking import Ranking
from recbench.models.answers import AnswerCheck, call, checked_lists, checked_scores
from recbench.models.protocols import Scorer

PROTOCOL = 2
"""Raised whenever the referee would judge the same scores differently."""


MEMORY = 256 * 2**20
"""Bytes that one batch of scores, with what is needed to compare them, may take."""


LISTED = 10
"""How many of the best items are kept for each row, if no more are asked for."""


PROBES = 4
"""How many rows a model is asked for again, in other company."""


_BYTES_PER_SCORE = 10  # a double, and room for a block of them


@dataclass(frozen=True, eq=False)
class Evaluation:
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
    depth: int = LISTED,
    memory: int = MEMORY,
    pool: Array | None = None,
    ask_again: bool = False,
    name: str = "model",
    user_ids: Array | None = None,
) -> Evaluation:
    """Rank every target against the whole catalogue.

    model: something fitted with `score`, or with `recommend` if it has no `score`.
    mask_seen: leave the items of a row's history out of its ranking, but never its targets.
    depth: how long lists must be, for models that recommend; of those that score at least LISTED
        items a row are kept.
    memory: bytes that a batch may take. Where a model's scores do not depend on the batch in the
        last bit, it changes nothing but speed.
    pool: (judged rows, size) items, none of them a target: rank among these only. The numbers
        cannot be compared with those of full ranking.
    ask_again: ask for a few rows once more, in other company, and see that the answers are the
        same, as `recbench run` does.
    name, user_ids: how errors call the model and its users.

    Raises RecbenchError, naming the model, the rule and the first offending user, for answers of
    a wrong shape or type, scores that are not finite, lists with ids that are out of range,
    repeated or, under mask_seen, already in the history, and answers that depend on the batch
    that a row comes in.
    """
    rows = split.judged
    if not len(rows):
        raise RecbenchError("the split has no row to judge; the users' sequences are too short")
    n_items = split.train.n_items
    everything = len(rows) == len(split.history)
    history = split.history if everything else split.history.take(rows)
    targets, offsets = split.judged_targets
    scores = isinstance(model, Scorer)
    if pool is not None and not scores:
        raise RecbenchError(
            f"{name}: it gives lists, and --candidates needs the scores of items that a list "
            "may not hold; leave --candidates out"
        )
    asked = Asked(model, scores, depth, mask_seen, name, user_ids)
    listed = min(max(depth, LISTED), n_items) if scores else depth
    above = np.empty(len(targets), dtype=np.int64)
    tied = np.empty(len(targets), dtype=np.int64)
    lists = np.empty((len(rows), listed), dtype=np.int32)
    probes = np.unique(np.linspace(0, len(rows) - 1, PROBES if ask_again else 0).astype(np.int64))
    probed: list[Array] = []
    start = 0
    for batch in history.batches(max(1, memory // (_BYTES_PER_SCORE * max(1, n_items)))):
        answer, rules = asked(batch)
        stop = start + len(batch)
        part = slice(offsets[start], offsets[stop])
        here = offsets[start : stop + 1] - offsets[start]
        try:
            if not scores:
                found = _rank_lists(answer, targets[part], here)
            elif pool is not None:
                found = rank_pool(answer, targets[part], here, pool[start:stop], listed)
            else:
                masked = batch if mask_seen else None
                found = rank_scores(answer, targets[part], here, masked, listed)
        except NonFiniteScore as bad:
            value = answer[bad.row, bad.item]
            raise rules.broken(f"score {value} for item number {bad.item}", bad.row) from None
        above[part], tied[part], lists[start:stop] = found
        probed += [answer[one - start].copy() for one in probes if start <= one < stop]
        start = stop
    seconds = asked.seconds
    others = np.arange(len(probes))[::-1]
    for again in (others, others[:1]) if ask_again else ():  # the last one first, and alone
        answer, rules = asked(history.take(probes[again]))
        _same(np.array(probed)[again], answer, scores, rules)
    ranking = Ranking(
        above,
        tied,
        None if split.offsets is None else offsets,
        lists,
        split.train.popularity,
    )
    return Evaluation(ranking, n_items if scores else depth, seconds)


class Asked:
    """A model that is asked for one batch after the other, and whose answers are checked."""

    def __init__(
        self,
        model: Any,
        scores: bool,
        depth: int,
        mask_seen: bool,
        name: str,
        user_ids: Array | None,
    ) -> None:
        self.model, self.scores, self.depth, self.mask_seen = model, scores, depth, mask_seen
        self.name, self.user_ids = name, user_ids
        self.seconds = 0.0

    def __call__(self, batch: Interactions) -> tuple[Array, AnswerCheck]:
        """Its (rows, n_items) scores or (rows, depth) lists, and the words for what is wrong."""
        rules = AnswerCheck(self.name, batch, self.user_ids)
        began = time.perf_counter()
        try:
            if self.scores:
                answer = call("score", self.model.score, batch)
            else:
                answer = call("recommend", self.model.recommend, batch, self.depth)
        except RecbenchError as error:
            raise rules.broken(describe_error(error)) from error
        self.seconds += time.perf_counter() - began
        if self.scores:
            return checked_scores(answer, rules), rules
        return checked_lists(answer, self.depth, self.mask_seen, rules), rules


def _rank_lists(lists: Array, targets: Array, offsets: Array) -> Found:
    """The same for lists: a target that is not in its list counts as below everything."""
    hits = lists[np.repeat(np.arange(len(lists)), np.diff(offsets))] == targets[:, None]
    above = np.where(hits.any(axis=1), hits.argmax(axis=1), np.iinfo(np.int32).max)
    return above, np.ones(len(targets), dtype=np.int64), lists


def _same(before: Array, again: Array, scores: bool, rules: AnswerCheck) -> None:
    """Raise if rows that were asked for again, in other company, are answered otherwise.

    Scores may differ by 1% of the row's spread, lists in a fifth of their items: sums in another
    order, and near ties. `recbench.testing.check_model` is stricter.
    """
    before, again = before.astype(np.float64), again.astype(np.float64)
    if scores:
        spread = before.max(axis=1, keepdims=True) - before.min(axis=1, keepdims=True)
        allowed = 1e-2 * spread + 1e-5 * np.abs(before).max(axis=1, keepdims=True)
        wrong = ~(np.abs(before - again) <= allowed).all(axis=1)  # NaN is wrong
    else:
        shared = [np.isin(one, other).mean() for one, other in zip(before, again, strict=True)]
        wrong = np.array(shared) < 0.8
    if wrong.any():
        what = "scores" if scores else "lists"
        raise rules.broken(
            f"{what} depend on the batch that a user comes in: asked again beside other rows, the "
            "answer was another",
            int(np.flatnonzero(wrong)[0]),
        )
