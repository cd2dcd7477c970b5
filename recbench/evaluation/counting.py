"""Step 5, evaluate: from a batch of scores to ranks and lists, by counting, never by sorting."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from recbench.data.interactions import Array, Interactions

BLOCK = 2**20
"""Scores that are looked at together: what a processor's cache holds."""


THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Blocks that are looked at side by side."""


LINE = 64
"""Scores to a multiple of which rows are filled up."""


SHORT = 2**15 - LINE
"""True values that can be added up in 16 bits."""


Found = tuple[Array, Array, Array]
"""(targets,) items above each, (targets,) items tied with it, (rows, depth) the best items."""


class NonFiniteScore(Exception):  # noqa: N818  it says what a score is
    """The (row, item) of the first score of a block that is NaN or infinite."""

    def __init__(self, row: int, item: int) -> None:
        super().__init__(row, item)
        self.row, self.item = row, item


def rank_scores(
    scores: Array,
    targets: Array,
    offsets: Array,
    masked: Interactions | None,
    depth: int,
    *,
    looked_at: bool = False,
) -> Found:
    """Where the targets of each row are among all items, and the `depth` best items.

    scores: (rows, n_items) numbers. targets: (targets,) items, row r's being
    targets[offsets[r]:offsets[r + 1]]. masked: sequences whose items are left out of their row,
    but never a target; None masks nothing. Equal scores are listed by item number; -1 fills up.

    Raises NotFinite for a score that is NaN or infinite, unless they were looked at before; then
    -inf is for what is not there.
    """
    rows, n = scores.shape
    above = np.empty(len(targets), dtype=np.int64)
    tied = np.empty(len(targets), dtype=np.int64)
    lists = np.full((rows, depth), -1, dtype=np.int32)
    wide = -(-n // LINE) * LINE  # rows that begin at the border of a line compare twice as fast
    size = max(1, min(BLOCK // wide, -(-rows // THREADS)))
    own = threading.local()

    def rank_block(start: int) -> None:
        stop = min(start + size, rows)
        if not hasattr(own, "room"):
            own.room = np.empty((size, wide), dtype=np.promote_types(scores.dtype, np.float32))
            own.flags = np.zeros((size, wide), dtype=bool)
        block, flags = own.room[: stop - start, :n], own.flags[: stop - start]
        np.copyto(block, scores[start:stop])
        if not looked_at and not np.isfinite(block, out=flags[:, :n]).all():
            row, item = np.argwhere(~flags[:, :n])[0]
            raise NonFiniteScore(start + int(row), int(item))
        part = slice(offsets[start], offsets[stop])
        row = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
        flat, place = own.room.reshape(-1), row * wide + targets[part]
        wanted = flat[place]
        if masked is not None:
            first, last = masked.offsets[start], masked.offsets[stop]
            begins = np.repeat(np.arange(stop - start) * wide, masked.lengths[start:stop])
            flat[begins + masked.items[first:last]] = -np.inf
            flat[place] = wanted
        above[part], tied[part] = _count(block, row, wanted, flags)
        if depth:
            _list_best(block, flags, lists[start:stop])

    with ThreadPoolExecutor(THREADS) as threads:  # numpy lets go of the lock while it works
        list(threads.map(rank_block, range(0, rows, size)))
    return above, tied, lists


def rank_pool(scores: Array, targets: Array, offsets: Array, pool: Array, depth: int) -> Found:
    """The same among a few items of each row only, and its targets.

    pool: (rows, size) items, all different and none of them a target. All scores must be finite.
    """
    if not np.isfinite(scores).all():
        raise NonFiniteScore(*map(int, np.argwhere(~np.isfinite(scores))[0]))
    rows, size = pool.shape
    most = int(np.diff(offsets).max(initial=0))
    items = np.concatenate([pool, np.full((rows, most), -1)], axis=1)
    row = np.repeat(np.arange(rows), np.diff(offsets))
    items[row, size + np.arange(len(targets)) - offsets[row]] = targets
    items.sort(axis=1)  # by item number, what is missing first
    values = np.take_along_axis(scores, np.maximum(items, 0), axis=1)
    values = values.astype(np.promote_types(values.dtype, np.float32))
    values[items < 0] = -np.inf
    place = (items[row] == targets[:, None]).argmax(axis=1)
    above, tied, best = rank_scores(values, place, offsets, None, depth, looked_at=True)
    return above, tied, np.where(best < 0, -1, np.take_along_axis(items, best, axis=1))


def _count(block: Array, row: Array, wanted: Array, flags: Array) -> tuple[Array, Array]:
    """How many scores of its row are above, and equal to, each wanted one."""
    n = block.shape[1]
    alone = len(row) == len(block) and (row[1:] > row[:-1]).all()  # one target a row
    counts: list[Array] = []
    for compare in (np.greater, np.equal):
        if alone:
            compare(block, wanted[:, None], out=flags[:, :n])
            counts.append(_true(flags))
        else:
            each = zip(row, wanted, strict=True)
            few = flags[0, :n]
            found = [np.count_nonzero(compare(block[r], w, out=few)) for r, w in each]
            counts.append(np.array(found, dtype=np.int64))
    return counts[0], counts[1]


def _true(flags: Array) -> Array:
    """(rows,) how many are true; much faster than count_nonzero along an axis."""
    wide = flags.shape[1]
    parts = [
        np.add.reduce(flags[:, start : start + SHORT].view(np.int8), axis=1, dtype=np.int16)
        for start in range(0, wide, SHORT)
    ]
    return np.asarray(np.sum(parts, axis=0, dtype=np.int64))


def _list_best(block: Array, flags: Array, lists: Array) -> None:
    """Fill lists (rows, depth) with the best items of each row, leaving out what is -inf."""
    (rows, n), wide = block.shape, flags.shape[1]
    depth = min(lists.shape[1], n)
    least = _least(block, depth)
    np.greater_equal(block, least[:, None], out=flags[:, :n])
    place = np.flatnonzero(flags)
    row = place // wide
    counts = np.bincount(row, minlength=rows)
    many = np.flatnonzero(counts > 4 * depth)
    if len(many):  # a long tie: of what is equal, the first by number are enough
        places = [place[counts[row] <= 4 * depth]]
        for one in many:
            places.append(one * wide + np.flatnonzero(block[one] > least[one]))
            places.append(one * wide + np.flatnonzero(block[one] == least[one])[:depth])
        place = np.sort(np.concatenate(places))
        row = place // wide
        counts = np.bincount(row, minlength=rows)
    nth = np.arange(len(row)) - (np.cumsum(counts) - counts)[row]
    items = np.full((rows, int(counts.max())), -1)
    items[row, nth] = place - row * wide
    below = np.full(items.shape, np.inf, dtype=block.dtype)
    below[row, nth] = -block[row, items[row, nth]]
    order = np.argsort(below, axis=1, kind="stable")[:, :depth]
    lists[:, : order.shape[1]] = np.take_along_axis(items, order, axis=1)


def _least(block: Array, depth: int) -> Array:
    """(rows,) a score that at least `depth` items of the row reach, and not many more.

    The depth-th best of the best items of small groups; never -inf.
    """
    rows, n = block.shape
    height = int(np.clip(n // (20 * depth), 1, 64))
    width = n // height
    best = block[:, : width * height].reshape(rows, height, width).max(axis=1)
    least = np.partition(best, width - depth, axis=1)[:, width - depth]
    return np.asarray(np.maximum(least, np.finfo(block.dtype).min))
