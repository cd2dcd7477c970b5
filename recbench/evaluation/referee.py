"""Step 5, evaluate: the referee, which ranks targets among all items and masks seen items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recbench.data.arrays import read_only
from recbench.data.interactions import Array
from recbench.data.split import Split
from recbench.errors import RecbenchError
from recbench.evaluation.counting import NonFiniteScore, Ranks, rank_pool, rank_scores
from recbench.evaluation.facts import count_ranked
from recbench.evaluation.ranking import Ranking
from recbench.models.answers import MEMORY, Answers
from recbench.models.in_process import InProcessModel
from recbench.models.protocols import ModelHandle
from recbench.progress import Bar

PROTOCOL = 2
"""Version of the evaluation rules, increased whenever the same scores get different ranks."""

LISTED = 10
"""Number of best items stored per case, unless more are requested."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of `evaluate`.

    Parameters
    ----------
    ranking : Ranking
        The ranks of the targets; its cases are in the order of `split.judged`.
    depth : int
        The largest cut-off k that the ranking allows: n_items, or the length of a model's lists.
    score_seconds : float
        Seconds spent inside the model's `score` or `recommend`.
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
    """Rank the targets of a split among the whole catalogue, by the scores of a fitted model.

    Parameters
    ----------
    model : object
        A fitted model with a method `score(history)`, or `recommend(history, k)` if it has no
        `score`.
    split : Split
        The histories to score and their targets.
    mask_seen : bool
        Whether to leave the items of a history out of its ranking, except for targets.
    depth : int, default: 10
        Length of the lists that a model with `recommend` must return. For a model with `score`,
        how many of the best items are stored per case, at least 10.
    memory : int, default: 268435456
        The most memory for one batch of scores, in bytes. It affects only the speed, unless a
        model's scores depend on the batch size in the last bit.
    pool : array of shape (n_cases, size), int, default: None
        Items to rank the targets among, instead of the whole catalogue; none is a target. The
        metrics are then not comparable with those of full ranking.
    ask_again : bool, default: False
        Whether to score a few cases again in other batches, and fail if the answers differ.
        `recbench run` does so.
    name : str, default: "model"
        Name of the model in errors.
    user_ids : array of shape (n_users,), default: None
        Ids of the users in errors; None for their numbers.

    Returns
    -------
    Evaluation
        `ranking` (a `Ranking`, to be passed to metrics), `depth` (int, the largest cut-off) and
        `score_seconds` (float, seconds spent inside the model).

    Raises
    ------
    RecbenchError
        If the split has no case, or if an answer breaks a rule: wrong shape or type, scores that
        are not finite, item numbers in lists that are out of range, repeated or (with mask_seen)
        in the history, answers that depend on the batch. The text names the model, the rule and
        the first user affected.

    Examples
    --------
    >>> import recbench
    >>> from recbench_metrics.ranks import hit
    >>> from recbench_popular import Popular
    >>> from recbench_splitters import LeaveLastOut
    >>> split = LeaveLastOut().split(recbench.load_dataset("synthetic").interactions)
    >>> model = Popular().fit(split.train)
    >>> evaluation = recbench.evaluate(model, split, mask_seen=True)
    >>> evaluation.ranking.above[:3].tolist()  # items that score higher than the target
    [10, 197, 156]
    >>> round(float(hit(evaluation.ranking, 10).mean()), 3)
    0.226
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


def rank_answers(
    answers: Answers, pool: Array | None = None, n_ranked: Array | None = None
) -> Evaluation:
    """Rank the answers of a model, batch by batch; pool as in `evaluate`.

    n_ranked: (cases,) what `count_ranked` returns, if it is known.
    """
    split, gives_scores = answers.split, answers.model.traits.scores
    n_cases, n_items = len(split.judged), split.train.n_items
    if not n_cases:
        raise RecbenchError(
            "the split has no case to judge, because no user has both a history and a target; "
            "use more data or another splitter"
        )
    if pool is not None and not gives_scores:
        raise RecbenchError(
            f"{answers.name}: --candidates needs a score for every item, but this model returns "
            "lists; run it without --candidates"
        )
    targets, offsets = split.judged_targets
    n_listed = min(max(answers.depth, LISTED), n_items) if gives_scores else answers.depth
    above = np.empty(len(targets), dtype=np.int64)
    tied = np.empty(len(targets), dtype=np.int64)
    lists = np.empty((n_cases, n_listed), dtype=np.int32)
    start = 0
    with Bar("scoring", n_cases, "case") as bar:
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
                score = answer[bad.row, bad.item]
                raise answers.check(batch).not_finite(score, bad.item, bad.row) from None
            above[here], tied[here], lists[start:stop] = ranks
            start = stop
            bar.step(len(batch))
    own_offsets = None if split.offsets is None else offsets
    ranking = Ranking(read_only(above), read_only(tied), own_offsets, read_only(lists))
    if n_ranked is None:
        n_ranked = count_ranked(split, mask_seen=answers.mask_seen, pool=pool)
    ranking = ranking.of_split(split, n_ranked)
    return Evaluation(ranking, n_items if gives_scores else answers.depth, answers.seconds)


def _rank_lists(lists: Array, targets: Array, offsets: Array) -> Ranks:
    """Rank targets by lists: a target that is not in its list is ranked below all items."""
    hits = lists[np.repeat(np.arange(len(lists)), np.diff(offsets))] == targets[:, None]
    above = np.where(hits.any(axis=1), hits.argmax(axis=1), np.iinfo(np.int32).max)
    return above, np.ones(len(targets), dtype=np.int64), lists
