"""Outside the flow: models whose metrics are known in advance, which `selfcheck` evaluates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split


class Constant:
    """A model that gives all items the same score."""

    def fit(self, train: Interactions) -> Constant:  # noqa: ARG002
        """Learn nothing."""
        return self

    def score(self, history: Interactions) -> Array:
        """Return zeros."""
        return np.zeros((len(history), history.n_items))


class PrefersSeen(Constant):
    """A model that scores the items of the history above all others."""

    def score(self, history: Interactions) -> Array:
        """Return 1 for seen items and 0 for others."""
        scores = np.zeros((len(history), history.n_items))
        scores[np.repeat(np.arange(len(history)), history.lengths), history.items] = 1
        return scores


class Oracle(Constant):
    """A model that knows the targets of a split."""

    def __init__(self, split: Split) -> None:
        history = split.history.take(split.judged)
        self.known = {
            (user, items.tobytes()): targets
            for user, items, targets in zip(
                history.users.tolist(), history.sequences(), targets_of(split), strict=True
            )
        }

    def score(self, history: Interactions) -> Array:
        """Return positive scores for targets and 0 for others."""
        scores = np.zeros((len(history), history.n_items))
        rows = zip(history.users.tolist(), history.sequences(), strict=True)
        for row, (user, items) in enumerate(rows):
            targets = self.known.get((user, items.tobytes()), ())
            scores[row, targets] = np.arange(len(targets), 0, -1)
        return scores


class SeenFirstOracle(Oracle):
    """An oracle that scores the items of the history above the targets."""

    def score(self, history: Interactions) -> Array:
        """Return a higher score for seen items than for any target."""
        return np.asarray(super().score(history) + history.n_items * PrefersSeen().score(history))


class TyingOracle(Oracle):
    """An oracle that gives the targets and the first other unseen item the same score."""

    def score(self, history: Interactions) -> Array:
        """Return 1 for the targets and the other item, and 0 for the rest."""
        scores = super().score(history) > 0
        known = scores | (PrefersSeen().score(history) > 0)
        others = known.argmin(axis=1)
        scores[np.arange(len(scores)), others] |= ~known.all(axis=1)
        return scores.astype(np.float64)


def targets_of(split: Split) -> Iterator[Array]:
    """Yield the targets of each case."""
    items, offsets = split.judged_targets
    return (items[start:stop] for start, stop in itertools.pairwise(offsets))
