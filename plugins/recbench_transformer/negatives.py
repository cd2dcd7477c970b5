"""Negatives for the binary cross-entropy: items that did not come next, drawn for each position."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import recbench


class Negatives:
    """Draws items uniformly, with replacement, from torch's global generator.

    number: items per position.
    n_items: the catalogue.
    unseen_in: data whose rows are trained on, to draw from the items that do not occur in the row;
        a row that has all items has no such items, and draws from all. None draws from all items
        but the positive.
    """

    def __init__(
        self,
        number: int,
        n_items: int,
        unseen_in: recbench.Interactions | None,
        device: torch.device,
    ) -> None:
        self.number, self.n_items = number, n_items
        self.unseen: tuple[Tensor, Tensor, Tensor] | None = None
        if unseen_in is not None:
            keys, starts, counts = map(torch.from_numpy, count_unseen(unseen_in))
            self.unseen = keys.to(device), starts.to(device), counts.to(device)

    def draw(self, rows: Tensor, positives: Tensor) -> Tensor:
        """Return (positions, number) items. rows, positives: (positions,)."""
        shape = (len(rows), self.number)
        if self.unseen is None:
            last = max(1, self.n_items - 1)
            drawn = torch.randint(last, shape, device=rows.device)
            drawn += drawn >= positives[:, None]  # all but the positive
            return drawn.clamp_(max=self.n_items - 1)
        keys, starts, counts = self.unseen
        nth = torch.randint(2**62, shape, device=rows.device) % counts[rows][:, None]
        wanted = rows[:, None] * (self.n_items + 1) + nth
        n_seen_before = torch.searchsorted(keys, wanted, right=True) - starts[rows][:, None]
        return nth + n_seen_before


def count_unseen(
    data: recbench.Interactions,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return what it takes to look up the n-th unseen item of a row, counted from 0.

    This item is n plus the number of the row's items that have at most n unseen items before them.

    Returns three arrays of int64: for each distinct item of each row, in order, the number of
    unseen items before it, plus row x (n_items + 1); (rows,), where each row starts in it; and
    (rows,), the number of unseen items.
    """
    rows = np.repeat(np.arange(len(data)), data.lengths)
    pairs = np.unique(rows * data.n_items + data.items)
    row, item = np.divmod(pairs, data.n_items)
    n_seen = np.bincount(row, minlength=len(data))
    row, item = (part[n_seen[row] < data.n_items] for part in (row, item))  # no unseen ones: all
    n_seen = np.bincount(row, minlength=len(data))
    starts = np.cumsum(n_seen) - n_seen
    keys = row * (data.n_items + 1) + item - (np.arange(len(row)) - starts[row])
    return keys, starts, data.n_items - n_seen
