"""Validation: hold out interactions of the training data, and predict them after each epoch."""

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
"""The cut-off of the NDCG that decides which epoch is best."""


def hold_out(
    data: recbench.Interactions, settings: Settings, rng: np.random.Generator
) -> tuple[recbench.Interactions, recbench.Interactions]:
    """Return the data to train on, and the rows whose last interactions validation predicts.

    `settings.held_out_rows` rows with 3 or more interactions are chosen at random. They are at most
    half of such rows where only their last interaction is held out, and at most a tenth where the
    whole row is. If it is None, all such rows are chosen.
    """
    only_last = settings.held_out_part == "last"
    eligible = np.flatnonzero(data.lengths >= 3)
    limit = len(eligible) // (2 if only_last else 10)
    rows = eligible
    if settings.held_out_rows is not None:
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
    """Return the mean NDCG@10 and cross-entropy of each row's last interaction, given the others.

    mask_seen: whether the items of a row's history are left out of its ranking, which is right
        where no user consumes an item twice.
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
    """The best epoch so far: its validation NDCG@10 and loss, its weights, and how long ago it was.

    A higher NDCG@10 is better. If it is equal, which happens with few held-out rows, a lower loss
    is better.
    """

    ndcg: float = -math.inf
    loss: float = math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)
    epochs_ago: int = 0

    def update(self, ndcg: float, loss: float, network: nn.Module) -> None:
        """Record an epoch, and copy its weights if it is the best so far."""
        if (ndcg, -loss) <= (self.ndcg, -self.loss):
            self.epochs_ago += 1
            return
        self.ndcg, self.loss, self.epochs_ago = ndcg, loss, 0
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}
