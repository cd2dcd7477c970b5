"""Train like the notebook that recbench grew from, in plain PyTorch, for time_to_quality.py.

The notebook follows PyTorch's tutorial of a word language model, with the user as a further input.
It trains on windows of four interactions; a window starts at every second interaction. One error
of the notebook is not repeated: here attention runs along the interactions of a window, and not
across the windows of a batch, and a position attends only to itself and to earlier positions.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from side import Array, Side, latest
from torch import Tensor, nn

WINDOW, STEP, BATCH = 4, 2, 256
SHOWN = WINDOW - 1
DIM, HEADS, LAYERS, DROPOUT = 128, 2, 2, 0.2
LR, DECAY, CLIP = 1.0, 0.95, 0.5


class Notebook(nn.Module):
    """Post-norm encoder layers over a window; their output is joined with the user's embedding."""

    positions: Tensor

    def __init__(self, n_items: int, n_users: int) -> None:
        super().__init__()
        self.items, self.users = nn.Embedding(n_items, DIM), nn.Embedding(n_users, DIM)
        layer = nn.TransformerEncoderLayer(DIM, HEADS, DIM, DROPOUT, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.dropout = nn.Dropout(DROPOUT)
        self.linear = nn.Linear(2 * DIM, n_items)
        for weight in (self.items.weight, self.users.weight, self.linear.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.linear.bias)
        frequency = torch.exp(torch.arange(0, DIM, 2) * (-math.log(10_000) / DIM))
        angle = torch.arange(SHOWN)[:, None] * frequency
        positions = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
        self.register_buffer("positions", positions)  # (SHOWN, DIM)
        self.register_buffer("future", torch.ones(SHOWN, SHOWN, dtype=torch.bool).triu(1))

    def forward(self, items: Tensor, users: Tensor) -> Tensor:
        """Map items (rows, SHOWN) and users (rows,) to scores (rows, SHOWN, n_items)."""
        x = self.dropout(self.items(items) * math.sqrt(DIM) + self.positions)
        x = self.encoder(x, mask=self.future, is_causal=True)
        user = (self.users(users) * math.sqrt(DIM))[:, None].expand_as(x)
        scores: Tensor = self.linear(torch.cat([x, user], dim=-1))
        return scores


def windows(histories: list[Array]) -> tuple[Tensor, Tensor]:
    """Return all windows (n, WINDOW) of all histories, and their users (n,)."""
    parts, users = [], []
    for user, history in enumerate(histories):
        if len(history) >= WINDOW:
            parts.append(np.lib.stride_tricks.sliding_window_view(history, WINDOW)[::STEP])
            users.append(np.full(len(parts[-1]), user))
    return torch.from_numpy(np.concatenate(parts)), torch.from_numpy(np.concatenate(users))


def main() -> None:
    side = Side(str(__doc__))
    torch.manual_seed(side.seed)
    side.begin()
    items, users = windows(side.histories)
    network = Notebook(side.n_items, len(side.histories))
    optimiser = torch.optim.SGD(network.parameters(), lr=LR)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 1, gamma=DECAY)
    criterion = nn.CrossEntropyLoss()

    @torch.no_grad()
    def score(judged: Array) -> Array:
        network.eval()
        histories = [side.histories[user] for user in judged]
        ends = [min(len(history), SHOWN) - 1 for history in histories]
        scores = network(torch.from_numpy(latest(histories, SHOWN)), torch.from_numpy(judged))
        network.train()
        return np.asarray(scores[torch.arange(len(judged)), ends])

    side.begin_epochs(SHOWN * len(items))
    epoch = 0
    while True:
        batches = torch.randperm(len(items)).split(BATCH)
        for nth, batch in enumerate(batches):
            optimiser.zero_grad()
            scores = network(items[batch, :-1], users[batch])
            criterion(scores.flatten(0, 1), items[batch, 1:].flatten()).backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimiser.step()
            if nth + 1 < len(batches):
                side.step(epoch + (nth + 1) / len(batches), score)
        schedule.step()
        epoch += 1
        side.judge(epoch, score)


if __name__ == "__main__":
    main()
