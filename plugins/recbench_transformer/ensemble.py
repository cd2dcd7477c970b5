"""Several networks of one kind, whose scores are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from .network import Causal
from .published import Notebook, SASRec

Single = Causal | SASRec | Notebook


class Ensemble(nn.Module):
    """Networks that differ by chance: in initial weights, batches and dropout.

    Each makes mistakes of its own, so the mean of their scores is usually better than the scores of
    one (Lakshminarayanan et al. 2017, arXiv 1612.01474). Each is trained on its own.

    For everything else they are one network, whose vectors are those of all networks side by side:
    the dot product with their embeddings, side by side, is the sum of their scores.
    """

    def __init__(self, members: Sequence[Single]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def networks(self) -> list[Single]:
        """The networks."""
        return [cast("Single", member) for member in self.members]

    def forward(
        self,
        items: Tensor,
        users: Tensor,
        scale: Tensor | None = None,
        last: Tensor | None = None,
    ) -> Tensor:
        """Return the vectors of all networks, (rows, time, networks x width).

        Arguments as for `Causal`.
        """
        return torch.cat([network(items, users, scale, last) for network in self.networks], dim=2)

    def output(self) -> tuple[Tensor, Tensor]:
        """Return weight (n_items, networks x width) and bias (n_items,) of the mean score."""
        weights, biases = zip(*(network.output() for network in self.networks), strict=True)
        n = len(weights)
        return torch.cat(weights, dim=1) / n, torch.stack(biases).mean(dim=0)

    def fill_unknown_users(self, users: Tensor) -> None:
        """Give unknown users their embedding, in every network."""
        for network in self.networks:
            network.fill_unknown_users(users)
