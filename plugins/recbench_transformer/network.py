"""The network, top to bottom: item ids, embeddings, positions, causal attention, scores.

It reads a batch of histories and returns one vector per position. The vector at a position predicts
the item that comes next. `output()` returns the last layer, which turns such a vector into one
score per item of the catalogue. The networks of published models are in `published.py`.

Shapes in the comments:

    rows    the histories of a batch
    time    the positions of the longest history: 0 is the oldest interaction
    dim     the numbers in an embedding

Shorter histories are padded on the right with an arbitrary item. No padding mask is needed:
attention is causal, so no real position sees the padding, and the outputs at the padding are
never used.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .presets import Settings


class Causal(nn.Module):
    """The default: a causal Transformer with tied item embeddings and rotary positions.

    The design is that of SASRec (Kang & McAuley 2018, arXiv 1808.09781), with layer normalisation
    before each step instead of after it (pre-norm; Xiong et al. 2020, arXiv 2002.04745).

    embed_users: whether each user has an embedding too, which is added to the output of every
        position. This helps where a row shows only part of a user's sequence, as with windows. In
        training, one row in five is treated as an unknown user, so that the network also learns
        to recommend to users that it has never seen.
    """

    def __init__(
        self, settings: Settings, n_items: int, n_users: int, *, embed_users: bool
    ) -> None:
        super().__init__()
        dim = settings.width
        self.items = nn.Embedding(n_items, dim)
        self.users = nn.Embedding(n_users + 1, dim) if embed_users else None  # last: unknown users
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(settings.dropout_share)
        self.bias = nn.Parameter(torch.zeros(n_items))
        self.rotary_dim = dim // settings.heads if settings.rotary else 0
        nn.init.normal_(self.items.weight, std=dim**-0.5)
        if self.users is not None:
            nn.init.zeros_(self.users.weight)

    def forward(
        self,
        items: Tensor,
        users: Tensor,
        scale: Tensor | None = None,
        last: Tensor | None = None,
    ) -> Tensor:
        """Return one vector per position, (rows, time, dim).

        items: (rows, time) item numbers. users: (rows,) user numbers, -1 for unknown users.
        scale: (rows, time) factors for the item embeddings, 1 if None. `score_gradients`
            differentiates a score with respect to them, to explain the score.
        last: (rows,) the only position of each row that is wanted; the result is then
            (rows, 1, dim), and the last block does no work for the others.
        """
        x: Tensor = self.items(items)  # look up an embedding per item: (rows, time, dim)
        if scale is not None:
            x = x * scale[..., None]
        x = self.dropout(x)
        time, rotary = items.shape[1], None
        if self.rotary_dim:
            rotary = rotary_positions(time, self.rotary_dim, items.device)
        *first, final = self.blocks
        for block in first:
            x = block(x, rotary)  # (rows, time, dim)
        x = self.norm(final(x, rotary, last))
        if self.users is not None:
            if self.training:
                users = users.masked_fill(torch.rand(users.shape, device=users.device) < 0.2, -1)
            x = x + self.dropout(user_embedding(self.users, users))[:, None]  # (rows, time, dim)
        return x

    def output(self) -> tuple[Tensor, Tensor]:
        """Return the output layer: weight (n_items, dim) and bias (n_items,).

        The score of an item is the dot product of a position's vector with the item's weight, plus
        the item's bias. The weights are the item embeddings of the input (weight tying;
        Press & Wolf 2017, arXiv 1608.05859): fewer numbers to learn, and each interaction trains
        both uses of an embedding.
        """
        return self.items.weight, self.bias

    @torch.no_grad()
    def init_from_counts(self, counts: Tensor, embeddings: Tensor | None) -> None:
        """Before training, set each bias to the logarithm of the item's popularity.

        counts: (n_items,) interactions of each item.
        embeddings: (n_items, dim) initial item embeddings; None keeps the random ones.
        """
        self.bias.copy_(torch.log((counts + 1) / (counts + 1).sum()))
        if embeddings is not None:
            self.items.weight.copy_(embeddings)

    def fill_unknown_users(self, users: Tensor) -> None:
        """After training, give all users that are not in `users` the unknown user's embedding."""
        if self.users is not None:
            fill_all_but(self.users, users, self.users.weight[-1])


class Block(nn.Module):
    """One layer: attention mixes positions, then a feed-forward network works on each of them.

    Both are residual connections (He et al. 2016, arXiv 1512.03385): a step computes an update
    and adds it to `x`, so a block can refine a vector without losing what it already holds.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        dim, feedforward = settings.width, settings.feedforward
        self.heads = settings.heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.attention = CausalAttention()
        self.merge_heads = nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, feedforward), nn.Linear(feedforward, dim)
        self.dropout = Dropout(settings.dropout_share)
        with torch.no_grad():  # small updates at first: training starts near the embeddings
            self.merge_heads.weight.mul_(0.5)
            self.down.weight.mul_(0.5)

    def forward(self, x: Tensor, rotary: Tensor | None, last: Tensor | None = None) -> Tensor:
        """Return x (rows, time, dim) with both updates added; (rows, 1, dim) of position `last`."""
        update = self.dropout(self.attend(self.norm1(x), rotary, last))  # (rows, time, dim)
        x = update + (x if last is None else pick(x, last))
        update = self.dropout(self.down(functional.gelu(self.up(self.norm2(x)))))
        updated: Tensor = x + update  # (rows, time, dim)
        return updated

    def attend(self, x: Tensor, rotary: Tensor | None, last: Tensor | None = None) -> Tensor:
        """Return what each position gets from itself and from earlier positions.

        Three linear maps give each position a query (what it looks for), a key (what it can be
        found by) and a value (what it hands over). Each is cut into `heads` parts, and every head
        attends on its own part, so one head can follow the last item while another follows a genre.
        """
        rows, time, dim = x.shape
        qkv = self.query_key_value(x).view(rows, time, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (rows, heads, time, dim / heads)
        if rotary is not None:
            q, k = apply_rotary(q, rotary), apply_rotary(k, rotary)
        mask = None
        if last is not None:  # one query per row; keys after it are padding
            q = pick(q.transpose(1, 2), last).transpose(1, 2)  # (rows, heads, 1, dim / heads)
            mask = torch.arange(time, device=x.device) <= last[:, None, None, None]
        x = self.attention(q, k, v, mask)  # (rows, heads, time, dim / heads)
        merged: Tensor = self.merge_heads(x.transpose(1, 2).flatten(2))
        return merged  # (rows, time, dim)


class CausalAttention(nn.Module):
    """Scaled dot-product attention with a causal mask (Vaswani et al. 2017, arXiv 1706.03762).

    It has no weights of its own. It is a module so that `attention.py` can see its inputs.
    """

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return softmax(q k^T / sqrt(size)) v, where the softmax sees no later position.

        The library computes this in one step, without storing the (time, time) attention weights;
        `weights` returns them. q, k, v and the result: (rows, heads, time, size).
        mask: which positions to see, if it is not all that are not later.
        """
        dtype = v.dtype if v.is_cuda else torch.float32  # on CPUs, it is slower in bfloat16
        q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
        with torch.autocast(q.device.type, enabled=False):
            return functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None
            )

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Return the attention weights, (rows, heads, time, time), float32.

        Entry [row, head, i, j] is the share of position j's value in what position i takes. Each
        position's shares sum to 1.
        """
        scores = q.float() @ k.float().transpose(2, 3) / math.sqrt(q.shape[3])
        return scores.masked_fill(causal_mask(q.shape[2], q.device), -math.inf).softmax(dim=3)


def pick(x: Tensor, position: Tensor) -> Tensor:
    """Return (rows, 1, ...): one position of each row of x (rows, time, ...)."""
    return x[torch.arange(len(x), device=x.device), position][:, None]


def causal_mask(time: int, device: torch.device) -> Tensor:
    """Return a (time, time) mask: True where position i (row) must not see position j (column).

    These are the later positions. Each position is trained to predict the item that follows it, so
    a position that saw later ones would read its own answer.
    """
    return torch.ones(time, time, dtype=torch.bool, device=device).triu(1)


def rotary_positions(time: int, dim: int, device: torch.device) -> Tensor:
    """Return (time, dim / 2) complex numbers, which turn each pair at each position by an angle.

    The angle grows with the position. Pairs differ in speed: the first turns by 1 radian per
    position, the last by little more than 1/10,000.
    """
    frequency = 10_000 ** (-torch.arange(dim // 2, device=device) / max(1, dim // 2))  # (dim / 2,)
    angle = torch.arange(time, device=device)[:, None] * frequency  # (time, dim / 2)
    return torch.complex(angle.cos(), angle.sin())


def apply_rotary(x: Tensor, rotary: Tensor) -> Tensor:
    """Rotate queries or keys by their positions (rotary position embeddings).

    The dot product of a query and a key does not depend on how far apart the two items are. So each
    pair of numbers in them is rotated by an angle that grows with the position. The dot product
    then depends on the distance between the two positions, and not on where in the history they are
    (Su et al. 2021, arXiv 2104.09864). A pair is a point in the plane, or a complex number; the
    product with a complex number of length 1 turns it.

    x and the result: (rows, heads, time, dim / heads).
    """
    size = x.shape[3] // 2
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:3], size, 2))  # (..., time, size)
    return torch.view_as_real(pairs * rotary).flatten(3)


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014): in training, set a random share of the numbers to 0.

    On a CPU, PyTorch draws one random number per element, which took an eighth of the training
    time. This draws one byte per element, so `share` is rounded to a multiple of 1/256.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Return x with the dropped numbers at 0 and the others scaled up to keep the mean."""
        if not self.training or not self.share:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.share)
        threshold = min(255, round(self.share * 256))
        noise = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        keep = torch.empty_like(x)  # 1 or 0
        torch.ge(noise.view(torch.uint8)[: x.numel()].view(x.shape), threshold, out=keep)
        return x * keep.mul_(256 / (256 - threshold))


def user_embedding(table: nn.Embedding, users: Tensor) -> Tensor:
    """Return (rows, dim) user embeddings; -1 and numbers beyond the table get its last row."""
    unknown = table.num_embeddings - 1
    embedding: Tensor = table(torch.where((users >= 0) & (users < unknown), users, unknown))
    return embedding


@torch.no_grad()
def fill_all_but(table: nn.Embedding, users: Tensor, vector: Tensor) -> None:
    """Write the vector (dim,) into every row of the table except those of `users`."""
    unknown = torch.ones(table.num_embeddings, dtype=torch.bool, device=users.device)
    unknown[users] = False
    table.weight[unknown] = vector.clone()
