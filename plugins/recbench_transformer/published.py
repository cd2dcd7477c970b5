"""The networks of published models: `SASRec`, and `Notebook`. Shapes are as in `network.py`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import CausalAttention, Dropout, causal_mask, fill_all_but, pick, user_embedding
from .presets import Settings


class SASRec(nn.Module):
    """SASRec as published (Kang & McAuley 2018, arXiv 1808.09781), for the presets of that name.

    It differs from `Causal` in five ways. A learned vector for each position is added to the
    embeddings. Queries are made of normalised vectors, keys and values of the vectors themselves,
    and the update is added to the normalised ones. The nonlinear function is ReLU. Items have no
    bias. Where the output weights are not tied, they are a second table of items.
    """

    def __init__(self, settings: Settings, n_items: int) -> None:
        super().__init__()
        dim = settings.width
        self.items = nn.Embedding(n_items, dim)
        self.output_items = None if settings.tied else nn.Embedding(n_items, dim)
        self.positions = nn.Embedding(settings.length, dim)
        self.blocks = nn.ModuleList(SASRecBlock(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(settings.dropout_share)
        self.register_buffer("bias", torch.zeros(n_items), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        if self.output_items is not None:
            nn.init.normal_(self.output_items.weight, std=dim**-0.5)

    def forward(
        self,
        items: Tensor,
        _users: Tensor,
        scale: Tensor | None = None,
        last: Tensor | None = None,
    ) -> Tensor:
        """Return one vector per position, (rows, time, dim); arguments as for `Causal`."""
        time, dim = items.shape[1], self.items.embedding_dim
        x = self.items(items) * math.sqrt(dim)  # (rows, time, dim)
        if scale is not None:
            x = x * scale[..., None]
        x = self.dropout(x + self.positions.weight[:time])
        for block in self.blocks:
            x = block(x)
        normalised: Tensor = self.norm(x if last is None else pick(x, last))
        return normalised

    def output(self) -> tuple[Tensor, Tensor]:
        """Return the output layer: weight (n_items, dim) and bias (n_items,), which is 0."""
        table = self.items if self.output_items is None else self.output_items
        return table.weight, self.get_buffer("bias")

    @torch.no_grad()
    def init_from_counts(self, _counts: Tensor, embeddings: Tensor | None) -> None:
        """Before training, set the item embeddings (n_items, dim), unless they are None."""
        if embeddings is not None:
            self.items.weight.copy_(embeddings)

    def fill_unknown_users(self, users: Tensor) -> None:
        """Do nothing: users have no embeddings."""


class SASRecBlock(nn.Module):
    """One layer of `SASRec`: attention, then a feed-forward network on each position."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        dim, feedforward = settings.width, settings.feedforward
        self.heads = settings.heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key_value = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.attention = CausalAttention()
        self.merge_heads = nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, feedforward), nn.Linear(feedforward, dim)
        self.dropout = Dropout(settings.dropout_share)

    def forward(self, x: Tensor) -> Tensor:
        """Return x (rows, time, dim) after both steps."""
        rows, time, dim = x.shape
        normalised = self.norm1(x)
        split = (rows, time, 3, self.heads, dim // self.heads)
        qkv = torch.cat([self.query(normalised), self.key_value(x)], dim=2).view(split)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (rows, heads, time, dim / heads)
        attended = self.attention(q, k, v).transpose(1, 2).reshape(rows, time, dim)
        x = self.norm2(normalised + self.merge_heads(attended))
        update: Tensor = self.dropout(self.down(functional.relu(self.dropout(self.up(x)))))
        return x + update  # (rows, time, dim)


class Notebook(nn.Module):
    """The network of the notebook that recbench grew from, built from PyTorch's own layers.

    It differs from `Causal` in four ways. Layer normalisation follows each step (post-norm).
    Sinusoidal positions are added to the embeddings. Every user has an embedding. The output layer
    has its own weights.
    """

    def __init__(self, settings: Settings, n_items: int, n_users: int) -> None:
        super().__init__()
        dim, dropout = settings.width, settings.dropout_share
        self.items = nn.Embedding(n_items, dim)
        self.users = nn.Embedding(n_users + 1, dim)  # the last row is for unknown users
        layer = nn.TransformerEncoderLayer(
            dim, settings.heads, settings.feedforward, dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * dim, n_items)
        for weight in (self.items.weight, self.users.weight, self.linear.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self,
        items: Tensor,
        users: Tensor,
        scale: Tensor | None = None,
        last: Tensor | None = None,
    ) -> Tensor:
        """Return one vector per position, (rows, time, 2 dim); arguments as for `Causal`."""
        time, dim = items.shape[1], self.items.embedding_dim
        x = self.items(items) * math.sqrt(dim)  # (rows, time, dim)
        if scale is not None:
            x = x * scale[..., None]
        x = self.dropout(x + sinusoidal_positions(time, dim, items.device))
        x = self.encoder(x, mask=causal_mask(time, items.device), is_causal=True)
        x = x if last is None else pick(x, last)
        user = user_embedding(self.users, users) * math.sqrt(dim)  # (rows, dim)
        return torch.cat([x, user[:, None].expand_as(x)], dim=-1)  # (rows, time, 2 dim)

    def output(self) -> tuple[Tensor, Tensor]:
        """Return the output layer: weight (n_items, 2 dim) and bias (n_items,)."""
        return self.linear.weight, self.linear.bias

    def init_from_counts(self, counts: Tensor, embeddings: Tensor | None) -> None:
        """Do nothing: as in the notebook, training starts from random weights."""

    def fill_unknown_users(self, users: Tensor) -> None:
        """After training, give all users that are not in `users` the mean embedding of `users`."""
        if len(users):
            fill_all_but(self.users, users, self.users.weight[users].mean(dim=0))


def sinusoidal_positions(time: int, dim: int, device: torch.device) -> Tensor:
    """Return (time, dim) sinusoidal positions (Vaswani et al. 2017, arXiv 1706.03762).

    Even columns hold sines and odd columns cosines; a later pair of columns oscillates more slowly.
    """
    position = torch.arange(time, device=device)[:, None]  # (time, 1)
    frequency = torch.exp(torch.arange(0, dim, 2, device=device) * (-math.log(10_000) / dim))
    angle = position * frequency  # (time, dim / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]
