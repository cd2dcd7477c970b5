"""Step 5, evaluate: the referee. Full ranking, seen items masked, ties by expectation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recbench.data.interactions import Array
from recbench.data.split import Split
from recbench.errors import RecbenchError
from recbench.evaluation.counting import NonFiniteScore, Ranks, rank_pool, rank_scores
from recbench.evaluation.ranking import Ranking
from recbench.models.answers import MEMORY, Answers
from recbench.models.in_process import InProcessModel
from recbench.models.protocols import ModelHandle

PROTOCOL = 2
"""Raised whenever the referee would judge the same scores differently."""

LISTED = 10
"""How many of the best items are kept for each case, if no more are asked for."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the referee found.

    ranking: one entry a case, in the order of the split's judged rows.
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
    mask_seen: leave the items of a case's history out of its ranking, but never its targets.
    depth: how long lists must be, for models that recommend; of those that score at least LISTED
        items a case are kept.
    memory: bytes that a batch may take. Where a model's scores do not depend on the batch in the
        last bit, it changes nothing but speed.
    pool: (cases, size) items, none of them a target: rank among these only. The numbers cannot be
        compared with those of full ranking.
    ask_again: ask for a few cases once more, in other company, and see that the answers are the
        same, as `recbench run` does.
    name, user_ids: how errors call the model and its users.

    Raises RecbenchError, naming the model, the rule and the first offending user, for answers of
    a wrong shape or type, scores that are not finite, lists with ids that are out of range,
    repeated or, under mask_seen, already in the history, and answers that depend on the batch
    that a case comes in.
    """
    answers = Answers(
        model if isinstance(model, ModelHandle) else InProcessModel(model),
        split,
        mask_seen=mask_seen,
        depth=depth,
        memory=memory,
        ask_again=ask_again,
        name=name,
        user_ids=user_ids,
    )
    return rank_answers(answers, pool)


def rank_answers(answers: Answers, pool: Array | None = None) -> Evaluation:
    """`evaluate` for answers that the model is asked for meanwhile; pool as there."""
    split, gives_scores = answers.split, answers.model.scores
    n_cases, n_items = len(split.judged), split.train.n_items
    if not n_cases:
        raise RecbenchError("the split has no row to judge; the users' sequences are too short")
    if pool is not None and not gives_scores:
        raise RecbenchError(
            f"{answers.name}: it gives lists, and --candidates needs the scores of items that a "
            "list may not hold; leave --candidates out"
        )
    targets, offsets = split.judged_targets
    n_listed = min(max(answers.depth, LISTED), n_items) if gives_scores else answers.depth
    above = np.empty(len(targets), dtype=np.int64)
    tied = np.empty(len(targets), dtype=np.int64)
    lists = np.empty((n_cases, n_listed), dtype=np.int32)
    start = 0
    for batch, answer in answers:
        stop = start + len(batch)
        here = slice(offsets[start], offsets[stop])  # the targets of the batch
        within = offsets[start : stop + 1] - offsets[start]
        try:
            if not gives_scores:
                ranks = _rank_lists(answer, targets[here], within)
            elif pool is not None:
                ranks = rank_pool(answer, targets[here], within, pool[start:stop], n_listed)
            else:
                masked = batch if answers.mask_seen else None
                ranks = rank_scores(answer, targets[here], within, masked, n_listed)
        except NonFiniteScore as bad:
            rule = f"score {answer[bad.row, bad.item]} for item number {bad.item}"
            raise answers.check(batch).broken(rule, bad.row) from None
        above[here], tied[here], lists[start:stop] = ranks
        start = stop
    ranking = Ranking(
        above,
        tied,
        None if split.offsets is None else offsets,
        lists,
        split.train.popularity,
    )
    return Evaluation(ranking, n_items if gives_scores else answers.depth, answers.seconds)


def _rank_lists(lists: Array, targets: Array, offsets: Array) -> Ranks:
    """As `rank_scores`, by lists: a target that is not in its list is below everything."""
    hits = lists[np.repeat(np.arange(len(lists)), np.diff(offsets))] == targets[:, None]
    above = np.where(hits.any(axis=1), hits.argmax(axis=1), np.iinfo(np.int32).max)
    return above, np.ones(len(targets), dtype=np.int64), lists
