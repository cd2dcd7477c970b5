"""Validation: events that are held out of training, guessed after each epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import recbench

from .encoding import encode_histories
from .loss import MAX_SCORES
from .network import Network
from .presets import Settings

K = 10
"""Where the ranking that is validated ends."""


def hold_out(
    data: recbench.Interactions, settings: Settings, rng: np.random.Generator
) -> tuple[recbench.Interactions, recbench.Interactions]:
    """What is trained on, and the rows whose last events are to be guessed for validation.

    Rows of 3 events or more, chosen at random: `settings.held_out_rows` of them, but at most half
    where only their last event is missing from training, and at most a tenth where the whole row
    is.
    """
    only_last = settings.held_out_part == "last"
    eligible = np.flatnonzero(data.lengths >= 3)
    limit = len(eligible) // (2 if only_last else 10)
    rows = np.sort(rng.choice(eligible, min(settings.held_out_rows, limit), replace=False))
    trained_on = np.ones(data.n_interactions, dtype=bool)
    for row in rows:
        stop = data.offsets[row + 1]
        trained_on[stop - 1 if only_last else data.offsets[row] : stop] = False
    return data.keep(trained_on), data.take(rows)


@torch.no_grad()
def validate(
    network: Network, held_out: recbench.Interactions, settings: Settings, *, mask_seen: bool
) -> tuple[float, float]:
    """NDCG@10 and cross-entropy of each row's last event, given those before it: the means.

    mask_seen: whether what a row has seen is not ranked, as where nothing is consumed twice.
    """
    last = held_out.offsets[1:] - 1
    before_last = np.ones(held_out.n_interactions, dtype=bool)
    before_last[last] = False
    history = held_out.keep(before_last)
    hidden = encode_histories(network, history, settings.length)
    targets = torch.from_numpy(held_out.items[last].astype(np.int64)).to(hidden.device)
    weight, bias = network.output()
    chunk_size, ndcg, loss = max(1, MAX_SCORES // len(weight)), 0.0, 0.0
    for start, seen in enumerate(history.batches(chunk_size)):
        rows = slice(start * chunk_size, start * chunk_size + len(seen))
        scores = functional.linear(hidden[rows], weight, bias)  # (rows, n_items)
        loss += float(functional.cross_entropy(scores, targets[rows], reduction="sum"))
        target_scores = scores.gather(1, targets[rows][:, None])
        if mask_seen:
            row = np.repeat(np.arange(len(seen)), seen.lengths)
            scores[torch.from_numpy(row), torch.from_numpy(seen.items.astype(np.int64))] = -math.inf
        rank = 1 + (scores > target_scores).sum(dim=1)
        ndcg += float(torch.where(rank <= K, 1 / torch.log2(rank + 1.0), 0).sum())
    return ndcg / len(targets), loss / len(targets)


@dataclass
class Best:
    """The best validation so far, the weights that had it, and how many epochs ago it was.

    The higher NDCG@10 is better, and at the same one, as where few rows are held out, the lower
    loss.
    """

    ndcg: float = -math.inf
    loss: float = math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)
    epochs_ago: int = 0

    def update(self, ndcg: float, loss: float, network: nn.Module) -> None:
        """Take an epoch's validation, and keep its weights if none was better."""
        if (ndcg, -loss) <= (self.ndcg, -self.loss):
            self.epochs_ago += 1
            return
        self.ndcg, self.loss, self.epochs_ago = ndcg, loss, 0
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}
