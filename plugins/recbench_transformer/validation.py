"""Validation: events that are held out of training, guessed after each epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import recbench

from .encoding import latest
from .loss import SCORES
from .network import Causal, Notebook
from .presets import Settings

K = 10
"""Where the ranking that is validated ends."""


def hold_out(
    data: recbench.Interactions, s: Settings, draw: np.random.Generator
) -> tuple[recbench.Interactions, recbench.Interactions]:
    """What is trained on, and the rows whose last events are to be guessed for validation.

    Rows of 3 events or more, chosen at random: `s.held_out` of them, but at most half where only
    their last event is missing from training, and at most a tenth where the whole row is.
    """
    able = np.flatnonzero(data.lengths >= 3)
    most = len(able) // (2 if s.held == "last" else 10)
    rows = np.sort(draw.choice(able, min(s.held_out, most), replace=False))
    known = np.ones(data.n_interactions, dtype=bool)
    for row in rows:
        stop = data.offsets[row + 1]
        known[stop - 1 if s.held == "last" else data.offsets[row] : stop] = False
    return data.keep(known), data.take(rows)


@torch.no_grad()
def validate(
    network: Causal | Notebook, held: recbench.Interactions, s: Settings, *, masked: bool
) -> tuple[float, float]:
    """NDCG@10 and cross-entropy of each row's last event, given those before it: the means.

    masked: whether what a row has seen is not ranked, as where nothing is consumed twice.
    """
    known = np.ones(held.n_interactions, dtype=bool)
    known[held.offsets[1:] - 1] = False
    history = held.keep(known)
    hidden = latest(network, history, s.length)
    targets = torch.from_numpy(held.items[held.offsets[1:] - 1].astype(np.int64)).to(hidden.device)
    weight, bias = network.output()
    chunk, gain, losses = max(1, SCORES // len(weight)), 0.0, 0.0
    for start, part in enumerate(history.batches(chunk)):
        rows = slice(start * chunk, start * chunk + len(part))
        wanted = targets[rows]
        scores = functional.linear(hidden[rows], weight, bias)  # (rows, n_items)
        losses += float(functional.cross_entropy(scores, wanted, reduction="sum"))
        right = scores.gather(1, wanted[:, None])
        if masked:
            row = np.repeat(np.arange(len(part)), part.lengths)
            scores[torch.from_numpy(row), torch.from_numpy(part.items.astype(np.int64))] = -math.inf
        rank = 1 + (scores > right).sum(dim=1)
        gain += float(torch.where(rank <= K, 1 / torch.log2(rank + 1.0), 0).sum())
    return gain / len(targets), losses / len(targets)


@dataclass
class Best:
    """The best validation so far, the weights that had it, and how many epochs ago it was.

    The higher NDCG@10 is better, and at the same one, as where few rows are held out, the lower
    loss.
    """

    ndcg: float = -math.inf
    loss: float = math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)
    ago: int = 0

    def look(self, found: tuple[float, float], network: nn.Module) -> None:
        """Take an epoch's validation, and keep its weights if none was better."""
        ndcg, loss = found
        if (ndcg, -loss) <= (self.ndcg, -self.loss):
            self.ago += 1
            return
        self.ndcg, self.loss, self.ago = ndcg, loss, 0
        self.weights = {name: value.clone() for name, value in network.state_dict().items()}
