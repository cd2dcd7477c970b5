"""From histories to vectors: the network's output at the last position of each history."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

import recbench

from .build import Network
from .windows import group_by_length, pad

MAX_POSITIONS = 2**14
"""Maximum number of positions, including padding, that go through the network at once."""


@torch.no_grad()
def encode_histories(network: Network, history: recbench.Interactions, length: int) -> Tensor:
    """Return (rows, width) float32, from the latest `length` interactions of each history.

    An empty history gets zeros.
    """
    weight, _ = network.output()
    lengths = np.minimum(history.lengths, length)
    starts = history.offsets[1:] - lengths
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    vectors = torch.zeros(len(history), weight.shape[1], device=weight.device)
    network.eval()
    for group in group_by_length(lengths[order], MAX_POSITIONS):
        rows = order[group]
        items = torch.from_numpy(pad(history.items, starts[rows], lengths[rows]))
        users = torch.from_numpy(history.users[rows].astype(np.int64))
        last = torch.from_numpy(lengths[rows] - 1).to(weight.device)
        hidden = network(items.to(weight.device), users.to(weight.device), last=last)
        vectors[torch.from_numpy(rows).to(weight.device)] = hidden[:, 0]  # (rows, width)
    return vectors


@torch.no_grad()
def score_histories(
    network: Network, history: recbench.Interactions, length: int
) -> npt.NDArray[np.float32]:
    """Return the network's scores of all items, (rows, n_items) float32."""
    hidden = encode_histories(network, history, length)
    scores = functional.linear(hidden, *network.output())
    return scores.float().cpu().numpy()


def score_gradients(
    network: Network,
    history: recbench.Interactions,
    items: npt.NDArray[Any],
    length: int,
) -> npt.NDArray[np.float32]:
    """Return (len(items), interactions): each item's gradient times input, per interaction.

    Each interaction's embedding is multiplied by a factor of 1, and the score is differentiated
    with respect to that factor. This is the gradient times the embedding. Interactions before the
    latest `length` get 0.

    history: one row.
    """
    gradients = np.zeros((len(items), history.n_interactions), dtype=np.float32)
    latest = torch.from_numpy(history.items[-length:].astype(np.int64))
    if not len(latest):
        return gradients
    weight, bias = network.output()
    scale = torch.ones(1, len(latest), device=weight.device, requires_grad=True)
    user = torch.from_numpy(history.users.astype(np.int64)).to(weight.device)
    hidden = network.eval()(latest[None].to(weight.device), user, scale)[0, -1]  # (width,)
    chosen = torch.from_numpy(np.asarray(items, dtype=np.int64)).to(weight.device)
    for nth, score in enumerate(weight[chosen] @ hidden + bias[chosen]):
        gradient = torch.autograd.grad(score, scale, retain_graph=True)[0]
        gradients[nth, -len(latest) :] = gradient[0].cpu().numpy()
    return gradients
