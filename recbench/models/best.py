"""Steps 4 and 5, score and evaluate: the best items of each row of scores, without sorting them."""

from __future__ import annotations

import numpy as np

from recbench.data.interactions import Array, Interactions

BLOCK = 2**20
"""How many scores are processed at a time, so that they fit in the processor's cache."""


def best_items(scores: Array, masked: Interactions | None, k: int) -> tuple[Array, Array]:
    """Return the k best items of each row and their scores, (rows, k) int32 and float64.

    scores: (rows, n_items) numbers. masked: sequences whose items are left out of their row; None
    leaves out none. Equal scores are in the order of item numbers. Short lists end with -1 and NaN.

    A row with a score that is not finite has only the first such item, with its score.
    """
    n_rows, n_items = scores.shape
    items = np.full((n_rows, k), -1, dtype=np.int32)
    best = np.full((n_rows, k), np.nan)
    size = max(1, BLOCK // max(1, n_items))
    for start in range(0, n_rows, size):
        stop = min(start + size, n_rows)
        block = scores[start:stop].astype(np.promote_types(scores.dtype, np.float32))
        finite = np.isfinite(block)
        bad = np.flatnonzero(~finite.all(axis=1))
        first_bad = (~finite[bad]).argmax(axis=1)
        if masked is not None:
            first, last = masked.offsets[start], masked.offsets[stop]
            rows = np.repeat(np.arange(stop - start), masked.lengths[start:stop])
            block[rows, masked.items[first:last]] = -np.inf
        block[bad] = -np.inf
        fill_lists(block, finite, items[start:stop])
        items[start + bad, 0] = first_bad
        row, place = np.nonzero(items[start:stop] >= 0)
        best[start + row, place] = scores[start + row, items[start + row, place]]
    return items, best


def fill_lists(block: Array, flags: Array, lists: Array) -> None:
    """Fill lists (rows, depth) with the best items of each row; leave out items with score -inf.

    block: (rows, n_items) floats, no NaN. flags: (rows, n_items or more) bool, a buffer, False
    after n_items. lists: (rows, depth), -1 everywhere. Equal scores are in the order of item
    numbers.
    """
    (n_rows, n_items), width = block.shape, flags.shape[1]
    depth = min(lists.shape[1], n_items)
    thresholds = _thresholds(block, depth)
    np.greater_equal(block, thresholds[:, None], out=flags[:, :n_items])
    place = np.flatnonzero(flags)
    rows = place // width
    counts = np.bincount(rows, minlength=n_rows)
    long_ties = np.flatnonzero(counts > 4 * depth)
    if len(long_ties):  # of many equal scores, only the first by item number are needed
        places = [place[counts[rows] <= 4 * depth]]
        for row in long_ties:
            places.append(row * width + np.flatnonzero(block[row] > thresholds[row]))
            places.append(row * width + np.flatnonzero(block[row] == thresholds[row])[:depth])
        place = np.sort(np.concatenate(places))
        rows = place // width
        counts = np.bincount(rows, minlength=n_rows)
    nth = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
    items = np.full((n_rows, int(counts.max())), -1)
    items[rows, nth] = place - rows * width
    negated = np.full(items.shape, np.inf, dtype=block.dtype)
    negated[rows, nth] = -block[rows, items[rows, nth]]
    order = np.argsort(negated, axis=1, kind="stable")[:, :depth]
    lists[:, : order.shape[1]] = np.take_along_axis(items, order, axis=1)


def _thresholds(block: Array, depth: int) -> Array:
    """(rows,) a score that at least `depth` items of the row reach, but not many more.

    It is the depth-th highest of the maxima of small groups of items, and never -inf.
    """
    n_rows, n_items = block.shape
    group_size = int(np.clip(n_items // (20 * depth), 1, 64))
    n_groups = n_items // group_size
    grouped = block[:, : n_groups * group_size].reshape(n_rows, group_size, n_groups)
    kth = n_groups - depth
    thresholds = np.partition(grouped.max(axis=1), kth, axis=1)[:, kth]
    return np.asarray(np.maximum(thresholds, np.finfo(block.dtype).min))
