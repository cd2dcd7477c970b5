"""Combine several scores into one: weights that make held-out targets probable.

Each part scores all items: a model, a count, the logarithm of a probability. The combined score is
their weighted sum, and its softmax over the items is a probability (a conditional logit; McFadden
1974). If the parts are logarithms of probabilities, this multiplies the probabilities, each raised
to a power (a product of experts; Hinton 2002).

The weights first maximise the mean log-probability of held-out targets. A few targets that no
weights would rank high have a large say in it. From there, the weights therefore maximise the mean
of p ** q / q, where p is the probability of a target (the generalised cross-entropy; Zhang &
Sabuncu 2018, arXiv 1805.07836). With it, as with NDCG, such targets count little.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .compared import Compared, compare_targets, weigh
from .repeats import FEATURES, Consumed, features_of, has_repeated_targets, has_repeats

Array = npt.NDArray[Any]

POWERS = 0.0, 0.5
"""The power q of each search; 0 is the logarithm. A search starts where the one before ended."""

PENALTY = 5.0
"""The penalty is this number times the mean squared change of the weights in a search, divided by
the number of cases. With few cases, it keeps the weights near their start."""


@dataclass(frozen=True)
class Weights:
    """How scores are combined.

    parts: (parts,), at least 0. repeats: (6,), what each feature of `repeats.py` adds to the score
    of a consumed item, and a factor of its score by the first part; None if consumed items get
    nothing extra.
    """

    parts: Array
    repeats: Array | None = None

    def __post_init__(self) -> None:
        if self.repeats is not None and len(self.repeats) != len(FEATURES) + 1:
            raise ValueError(f"there are {len(self.repeats)} weights for repeats")

    def add_repeats(self, total: Array, own: Array, consumed: Consumed) -> None:
        """Add what consumed items get for being consumed to scores (rows, n_items).

        own: (rows, n_items), the scores of the first part.
        """
        place = consumed.rows, consumed.items
        total[place] += self.of_repeats(consumed.features, own[place])

    def of_repeats(self, features: Array, own: Array) -> Array:
        """Return (n,): what consumed items with these features get for being consumed.

        own: (n,), their scores by the first part.
        """
        assert self.repeats is not None  # noqa: S101  callers have checked it
        added: Array = weigh(features, self.repeats[:-1]) + self.repeats[-1] * own
        return added

    def explain_repeats(
        self, history: recbench.Interactions, items: Array, own: Array, habits: Array
    ) -> Array:
        """Return (len(items), n_interactions): what items get because one history has them.

        It belongs to the interactions with the item, in equal parts. own: (len(items),), their
        scores by the first part.
        """
        if not history.n_interactions:
            return np.zeros((len(items), 0), dtype=np.float32)
        seen = features_of(history, habits)
        is_item = history.items == np.asarray(items)[:, None]  # (items, interactions)
        place = np.searchsorted(seen.items, items).clip(max=len(seen.items) - 1)
        added = self.of_repeats(seen.features[place], own)
        shares: Array = is_item * (added / np.maximum(1, is_item.sum(axis=1)))[:, None]
        return shares

    @classmethod
    def unfitted(cls, parts: Array, data: recbench.Interactions) -> Weights:
        """Return weights of which those for repeats follow from the data alone.

        Where the data have no repeats, a repeat gets the odds of half a repeat in all interactions.
        Where they have, items of the history get nothing extra.
        """
        repeats = np.zeros(len(FEATURES) + 1, dtype=np.float32)
        if not has_repeats(data):
            repeats[0] = np.log(0.5 / (data.n_interactions + 0.5)) * max(1.0, parts.sum())
        return cls(parts, repeats)


def fit_weights(
    held_out: recbench.Split,
    score: Callable[[recbench.Interactions], Array],
    start: Array,
    habits: Array | None,
    seed: int,
) -> Weights:
    """Return the weights with which the held-out targets are most probable.

    held_out: targets that the parts have not learned from. score: returns the parts' scores of
    histories, (rows, n_items, parts) float32. start: (parts,), where the search begins. habits:
    (n_items,), as `count_habits` returns them; None for no weights for repeats. seed: decides which
    items the targets are compared with.

    Where nobody consumes an item twice, targets included, the weights for repeats are not fitted.
    """
    consumed = None
    if habits is not None and (has_repeats(held_out.train) or has_repeated_targets(held_out)):
        consumed = functools.partial(features_of, habits=habits)
    cases = compare_targets(held_out, score, start, consumed, np.random.default_rng(seed))
    begin = start
    if consumed is not None:
        odds = np.log((cases.n_repeated + 0.5) / (cases.n_targets - cases.n_repeated + 0.5))
        begin = np.concatenate([start, [odds], np.zeros(len(FEATURES))])
    weights = maximise(cases, begin, len(start)).astype(np.float32)
    parts = weights[: len(start)]
    if consumed is not None:
        return Weights(parts, weights[len(start) :])
    return Weights(parts) if habits is None else Weights.unfitted(parts, held_out.train)


def maximise(cases: Compared, start: Array, n_parts: int) -> Array:
    """Return the best weights. The first `n_parts` are at least 0, the others any number."""
    from scipy.optimize import minimize

    weights = start.astype(np.float64)
    bounds = [(0, None)] * n_parts + [(None, None)] * (len(start) - n_parts)
    for power in POWERS:
        found = minimize(
            functools.partial(_loss, cases, start=weights, power=power),
            weights,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 100},
        )
        weights = found.x
    return weights


def _loss(cases: Compared, weights: Array, start: Array, power: float) -> tuple[float, Array]:
    """Return minus the mean of p ** power / power, plus the penalty, and the gradient.

    Each target is compared with the items of its case that are not targets. Its probability p is
    its share of the sum of exp(score). Each case counts the same, however many targets it has, as
    in the mean NDCG.
    """
    case, target = cases.case, cases.targets
    starts, n_cases = cases.offsets[:-1], len(cases.offsets) - 1
    scores = weigh(cases.values, weights.astype(np.float32))
    sizes = np.exp(scores - np.maximum.reduceat(scores, starts)[case])
    of_others = cases.counts * sizes
    tiny = np.finfo(np.float32).tiny
    of_case = np.add.reduceat(of_others, starts, dtype=np.float64)
    total = np.maximum(sizes[target] + of_case[case[target]], tiny)
    p = sizes[target] / total
    log_p = np.log(np.maximum(p, tiny))
    gain = log_p if power == 0 else np.exp(power * log_p) / power
    by_log_p = cases.shares * np.exp(power * log_p)
    by_score = -of_others * np.bincount(case[target], by_log_p / total, n_cases)[case]
    by_score[target] = by_log_p * (1 - p)
    change, penalty = weights - start, PENALTY / n_cases
    loss = -float(cases.shares @ gain) + penalty * float((change**2).mean())
    gradient = -np.einsum("i,ij->j", by_score, cases.values)
    return loss, gradient + 2 * penalty * change / len(change)
