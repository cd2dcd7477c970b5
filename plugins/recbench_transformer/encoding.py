"""Histories to vectors: what a trained network says after each row's last event."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import recbench

from .network import Causal, Notebook
from .windows import grouped, padded

BUDGET = 2**14
"""Positions (padding included) that go through the network at once."""


@torch.no_grad()
def latest(network: Causal | Notebook, history: recbench.Interactions, length: int) -> Tensor:
    """(rows, width) float32, from the last `length` events of each row; zeros where it has none."""
    weight, _ = network.output()
    lengths = np.minimum(history.lengths, length)
    starts = history.offsets[1:] - lengths
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    said = torch.zeros(len(history), weight.shape[1], device=weight.device)
    network.eval()
    for group in grouped(lengths[order], BUDGET):
        rows = order[group]
        items = torch.from_numpy(padded(history.items, starts[rows], lengths[rows]))
        users = torch.from_numpy(history.users[rows].astype(np.int64))
        hidden = network(items.to(weight.device), users.to(weight.device))  # (rows, time, width)
        end = torch.from_numpy(lengths[rows] - 1).to(weight.device)
        row = torch.arange(len(rows), device=weight.device)
        said[torch.from_numpy(rows).to(weight.device)] = hidden[row, end]
    return said


def slopes(
    network: Causal | Notebook,
    history: recbench.Interactions,
    items: npt.NDArray[Any],
    length: int,
) -> npt.NDArray[np.float32]:
    """(len(items), events) how each item's score changes with how much each event is there.

    history: one row. An event's embedding is multiplied by 1, and the score is differentiated by
    that number: the gradient times the embedding. Events before the latest `length` have 0.
    """
    found = np.zeros((len(items), history.n_interactions), dtype=np.float32)
    seen = torch.from_numpy(history.items[-length:].astype(np.int64))
    if not len(seen):
        return found
    table, bias = network.output()
    shown = torch.ones(1, len(seen), device=table.device, requires_grad=True)
    user = torch.from_numpy(history.users.astype(np.int64)).to(table.device)
    said = network.eval()(seen[None].to(table.device), user, shown)[0, -1]  # (width,)
    chosen = torch.from_numpy(np.asarray(items, dtype=np.int64)).to(table.device)
    for nth, score in enumerate(table[chosen] @ said + bias[chosen]):
        slope = torch.autograd.grad(score, shown, retain_graph=True)[0]
        found[nth, -len(seen) :] = slope[0].cpu().numpy()
    return found
