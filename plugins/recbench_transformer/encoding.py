"""Histories to vectors: what a trained network says after each row's last event."""

import numpy as np
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
