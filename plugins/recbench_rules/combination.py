"""Combine several scores into one: weights that put held-out targets high in the ranking.

Each part scores all items: a model, a count, the logarithm of a probability. The combined score is
their weighted sum. If the parts are logarithms of probabilities, this multiplies the probabilities,
each raised to a power (a product of experts; Hinton 2002). The weights maximise the mean of
1 / log2(1 + rank) over held-out targets, which is NDCG without a cut-off. The rank counts the items
that are above the target. Here each counts by the sigmoid of how far it is above, so that the rank
has a gradient (ApproxNDCG; Qin, Liu & Li 2010).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .compared import Compared, compare_targets
from .repeats import FEATURES, Consumed, features_of, has_repeated_targets, has_repeats

Array = npt.NDArray[Any]

TEMPERATURES = 1.0, 0.5, 0.25
"""How soft the sigmoid is. Each search starts from the result of the one before."""

PENALTY = 5.0
"""The penalty is this number times the mean squared change of the weights, divided by the number of
targets. With few targets, it keeps the weights near their start."""


@dataclass(frozen=True)
class Weights:
    """How scores are combined.

    parts: (parts,), at least 0. repeats: (6,), what each feature of `repeats.py` adds to the score
    of a consumed item, and a factor of its score by the first part; None if consumed items get
    nothing extra.
    """

    parts: Array
    repeats: Array | None = None

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
        added: Array = features @ self.repeats[:-1] + self.repeats[-1] * own
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
    """Return the weights that rank the held-out targets best.

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
    for temperature in TEMPERATURES:
        found = minimize(
            lambda w, t=temperature: _loss(cases, w, start, t),
            weights,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 30},
        )
        weights = found.x
    return weights


def _loss(cases: Compared, weights: Array, start: Array, temperature: float) -> tuple[float, Array]:
    """Return minus the mean of 1 / log2(1 + rank), plus the penalty, and the gradient."""
    scores = cases.values @ weights.astype(np.float32)  # (cases, items)
    row, place = cases.rows, cases.places
    ahead = (scores[row] - scores[row, place][:, None]) / temperature  # (targets, items)
    above = 1 / (1 + np.exp(-np.clip(ahead, -50, 50)))
    rank = 1 + (above * cases.counts[row]).sum(axis=1)
    log_rank = np.log2(1 + rank)
    by_rank = -1 / (log_rank**2 * (1 + rank) * np.log(2) * len(row))  # of the mean gain
    by_ahead = by_rank[:, None] * cases.counts[row] * above * (1 - above) / temperature
    by_score = np.zeros_like(scores)
    np.add.at(by_score, row, by_ahead)
    np.add.at(by_score, (row, place), -by_ahead.sum(axis=1))
    gradient = -np.einsum("ci,cif->f", by_score, cases.values, optimize=True)
    change = weights - start
    penalty = PENALTY / len(row)
    loss = -float((1 / log_rank).mean()) + penalty * float((change**2).mean())
    return loss, gradient.astype(np.float64) + 2 * penalty * change / len(change)
