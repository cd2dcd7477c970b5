"""Sequences as batches: windows that cover every event, in right-padded rows of similar length."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import recbench

Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Rows of similar length, padded on the right with 0.

    items: (rows, time), what is shown. targets: (rows, time), the item that follows each.
    users: (rows,). lengths: (rows,), how many positions of a row are real.
    """

    items: Array
    targets: Array
    users: Array
    lengths: Array


def batches(
    data: recbench.Interactions, length: int, budget: int, draw: np.random.Generator
) -> list[Batch]:
    """One epoch: every window once, in batches of at most `budget` positions, in random order."""
    row, start, inputs = cut(data.lengths, length, draw)
    order = draw.permutation(len(row))
    order = order[np.argsort(inputs[order], kind="stable")]
    made = []
    for group in grouped(inputs[order], budget):
        picked = order[group]
        begin, lengths = data.offsets[row[picked]] + start[picked], inputs[picked]
        items, targets = padded(data.items, begin, lengths), padded(data.items, begin + 1, lengths)
        made.append(Batch(items, targets, data.users[row[picked]].astype(np.int64), lengths))
    return [made[nth] for nth in draw.permutation(len(made))]


def cut(lengths: Array, size: int, draw: np.random.Generator) -> tuple[Array, Array, Array]:
    """Windows of at most `size` inputs, so that each event but a row's first is a target once.

    lengths: (rows,) events of each row. A row that is too long for one window is cut at places
    that every call draws anew; a row with fewer than 2 events gives no window.

    Gives (windows,) each: the row, the first input's place in the row, the number of inputs.
    """
    inputs = np.maximum(lengths - 1, 0)
    first = np.where(inputs > size, draw.integers(1, size + 1, len(inputs)), inputs)
    counts = (inputs > 0) - (first - inputs) // size
    row = np.repeat(np.arange(len(inputs)), counts)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.maximum(first[row] + (nth - 1) * size, 0)
    start = np.where(nth == 0, 0, start)
    stop = np.minimum(first[row] + nth * size, inputs[row])
    return row, start, stop - start


def grouped(lengths: Array, budget: int) -> Iterator[slice]:
    """Slices of rising `lengths` whose padded size, rows x longest, is within the budget."""
    start = 0
    while start < len(lengths):
        ahead = lengths[start : start + budget]
        fits = np.count_nonzero(np.arange(1, len(ahead) + 1) * ahead <= budget)
        stop = start + max(1, int(fits))
        yield slice(start, stop)
        start = stop


def padded(items: npt.NDArray[np.int32], starts: Array, lengths: Array) -> Array:
    """(rows, longest) the slices of `items` that begin at `starts`, 0 where a row has ended."""
    time = np.arange(lengths.max())
    real = time < lengths[:, None]
    places = np.where(real, starts[:, None] + time, 0)
    return np.where(real, items[places], 0).astype(np.int64)
