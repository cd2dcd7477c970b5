"""The networks, top to bottom: ids -> embeddings -> positions -> causal attention -> scores.

Both take `items` (rows, time) and `users` (rows,), and give one vector a position that says what
may come next. `output()` is the layer that turns such vectors into a score for every item.
Rows are padded on the right with any id: attention is causal, so no position looks at what
follows it, and what stands at the padding is never used. No other mask is needed.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .presets import Settings


class Causal(nn.Module):
    """The default: pre-norm causal Transformer with tied item embeddings (SASRec's design)."""

    def __init__(self, s: Settings, n_items: int, n_users: int) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, s.dim)
        self.positions = nn.Embedding(s.length, s.dim)
        self.users = nn.Embedding(n_users + 1, s.dim)  # the last row is for unknown people
        self.blocks = nn.ModuleList(Block(s) for _ in range(s.layers))
        self.norm = nn.LayerNorm(s.dim)
        self.dropout = nn.Dropout(s.dropout)
        self.bias = nn.Parameter(torch.zeros(n_items))
        for table in (self.items, self.positions):
            nn.init.normal_(table.weight, std=s.dim**-0.5)
        nn.init.zeros_(self.users.weight)

    def forward(self, items: Tensor, users: Tensor) -> Tensor:
        time = torch.arange(items.shape[1], device=items.device)
        x = self.items(items) + self.positions(time)  # (rows, time, dim)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)  # (rows, time, dim)
        import os
        U = os.environ.get("USER_", "")
        if U == "out":
            if self.training:
                users = users.masked_fill(torch.rand(users.shape) < 0.2, -1)
            who = self.dropout(self.users(users % self.users.num_embeddings))
            return self.norm(x) + who[:, None]
        return self.norm(x)  # (rows, time, dim)

    def output(self) -> tuple[Tensor, Tensor]:
        """Weight (n_items, dim), the items' own embeddings, and bias (n_items,)."""
        return self.items.weight, self.bias


class Block(nn.Module):
    """Look back at earlier positions, then think about each position by itself."""

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
        return x + self.dropout(self.feedforward(self.norm2(x)))  # (rows, time, dim)

    def attend(self, x: Tensor) -> Tensor:
        rows, time, dim = x.shape
        qkv = self.query_key_value(x).view(rows, time, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (rows, heads, time, dim / heads)
        x = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.merge(x.transpose(1, 2).reshape(rows, time, dim))  # (rows, time, dim)


class Notebook(nn.Module):
    """The notebook's: post-norm encoder layers, fixed positions, and an embedding of the user."""

    def __init__(self, s: Settings, n_items: int, n_users: int) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, s.dim)
        self.users = nn.Embedding(n_users + 1, s.dim)  # the last row is for unknown people
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
        rows, time = items.shape
        size = self.items.embedding_dim
        x = self.items(items) * math.sqrt(size)  # (rows, time, dim)
        x = self.dropout(x + waves(time, size, items.device))  # (rows, time, dim)
        ahead = nn.Transformer.generate_square_subsequent_mask(time, items.device)  # (time, time)
        x = self.encoder(x, mask=ahead, is_causal=True)  # (rows, time, dim)
        who = self.users(users % self.users.num_embeddings) * math.sqrt(size)  # (rows, dim)
        return torch.cat([x, who[:, None].expand(rows, time, size)], dim=-1)  # (rows, time, 2 dim)

    def output(self) -> tuple[Tensor, Tensor]:
        """Weight (n_items, 2 dim) and bias (n_items,)."""
        return self.linear.weight, self.linear.bias

    @torch.no_grad()
    def introduce(self, users: Tensor) -> None:
        """Give everybody who is not among `users`, the trained ones, the mean embedding of these.

        User -1 is the table's last row.
        """
        mean = self.users.weight[users].mean(dim=0)  # (dim,)
        strangers = torch.ones(self.users.num_embeddings, dtype=torch.bool, device=users.device)
        strangers[users] = False
        self.users.weight[strangers] = mean


def waves(time: int, dim: int, device: torch.device) -> Tensor:
    """(time, dim) sinusoidal positions (Vaswani et al. 2017): sines at even places, cosines odd."""
    position = torch.arange(time, device=device)[:, None]  # (time, 1)
    rate = torch.exp(torch.arange(0, dim, 2, device=device) * (-math.log(10_000) / dim))
    angle = position * rate  # (time, dim / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]


def build(s: Settings, n_items: int, n_users: int) -> Causal | Notebook:
    """A network with weights drawn from torch's global generator."""
    return (Causal if s.network == "causal" else Notebook)(s, n_items, n_users)
