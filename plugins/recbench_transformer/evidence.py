"""What is counted beside the network, and how the scores of both are combined.

Embeddings of this size cannot represent every pair of items that often follow each other, and the
network sees neither times nor how often an item was consumed. Counts can. Each part of the evidence
gives every item the logarithm of a share:

- rules: its share among the items that followed the latest ones of the history.
- neighbours: its share among those that were near the latest ones, before or after them.
- history: the same for the latest 200 items, whose weights fall more slowly with their age. If the
  data have times, what was near each other lately counts more.
- recent: its share of the latest interactions of all users.

The combined score is a weighted sum of these and of the network's score. Items that the history
already has also get something for how often and how lately the user had them, and for how often the
item is consumed again at all. Where nobody consumes an item twice, they get a low score. All
weights are fitted on held-out targets (`combination.py` of the plugin `recbench_rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import recbench
from recbench_rules import Rules
from recbench_rules.combination import Weights, fit_weights
from recbench_rules.counts import count_followers, normalise_rows
from recbench_rules.repeats import count_habits, features_of

from .presets import Settings

Array = npt.NDArray[Any]

NETWORK, RULES, NEIGHBOURS, HISTORY, RECENT = "network", "rules", "neighbours", "history", "recent"
REPEATS = "repeats"

START = {NETWORK: 1.0, RULES: 0.3, NEIGHBOURS: 0.3, HISTORY: 0.2, RECENT: 0.0}
"""The weights before any are fitted, and where nothing can be held out."""

REACH = {RULES: (30, 0.7), NEIGHBOURS: (30, 0.7), HISTORY: (200, 0.98)}
"""How many items of a history count, and the factor per step back (`recbench_rules.Rules`)."""

HALF_LIFE, HALF_LIFE_OF_PAIRS = 0.02, 0.1
"""After this share of the time that the data span, an interaction counts half: for what is popular,
and for what is near each other."""

SMOOTHING = 0.01
"""How much of the recent interactions is spread over all items."""

FILE = "evidence.safetensors"
COLUMNS = "data", "indices", "indptr"
"""The arrays of a sparse matrix, as they are called in the file."""

LATE = "late."
"""What the names of those of the late counts begin with."""


class Evidence:
    """The counts, and the weights of all parts. `fit` counts, `fit_weights` weighs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts: Any = None
        self.late_counts: Any = None
        self.rules: dict[str, Rules] = {}
        self.recent: Array | None = None
        self.habits: Array | None = None
        self.weights = Weights(np.empty(0, dtype=np.float32))

    def fit(self, data: recbench.Interactions, followers: Any, window: int) -> Self:
        """Count everything in the data; weights that are fitted already are kept.

        followers: (n_items, n_items), how often an item follows another (`count_followers`).
        window: how many steps apart the two are at most.
        """
        settings = self.settings
        timed = settings.recent and data.times is not None and data.n_interactions > 0
        if settings.rules:
            lateness = time_decay(data, HALF_LIFE_OF_PAIRS) if timed else None
            self._use(followers, count_followers(data, window, lateness) if timed else None)
        if timed:
            self.recent = recent_shares(data)
        if settings.repeats:
            self.habits = count_habits(data)
        if not len(self.weights.parts):
            start = self.start
            self.weights = Weights.unfitted(start, data) if settings.repeats else Weights(start)
        return self

    def _use(self, counts: Any, late_counts: Any) -> None:
        """Make the rules of counts (n_items, n_items), and of those where late pairs count more.

        late_counts: None for data without times.
        """
        near = normalise_rows((counts + counts.T).tocsr())
        shares = {RULES: normalise_rows(counts), NEIGHBOURS: near, HISTORY: near}
        if late_counts is not None:
            shares[HISTORY] = normalise_rows((late_counts + late_counts.T).tocsr())
        self.counts, self.late_counts = counts, late_counts
        for part, (length, decay) in REACH.items():
            self.rules[part] = Rules(length=length, decay=decay).use(shares[part])

    @property
    def parts(self) -> list[str]:
        """The names of the parts, the network first."""
        return [NETWORK, *self.rules, *([] if self.recent is None else [RECENT])]

    @property
    def start(self) -> Array:
        """(parts,), the weights before any are fitted."""
        return np.array([START[part] for part in self.parts], dtype=np.float32)

    def fit_weights(
        self,
        held_out: recbench.Split,
        network: Callable[[recbench.Interactions], Array],
        seed: int,
    ) -> None:
        """Fit the weights on targets that were held out from the network and the counts.

        network: returns its scores of histories.
        """

        def score(history: recbench.Interactions) -> Array:
            scores = [self._part(part, history, network) for part in self.parts]
            shape = len(history), history.n_items
            return np.stack([np.broadcast_to(each, shape) for each in scores], axis=2)

        self.weights = fit_weights(held_out, score, self.start, self.habits, seed)

    def combine(
        self, history: recbench.Interactions, network: Callable[[recbench.Interactions], Array]
    ) -> Array:
        """Return the combined scores of histories, (rows, n_items) float32."""
        weighted = self.weighted_parts(history, network)
        total: Array = next(weighted)[1]
        for _, scores in weighted:
            total += scores
        return total

    def weighted_parts(
        self, history: recbench.Interactions, network: Callable[[recbench.Interactions], Array]
    ) -> Iterator[tuple[str, Array]]:
        """Yield each part of the combined scores, which is their sum, with its name."""
        weights = self.weights
        own = self._part(NETWORK, history, network)
        yield NETWORK, own * weights.parts[0]
        for part, weight in zip(self.parts[1:], weights.parts[1:], strict=True):
            if weight:
                scores = weight * self._part(part, history, network)
                yield part, np.broadcast_to(scores, own.shape)
        if self.habits is not None:
            added = np.zeros_like(own)
            weights.add_repeats(added, own, features_of(history, self.habits))
            yield REPEATS, added

    def _part(
        self,
        part: str,
        history: recbench.Interactions,
        network: Callable[[recbench.Interactions], Array],
    ) -> Array:
        """Return the scores of one part, (rows, n_items) or (n_items,), float32."""
        if part == NETWORK:
            return log_softmax(network(history))
        if part == RECENT:
            assert self.recent is not None  # noqa: S101  else it is not a part
            return self.recent
        return self.rules[part].log_shares(history)

    def explain(
        self, history: recbench.Interactions, items: Array, network: Array, own: Array
    ) -> Array:
        """Return (len(items), n_interactions): how fast the scores change with each interaction.

        network: the same for the network's scores. own: (len(items),) these scores. What an item
        gets because the history has it belongs to the interactions with it, in equal parts.
        """
        weights = self.weights
        total = weights.parts[0] * network
        for part, weight in zip(self.parts, weights.parts, strict=True):
            if part in self.rules:
                total += weight * self.rules[part].explain_log_shares(history, items)
        if self.habits is not None:
            total += weights.explain_repeats(history, items, own, self.habits)
        weighted: Array = total.astype(np.float32)
        return weighted

    @property
    def n_parameters(self) -> int:
        """Number of counted pairs and shares that are not 0, and of weights."""
        pairs = sum(each.nnz for each in (self.counts, self.late_counts) if each is not None)
        arrays = self.recent, self.habits, self.weights.parts, self.weights.repeats
        return int(pairs) + sum(int(np.count_nonzero(each)) for each in arrays if each is not None)

    def save(self, folder: Path) -> None:
        """Write counts and weights to a file in an existing folder."""
        arrays = {
            "recent": self.recent,
            "habits": self.habits,
            "weights": self.weights.parts,
            "repeats": self.weights.repeats,
        }
        for prefix, counts in (("", self.counts), (LATE, self.late_counts)):
            if counts is not None:
                arrays |= {prefix + name: getattr(counts, name) for name in COLUMNS}
        known = {name: array for name, array in arrays.items() if array is not None}
        recbench.save_arrays(folder / FILE, known)

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote. Raises RecbenchError if the file is missing or incomplete."""
        return recbench.load_arrays(folder / FILE, "transformer", self._restore)

    def _restore(self, saved: Any) -> Self:
        if self.settings.rules:
            late = _read_counts(saved, LATE) if LATE + COLUMNS[0] in saved else None
            self._use(_read_counts(saved, ""), late)
        self.recent = saved.get("recent")
        self.habits = saved["habits"] if self.settings.repeats else None
        self.weights = Weights(saved["weights"], saved.get("repeats"))
        if len(self.weights.parts) != len(self.parts):
            raise ValueError("the weights do not belong to the counts")
        return self


def log_softmax(scores: Array) -> Array:
    """Return the logarithms of probabilities; the scores (rows, n_items) are changed."""
    scores -= scores.max(axis=1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return scores


def _read_counts(saved: Any, prefix: str) -> Any:
    from scipy.sparse import csr_matrix

    data, indices, indptr = (saved[prefix + name] for name in COLUMNS)
    n_items = len(indptr) - 1
    counts = csr_matrix((data, indices, indptr), shape=(n_items, n_items))
    counts.check_format()
    return counts


def time_decay(data: recbench.Interactions, half_life: float) -> Array:
    """Return (n_interactions,): 1 for the latest, half for each `half_life` before it.

    half_life: as a share of the time that the data span.
    """
    assert data.times is not None  # noqa: S101  callers have checked it
    age = (data.times.max() - data.times).astype(np.float64)
    weights: Array = np.exp2(-age / (half_life * max(1.0, age.max())))
    return weights


def recent_shares(data: recbench.Interactions) -> Array:
    """Return (n_items,): the logarithm of each item's share of the recent interactions.

    An interaction counts half after every `HALF_LIFE` of the time span of the data.
    """
    counts = np.bincount(data.items, time_decay(data, HALF_LIFE), minlength=data.n_items)
    shares = counts / counts.sum() + SMOOTHING / data.n_items
    logs: Array = np.log(shares / (1 + SMOOTHING)).astype(np.float32)
    return logs
