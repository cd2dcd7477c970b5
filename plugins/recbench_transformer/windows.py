"""From sequences to batches: cut long sequences into windows, pad rows of similar length."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import recbench
from recbench_rules.repeats import basket_ages

Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Rows of similar length, padded on the right with 0.

    items: (rows, time), the inputs. targets: (rows, time), the item to predict at each input.
    users: (rows,). rows: (rows,), their numbers in the data. lengths: (rows,), the number of
    positions of each row that are not padding.
    """

    items: Array
    targets: Array
    users: Array
    rows: Array
    lengths: Array


def make_batches(
    data: recbench.Interactions,
    length: int,
    max_positions: int,
    rng: np.random.Generator,
    *,
    only_latest: bool = False,
    future: bool = False,
) -> list[Batch]:
    """Return the batches of one epoch: every window once, in random order.

    max_positions: maximum number of positions per batch, including padding.
    only_latest: whether a row has one window, its latest, and earlier interactions are left out.
    future: whether to predict a random later interaction (`draw_later`), not the next one.
    """
    predicted = data.items[draw_later(data, rng)] if future else np.roll(data.items, -1)
    cut = latest_windows(data.lengths, length) if only_latest else None
    row, start, n_inputs = cut or cut_windows(data.lengths, length, rng)
    order = rng.permutation(len(row))
    order = order[np.argsort(n_inputs[order], kind="stable")]
    batches = []
    for group in group_by_length(n_inputs[order], max_positions):
        chosen = order[group]
        first, lengths = data.offsets[row[chosen]] + start[chosen], n_inputs[chosen]
        items, targets = pad(data.items, first, lengths), pad(predicted, first, lengths)
        users = data.users[row[chosen]].astype(np.int64)
        batches.append(Batch(items, targets, users, row[chosen], lengths))
    return [batches[nth] for nth in rng.permutation(len(batches))]


def draw_later(data: recbench.Interactions, rng: np.random.Generator) -> Array:
    """Return (n_interactions,): for each, the place of a random later one of its row.

    What happened at the same time is not later. Where nothing is later, it is the place after it.
    """
    row, age = basket_ages(data)
    ends_basket = np.ones(data.n_interactions, dtype=bool)
    ends_basket[:-1] = (np.diff(age) != 0) | (np.diff(row) != 0)
    ends = np.flatnonzero(ends_basket) + 1
    start, stop = np.repeat(ends, np.diff(ends, prepend=0)), data.offsets[1:][row]
    later = start + (rng.random(len(row)) * (stop - start)).astype(np.int64)
    after = np.minimum(np.arange(len(row)) + 1, len(row) - 1)
    return np.where(start < stop, later, after)


def cut_windows(lengths: Array, size: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Cut rows into windows of at most `size` inputs; each interaction is a target once.

    The first interaction of a row is never a target, because nothing precedes it. A row that is too
    long for one window is cut at random places, new ones in each call. A row with fewer than 2
    interactions gives no window.

    lengths: (rows,) interactions per row.

    Returns three arrays (windows,): the row, the position of the first input in the row, and the
    number of inputs.
    """
    n_inputs = np.maximum(lengths - 1, 0)
    first = np.where(n_inputs > size, rng.integers(1, size + 1, len(n_inputs)), n_inputs)
    counts = (n_inputs > 0) - (first - n_inputs) // size
    row = np.repeat(np.arange(len(n_inputs)), counts)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.maximum(first[row] + (nth - 1) * size, 0)
    start = np.where(nth == 0, 0, start)
    stop = np.minimum(first[row] + nth * size, n_inputs[row])
    return row, start, stop - start


def latest_windows(lengths: Array, size: int) -> tuple[Array, Array, Array]:
    """Return the same as `cut_windows`, with the latest window of each row alone."""
    row = np.flatnonzero(lengths >= 2)
    n_inputs = np.minimum(lengths[row] - 1, size)
    return row, lengths[row] - 1 - n_inputs, n_inputs


def group_by_length(lengths: Array, max_positions: int) -> Iterator[slice]:
    """Yield slices of ascending `lengths` whose padded size is at most `max_positions`.

    The padded size is the number of rows times the longest of them.
    """
    start = 0
    while start < len(lengths):
        ahead = lengths[start : start + max_positions]
        fits = np.count_nonzero(np.arange(1, len(ahead) + 1) * ahead <= max_positions)
        stop = start + max(1, int(fits))
        yield slice(start, stop)
        start = stop


def pad(items: npt.NDArray[np.int32], starts: Array, lengths: Array) -> Array:
    """Return (rows, longest): the slices of `items` from `starts` on, padded with 0."""
    time = np.arange(lengths.max())
    real = time < lengths[:, None]
    places = np.where(real, starts[:, None] + time, 0)
    return np.where(real, items[places], 0).astype(np.int64)
