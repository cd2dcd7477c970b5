"""Step 5, evaluate: ranks and best items from a batch of scores, by counting instead of sorting."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.models.best import BLOCK, fill_lists

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""How many blocks are processed in parallel."""

CACHE_LINE = 64
"""The length of rows in the buffers is a multiple of this."""

INT16_FLAGS = 2**15 - CACHE_LINE
"""How many flags can be summed in 16 bits."""

Ranks = tuple[Array, Array, Array]
"""(targets,) items above each target, (targets,) items tied with it, (rows, depth) best items."""


class NonFiniteScore(Exception):  # noqa: N818  names the value, not a failure
    """A score of a block is NaN or infinite. row, item: the place of the first such score."""

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
    check_finite: bool = True,
) -> Ranks:
    """Rank the targets of each row among all items, and list the `depth` best items.

    scores: (rows, n_items) numbers. targets: (targets,) items; row r has
    targets[offsets[r]:offsets[r + 1]]. masked: sequences whose items are left out of their row,
    except for targets; None masks nothing. Equal scores are listed by item number, and -1 pads
    short lists.

    Raises NonFiniteScore for a score that is NaN or infinite. With check_finite=False, a score of
    -inf marks a missing item.
    """
    n_rows, n_items = scores.shape
    above = np.empty(len(targets), dtype=np.int64)
    tied = np.empty(len(targets), dtype=np.int64)
    lists = np.full((n_rows, depth), -1, dtype=np.int32)
    # comparisons are twice as fast if rows start at the boundary of a cache line
    width = -(-n_items // CACHE_LINE) * CACHE_LINE
    size = max(1, min(BLOCK // width, -(-n_rows // THREADS)))
    buffers = threading.local()

    def rank_block(start: int) -> None:
        stop = min(start + size, n_rows)
        if not hasattr(buffers, "scores"):
            dtype = np.promote_types(scores.dtype, np.float32)
            buffers.scores = np.empty((size, width), dtype=dtype)
            buffers.flags = np.zeros((size, width), dtype=bool)
        block, flags = buffers.scores[: stop - start, :n_items], buffers.flags[: stop - start]
        np.copyto(block, scores[start:stop])
        if check_finite:
            # into a single column of a wider array, numpy 2.4 writes wrong values
            is_finite = np.isfinite(block, out=flags[:, :n_items] if n_items > 1 else None)
            if not is_finite.all():
                row, item = np.argwhere(~is_finite)[0]
                raise NonFiniteScore(start + int(row), int(item))
        here = slice(offsets[start], offsets[stop])  # the targets of the block
        rows = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
        flat, place = buffers.scores.reshape(-1), rows * width + targets[here]
        target_scores = flat[place]
        if masked is not None:
            first, last = masked.offsets[start], masked.offsets[stop]
            row_starts = np.repeat(np.arange(stop - start) * width, masked.lengths[start:stop])
            flat[row_starts + masked.items[first:last]] = -np.inf
            flat[place] = target_scores
        above[here], tied[here] = _count(block, rows, target_scores, flags)
        if depth:
            fill_lists(block, flags, lists[start:stop])

    with ThreadPoolExecutor(THREADS) as threads:  # numpy releases the GIL while it works
        list(threads.map(rank_block, range(0, n_rows, size)))
    return above, tied, lists


def rank_pool(scores: Array, targets: Array, offsets: Array, pool: Array, depth: int) -> Ranks:
    """Rank the targets of each row as `rank_scores` does, but only among the pool of the row.

    pool: (rows, size) items, all different and none of them a target. All scores must be finite.
    """
    if not np.isfinite(scores).all():
        raise NonFiniteScore(*map(int, np.argwhere(~np.isfinite(scores))[0]))
    n_rows, size = pool.shape
    most_targets = int(np.diff(offsets).max(initial=0))
    items = np.concatenate([pool, np.full((n_rows, most_targets), -1)], axis=1)
    rows = np.repeat(np.arange(n_rows), np.diff(offsets))
    items[rows, size + np.arange(len(targets)) - offsets[rows]] = targets
    items.sort(axis=1)  # by item number, with -1 first
    values = np.take_along_axis(scores, np.maximum(items, 0), axis=1)
    values = values.astype(np.promote_types(values.dtype, np.float32))
    values[items < 0] = -np.inf
    place = (items[rows] == targets[:, None]).argmax(axis=1)
    above, tied, best = rank_scores(values, place, offsets, None, depth, check_finite=False)
    return above, tied, np.where(best < 0, -1, np.take_along_axis(items, best, axis=1))


def _count(block: Array, rows: Array, target_scores: Array, flags: Array) -> tuple[Array, Array]:
    """Count the scores in each target's row that are above, and equal to, the target's score.

    block: (rows, n_items). rows: (targets,) the row of each target. flags: (rows, n_items or more)
    bool, a buffer for the comparisons, False after n_items.
    """
    n_items = block.shape[1]
    one_target_each = len(rows) == len(block) and (rows[1:] > rows[:-1]).all()
    counts: list[Array] = []
    for compare in (np.greater, np.equal):
        if one_target_each:
            compare(block, target_scores[:, None], out=flags[:, :n_items])
            counts.append(_count_true(flags))
        else:
            row_flags = flags[0, :n_items]
            pairs = zip(rows, target_scores, strict=True)
            count = [
                np.count_nonzero(compare(block[row], score, out=row_flags)) for row, score in pairs
            ]
            counts.append(np.array(count, dtype=np.int64))
    return counts[0], counts[1]


def _count_true(flags: Array) -> Array:
    """(rows,) how many flags are true, much faster than by count_nonzero along an axis."""
    sums = [
        np.add.reduce(flags[:, start : start + INT16_FLAGS].view(np.int8), axis=1, dtype=np.int16)
        for start in range(0, flags.shape[1], INT16_FLAGS)
    ]
    return np.asarray(np.sum(sums, axis=0, dtype=np.int64))
