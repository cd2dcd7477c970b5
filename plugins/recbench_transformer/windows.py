"""Sequences as batches: windows that cover every event, and right-padded rows of similar length."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import recbench

Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Rows of similar length, padded on the right.

    items: (rows, time), what is shown. users: (rows,). lengths: (rows,) of the real part.
    targets: (rows, time), the item that follows each position. Padding is 0.
    """

    items: Array
    targets: Array
    users: Array
    lengths: Array


def cut(lengths: Array, size: int, draw: np.random.Generator) -> tuple[Array, Array, Array]:
    """Windows of at most `size` inputs, so that each event but a row's first is a target once.

    lengths: (rows,) events of each row. A row that is too long for one window is cut at places
    drawn anew by each call; a row with fewer than 2 events gives none.

    Gives (windows,) each: the row, the first input's place in the row, the number of inputs.
    """
    inputs = np.maximum(lengths - 1, 0)
    first = np.where(inputs > size, draw.integers(1, size + 1, len(inputs)), inputs)
    counts = (inputs > 0) + -(-(inputs - first) // size)
    row = np.repeat(np.arange(len(inputs)), counts)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.maximum(first[row] + (nth - 1) * size, 0)
    stop = np.minimum(first[row] + nth * size, inputs[row])
    return row, start, stop - start


def batches(
    data: recbench.Interactions, size: int, budget: int, draw: np.random.Generator
) -> Iterator[Batch]:
    """One epoch: every window once, in batches of at most `budget` positions, in random order."""
    row, start, length = cut(data.lengths, size, draw)
    order = draw.permutation(len(row))
    order = order[np.argsort(length[order], kind="stable")]
    groups = list(grouped(length[order], budget))
    for group in draw.permutation(len(groups)):
        picked = order[groups[group]]
        begin = data.offsets[row[picked]] + start[picked]
        users = data.users[row[picked]].astype(np.int64)
        yield Batch(
            padded(data.items, begin, length[picked]),
            padded(data.items, begin + 1, length[picked]),
            users,
            length[picked],
        )


def grouped(lengths: Array, budget: int) -> Iterator[slice]:
    """Slices of rising `lengths` whose padded size, rows x longest, stays within the budget."""
    start = 0
    while start < len(lengths):
        rows = np.arange(1, min(budget, len(lengths) - start) + 1)
        fits = rows * lengths[start : start + len(rows)] <= budget
        stop = start + max(1, int(np.count_nonzero(fits)))
        yield slice(start, stop)
        start = stop


def padded(items: npt.NDArray[np.int32], starts: Array, lengths: Array) -> Array:
    """(rows, longest) the slices of `items` that begin at `starts`, 0 where a row has ended."""
    time = np.arange(lengths.max())
    real = time < lengths[:, None]
    return np.where(real, items[np.where(real, starts[:, None] + time, 0)], 0).astype(np.int64)
