"""The networks, top to bottom: ids -> embeddings -> positions -> causal attention -> scores.

Both take `items` (rows, time) and `users` (rows,), and give one vector a position: what may come
next. `output()` is the layer that turns such a vector into a score for every item.

Rows are padded on the right with any id. Attention is causal, so no position looks at what follows
it, and nobody reads what stands at the padding: no other mask is needed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .presets import Settings


class Causal(nn.Module):
    """The default: causal pre-norm Transformer with tied item embeddings (SASRec's design).

    Where `remember`, as for windows, each user has an embedding too, added to what the positions
    say: a row then shows a part of a person only. It is left out of every fifth row in training,
    which teaches what to say of somebody unknown.
    """

    def __init__(self, s: Settings, n_items: int, n_users: int, *, remember: bool) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, s.dim)
        self.positions = nn.Embedding(s.length, s.dim)
        self.users = nn.Embedding(n_users + 1, s.dim) if remember else None
        self.blocks = nn.ModuleList(Block(s) for _ in range(s.layers))
        self.norm = nn.LayerNorm(s.dim)
        self.dropout = nn.Dropout(s.dropout)
        self.bias = nn.Parameter(torch.zeros(n_items))
        for table in (self.items, self.positions):
            nn.init.normal_(table.weight, std=s.dim**-0.5)
        if self.users is not None:
            nn.init.zeros_(self.users.weight)

    def forward(self, items: Tensor, users: Tensor) -> Tensor:
        time = torch.arange(items.shape[1], device=items.device)  # (time,)
        x: Tensor = self.items(items) + self.positions(time)  # (rows, time, dim)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)  # (rows, time, dim)
        x = self.norm(x)
        if self.users is not None:
            if self.training:
                users = users.masked_fill(torch.rand(users.shape, device=users.device) < 0.2, -1)
            x = x + self.dropout(who(self.users, users))[:, None]  # (rows, time, dim)
        return x

    def output(self) -> tuple[Tensor, Tensor]:
        """Weight (n_items, dim), which are the items' own embeddings, and bias (n_items,)."""
        return self.items.weight, self.bias

    @torch.no_grad()
    def meet(self, counts: Tensor) -> None:
        """Before training: begin with each item's popularity, from counts (n_items,)."""
        self.bias.copy_(torch.log((counts + 1) / (counts + 1).sum()))

    def part(self, users: Tensor) -> None:
        """After training: who is not among `users`, those trained on, is as somebody unknown."""
        if self.users is not None:
            fill_strangers(self.users, users, self.users.weight[-1])


class Block(nn.Module):
    """Look back along the sequence, then think about each position by itself."""

    def __init__(self, s: Settings) -> None:
        super().__init__()
        self.heads = s.heads
        self.norm1, self.norm2 = nn.LayerNorm(s.dim), nn.LayerNorm(s.dim)
        self.query_key_value = nn.Linear(s.dim, 3 * s.dim)
        self.merge = nn.Linear(s.dim, s.dim)
        self.feedforward = nn.Sequential(
            nn.Linear(s.dim, s.feedforward), nn.GELU(), nn.Linear(s.feedforward, s.dim)
        )
        self.dropout = nn.Dropout(s.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attend(self.norm1(x)))  # (rows, time, dim)
        thought: Tensor = self.dropout(self.feedforward(self.norm2(x)))
        return x + thought  # (rows, time, dim)

    def attend(self, x: Tensor) -> Tensor:
        rows, time, dim = x.shape
        qkv = self.query_key_value(x).view(rows, time, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (rows, heads, time, dim / heads)
        x = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        merged: Tensor = self.merge(x.transpose(1, 2).reshape(rows, time, dim))
        return merged  # (rows, time, dim)


class Notebook(nn.Module):
    """The notebook's: post-norm encoder layers, fixed positions, and an embedding of the user."""

    def __init__(self, s: Settings, n_items: int, n_users: int) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, s.dim)
        self.users = nn.Embedding(n_users + 1, s.dim)
        layer = nn.TransformerEncoderLayer(
            s.dim, s.heads, s.feedforward, s.dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, s.layers, enable_nested_tensor=False)
        self.dropout = nn.Dropout(s.dropout)
        self.linear = nn.Linear(2 * s.dim, n_items)
        for weight in (self.items.weight, self.users.weight, self.linear.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.linear.bias)

    def forward(self, items: Tensor, users: Tensor) -> Tensor:
        time, dim = items.shape[1], self.items.embedding_dim
        x = self.items(items) * math.sqrt(dim)  # (rows, time, dim)
        x = self.dropout(x + waves(time, dim, items.device))
        ahead = torch.ones(time, time, dtype=torch.bool, device=items.device).triu(1)
        x = self.encoder(x, mask=ahead, is_causal=True)  # (rows, time, dim)
        user = who(self.users, users) * math.sqrt(dim)  # (rows, dim)
        return torch.cat([x, user[:, None].expand_as(x)], dim=-1)  # (rows, time, 2 dim)

    def output(self) -> tuple[Tensor, Tensor]:
        """Weight (n_items, 2 dim) and bias (n_items,)."""
        return self.linear.weight, self.linear.bias

    def meet(self, counts: Tensor) -> None:
        """Before training: nothing, as in the notebook."""

    def part(self, users: Tensor) -> None:
        """After training: who is not among `users`, those trained on, gets their mean embedding."""
        fill_strangers(self.users, users, self.users.weight[users].mean(dim=0))


def who(table: nn.Embedding, users: Tensor) -> Tensor:
    """(rows, dim) the users' embeddings; the table's last row is for -1 and numbers it lacks."""
    last = table.num_embeddings - 1
    known: Tensor = table(torch.where((users >= 0) & (users < last), users, last))
    return known


@torch.no_grad()
def fill_strangers(table: nn.Embedding, users: Tensor, vector: Tensor) -> None:
    """Write the vector (dim,) into every row of the table but those of `users`."""
    strangers = torch.ones(table.num_embeddings, dtype=torch.bool, device=users.device)
    strangers[users] = False
    table.weight[strangers] = vector.clone()


def waves(time: int, dim: int, device: torch.device) -> Tensor:
    """(time, dim) sinusoidal positions (Vaswani et al. 2017): even places sine, odd ones cosine."""
    position = torch.arange(time, device=device)[:, None]  # (time, 1)
    rate = torch.exp(torch.arange(0, dim, 2, device=device) * (-math.log(10_000) / dim))
    angle = position * rate  # (time, dim / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]


def build(s: Settings, n_items: int, n_users: int, *, remember: bool) -> Causal | Notebook:
    """A network with weights drawn from torch's global generator."""
    if s.network == "notebook":
        return Notebook(s, n_items, n_users)
    return Causal(s, n_items, n_users, remember=remember)
