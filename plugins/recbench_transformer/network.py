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
    """The default: causal pre-norm Transformer with tied item embeddings and rotary positions.

    Where `embed_users`, as for windows, each user has an embedding too, added to what the positions
    say: a row then shows a part of a person only. It is left out of every fifth row in training,
    which teaches what to say of somebody unknown.
    """

    def __init__(
        self, settings: Settings, n_items: int, n_users: int, *, embed_users: bool
    ) -> None:
        super().__init__()
        dim = settings.dim
        self.items = nn.Embedding(n_items, dim)
        self.users = nn.Embedding(n_users + 1, dim) if embed_users else None
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(settings.dropout_share)
        self.bias = nn.Parameter(torch.zeros(n_items))
        self.rotary_dim = dim // settings.heads if settings.rotary else 0
        nn.init.normal_(self.items.weight, std=dim**-0.5)
        if self.users is not None:
            nn.init.zeros_(self.users.weight)

    def forward(self, items: Tensor, users: Tensor, scale: Tensor | None = None) -> Tensor:
        x: Tensor = self.items(items)  # (rows, time, dim)
        if scale is not None:  # (rows, time): how much of each item is there, to explain by
            x = x * scale[..., None]
        x = self.dropout(x)
        time, rotary = items.shape[1], None
        if self.rotary_dim:
            rotary = rotary_positions(time, self.rotary_dim, items.device)
        for block in self.blocks:
            x = block(x, rotary)  # (rows, time, dim)
        x = self.norm(x)
        if self.users is not None:
            if self.training:
                users = users.masked_fill(torch.rand(users.shape, device=users.device) < 0.2, -1)
            x = x + self.dropout(user_embedding(self.users, users))[:, None]  # (rows, time, dim)
        return x

    def output(self) -> tuple[Tensor, Tensor]:
        """Weight (n_items, dim), which are the items' own embeddings, and bias (n_items,)."""
        return self.items.weight, self.bias

    @torch.no_grad()
    def init_from_counts(self, counts: Tensor, embeddings: Tensor | None) -> None:
        """Before training: begin with each item's popularity, from counts (n_items,).

        embeddings: (n_items, dim) to begin with as well, or None to keep those drawn at random.
        """
        self.bias.copy_(torch.log((counts + 1) / (counts + 1).sum()))
        if embeddings is not None:
            self.items.weight.copy_(embeddings)

    def fill_unknown_users(self, users: Tensor) -> None:
        """After training: who is not among `users`, those trained on, is as somebody unknown."""
        if self.users is not None:
            fill_all_but(self.users, users, self.users.weight[-1])


class Block(nn.Module):
    """Look back along the sequence, then think about each position by itself."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        dim, feedforward = settings.dim, settings.feedforward
        self.heads = settings.heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.merge_heads = nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, feedforward), nn.Linear(feedforward, dim)
        self.dropout = Dropout(settings.dropout_share)
        with torch.no_grad():  # what a block adds is small at first
            self.merge_heads.weight.mul_(0.5)
            self.down.weight.mul_(0.5)

    def forward(self, x: Tensor, rotary: Tensor | None) -> Tensor:
        x = x + self.dropout(self.attend(self.norm1(x), rotary))  # (rows, time, dim)
        update: Tensor = self.dropout(self.down(functional.gelu(self.up(self.norm2(x)))))
        return x + update  # (rows, time, dim)

    def attend(self, x: Tensor, rotary: Tensor | None) -> Tensor:
        rows, time, dim = x.shape
        qkv = self.query_key_value(x).view(rows, time, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (rows, heads, time, dim / heads)
        if rotary is not None:
            q, k = apply_rotary(q, rotary), apply_rotary(k, rotary)
        if not x.is_cuda:  # processors are slower at attention in bfloat16
            q, k, v = q.float(), k.float(), v.float()
        with torch.autocast(x.device.type, enabled=False):
            x = functional.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        merged: Tensor = self.merge_heads(x.transpose(1, 2).reshape(rows, time, dim))
        return merged  # (rows, time, dim)


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) that draws a byte a number: `share` is rounded to n / 256.

    On a processor the library's own draws one number after the other, and took an eighth of all.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.share)
        threshold = min(255, round(self.share * 256))
        noise = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        keep = noise.view(torch.uint8)[: x.numel()].view(x.shape) >= threshold
        return x * keep.to(x.dtype).mul_(256 / (256 - threshold))


class Notebook(nn.Module):
    """The notebook's: post-norm encoder layers, fixed positions, and an embedding of the user."""

    def __init__(self, settings: Settings, n_items: int, n_users: int) -> None:
        super().__init__()
        dim, dropout = settings.dim, settings.dropout_share
        self.items = nn.Embedding(n_items, dim)
        self.users = nn.Embedding(n_users + 1, dim)
        layer = nn.TransformerEncoderLayer(
            dim, settings.heads, settings.feedforward, dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * dim, n_items)
        for weight in (self.items.weight, self.users.weight, self.linear.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.linear.bias)

    def forward(self, items: Tensor, users: Tensor, scale: Tensor | None = None) -> Tensor:
        time, dim = items.shape[1], self.items.embedding_dim
        x = self.items(items) * math.sqrt(dim)  # (rows, time, dim)
        if scale is not None:
            x = x * scale[..., None]
        x = self.dropout(x + sinusoidal_positions(time, dim, items.device))
        future = torch.ones(time, time, dtype=torch.bool, device=items.device).triu(1)
        x = self.encoder(x, mask=future, is_causal=True)  # (rows, time, dim)
        user = user_embedding(self.users, users) * math.sqrt(dim)  # (rows, dim)
        return torch.cat([x, user[:, None].expand_as(x)], dim=-1)  # (rows, time, 2 dim)

    def output(self) -> tuple[Tensor, Tensor]:
        """Weight (n_items, 2 dim) and bias (n_items,)."""
        return self.linear.weight, self.linear.bias

    def init_from_counts(self, counts: Tensor, embeddings: Tensor | None) -> None:
        """Before training: nothing, as in the notebook."""

    def fill_unknown_users(self, users: Tensor) -> None:
        """After training: who is not among `users`, those trained on, gets their mean embedding."""
        fill_all_but(self.users, users, self.users.weight[users].mean(dim=0))


Network = Causal | Notebook


def user_embedding(table: nn.Embedding, users: Tensor) -> Tensor:
    """(rows, dim) the users' embeddings; the table's last row is for -1 and numbers it lacks."""
    unknown = table.num_embeddings - 1
    embedding: Tensor = table(torch.where((users >= 0) & (users < unknown), users, unknown))
    return embedding


@torch.no_grad()
def fill_all_but(table: nn.Embedding, users: Tensor, vector: Tensor) -> None:
    """Write the vector (dim,) into every row of the table but those of `users`."""
    unknown = torch.ones(table.num_embeddings, dtype=torch.bool, device=users.device)
    unknown[users] = False
    table.weight[unknown] = vector.clone()


def rotary_positions(time: int, dim: int, device: torch.device) -> Tensor:
    """(2, time, dim / 2): cosine and sine of the angle that each position turns each pair by."""
    frequency = 10_000 ** (-torch.arange(dim // 2, device=device) / max(1, dim // 2))  # (dim / 2,)
    angle = torch.arange(time, device=device)[:, None] * frequency  # (time, dim / 2)
    return torch.stack([angle.cos(), angle.sin()])


def apply_rotary(x: Tensor, rotary: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021, arXiv 2104.09864): x (rows, heads, time, dim / heads).

    Each pair of numbers is turned by its position's angle, so that the product of a query and a key
    depends on how far apart they stand, and on nothing else about where.
    """
    x1, x2 = x.chunk(2, dim=-1)  # each (rows, heads, time, dim / heads / 2)
    cosine, sine = rotary.to(x.dtype)
    return torch.cat([x1 * cosine - x2 * sine, x1 * sine + x2 * cosine], dim=-1)


def sinusoidal_positions(time: int, dim: int, device: torch.device) -> Tensor:
    """(time, dim) sinusoidal positions (Vaswani et al. 2017): even places sine, odd ones cosine."""
    position = torch.arange(time, device=device)[:, None]  # (time, 1)
    frequency = torch.exp(torch.arange(0, dim, 2, device=device) * (-math.log(10_000) / dim))
    angle = position * frequency  # (time, dim / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]


def build_network(settings: Settings, n_items: int, n_users: int, *, embed_users: bool) -> Network:
    """A network with weights drawn from torch's global generator.

    embed_users: as for `Causal`; the notebook's always does.
    """
    if settings.network == "notebook":
        return Notebook(settings, n_items, n_users)
    return Causal(settings, n_items, n_users, embed_users=embed_users)
