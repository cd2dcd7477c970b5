"""Attention weights: how much each position of a history attends to itself and earlier ones.

The network computes attention without returning the weights, which is faster. Here it runs over one
history, and hooks on its attention layers record the weights.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import recbench

from .build import Network, members_of
from .network import CausalAttention


@torch.no_grad()
def attention_weights(
    network: Network, history: recbench.Interactions, length: int
) -> npt.NDArray[np.float32]:
    """Return (layers, heads, n, n) float32: the weights over the latest n interactions.

    The heads are those of all networks. history: one row. n: `length`, or the number of
    interactions if it is smaller.
    """
    weight, _ = network.output()
    items = torch.from_numpy(history.items[-length:].astype(np.int64)).to(weight.device)
    users = torch.from_numpy(history.users.astype(np.int64)).to(weight.device)
    members = []
    for member in members_of(network):
        with record_attention(member.eval()) as layers:
            member(items[None], users)
        members.append(torch.stack(layers)[:, 0])
    return torch.cat(members, dim=1).float().cpu().numpy()


@contextlib.contextmanager
def record_attention(network: Network) -> Iterator[list[Tensor]]:
    """Yield a list, to which each call of the network adds the weights of each of its layers.

    Each entry is (rows, heads, time, time).
    """
    layers: list[Tensor] = []

    def compute(attention: Any, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        layers.append(attention.weights(*inputs[:2]))  # the inputs are q, k and v

    def ask(_attention: Any, inputs: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return inputs, {**options, "need_weights": True, "average_attn_weights": False}

    def read(_attention: Any, _inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        layers.append(output[1])

    with contextlib.ExitStack() as hooks:
        for module in network.modules():
            if isinstance(module, CausalAttention):
                hooks.callback(module.register_forward_hook(compute).remove)
            elif isinstance(module, nn.MultiheadAttention):  # it returns its weights on request
                hooks.callback(module.register_forward_pre_hook(ask, with_kwargs=True).remove)
                hooks.callback(module.register_forward_hook(read).remove)
        yield layers
