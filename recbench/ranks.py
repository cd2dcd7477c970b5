"""Step 5, evaluate: from a batch of scores to ranks and lists, by counting, never by sorting."""

from __future__ import annotations

import numpy as np

from .interactions import Array, Interactions

BLOCK = 2**18
"""Scores that are looked at together: what a processor's cache holds."""

Found = tuple[Array, Array, Array]
"""(targets,) items above each, (targets,) items tied with it, (rows, depth) the best items."""


def rank_scores(
    scores: Array, targets: Array, offsets: Array, masked: Interactions | None, depth: int
) -> Found:
    """Where the targets of each row are among all items, and the `depth` best items.

    scores: (rows, n_items) finite numbers. targets: (targets,) items, row r's being
    targets[offsets[r]:offsets[r + 1]]. masked: sequences whose items are left out of their row,
    but never a target; None masks nothing. Equal scores are listed by item number; -1 fills up.
    """
    rows, n = scores.shape
    above = np.empty(len(targets), dtype=np.int64)
    tied = np.empty(len(targets), dtype=np.int64)
    lists = np.full((rows, depth), -1, dtype=np.int32)
    size = max(1, min(BLOCK // max(1, n), rows))
    room = np.empty((size, n), dtype=np.promote_types(scores.dtype, np.float32))
    flag_room = np.empty((size, n), dtype=bool)
    for start in range(0, rows, size):
        stop = min(start + size, rows)
        block, flags = room[: stop - start], flag_room[: stop - start]
        np.copyto(block, scores[start:stop])
        part = slice(offsets[start], offsets[stop])
        row = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
        wanted = block[row, targets[part]]
        if masked is not None:
            first, last = masked.offsets[start], masked.offsets[stop]
            length = masked.lengths[start:stop]
            block[np.repeat(np.arange(stop - start), length), masked.items[first:last]] = -np.inf
            block[row, targets[part]] = wanted
        above[part], tied[part] = _count(block, row, wanted, flags)
        if depth:
            _list_best(block, flags, lists[start:stop])
    return above, tied, lists


def rank_pool(scores: Array, targets: Array, offsets: Array, pool: Array, depth: int) -> Found:
    """The same among a few items of each row only, and its targets.

    pool: (rows, size) items, all different and none of them a target.
    """
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
    above, tied, best = rank_scores(values, place, offsets, None, depth)
    return above, tied, np.where(best < 0, -1, np.take_along_axis(items, best, axis=1))


def first_not_finite(scores: Array) -> tuple[int, int] | None:
    """The (row, item) of the first score that is NaN or infinite."""
    size = max(1, BLOCK // max(1, scores.shape[1]))
    ones = np.ones(scores.shape[1], dtype=scores.dtype)
    for start in range(0, len(scores), size):
        block = scores[start : start + size]
        with np.errstate(invalid="ignore", over="ignore"):
            sums = block @ ones  # finite sums prove finite parts
        if not np.isfinite(sums).all():
            bad = np.argwhere(~np.isfinite(block))
            if len(bad):
                return start + int(bad[0, 0]), int(bad[0, 1])
    return None


def _count(block: Array, row: Array, wanted: Array, flags: Array) -> tuple[Array, Array]:
    """How many scores of its row are above, and equal to, each wanted one."""
    counts = []
    for compare in (np.greater, np.equal):
        if len(row) == len(block) and (np.diff(row) == 1).all():  # one target a row
            compare(block, wanted[:, None], out=flags)
            counts.append([np.count_nonzero(one) for one in flags])
        else:
            counts.append(
                [
                    np.count_nonzero(compare(block[r], w, out=flags[0]))
                    for r, w in zip(row, wanted, strict=True)
                ]
            )
    return np.array(counts[0], dtype=np.int64), np.array(counts[1], dtype=np.int64)


def _list_best(block: Array, flags: Array, lists: Array) -> None:
    """Fill lists (rows, depth) with the best items of each row, leaving out what is -inf."""
    rows, n = block.shape
    depth = min(lists.shape[1], n)
    least = _least(block, depth)
    np.greater_equal(block, least[:, None], out=flags)
    row, item = np.divmod(np.flatnonzero(flags), n)
    many = np.flatnonzero(np.bincount(row, minlength=rows) > 8 * depth + 64)
    if len(many):  # a long tie: of what is equal, the first by number are enough
        few = ~np.isin(row, many)
        rows_found, items_found = [row[few]], [item[few]]
        for one in many:
            equal = np.flatnonzero(block[one] == least[one])[:depth]
            found = np.union1d(np.flatnonzero(block[one] > least[one]), equal)
            rows_found.append(np.full(len(found), one))
            items_found.append(found)
        row, item = np.concatenate(rows_found), np.concatenate(items_found)
    order = np.lexsort((item, -block[row, item], row))
    row, item = row[order], item[order]
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(rows))[row]
    kept = place < depth
    lists[row[kept], place[kept]] = item[kept]


def _least(block: Array, depth: int) -> Array:
    """(rows,) a score that at least `depth` items of the row reach, and not many more.

    The depth-th best of the maxima of small groups of items; never -inf.
    """
    rows, n = block.shape
    height = int(np.clip(n // (20 * depth), 1, 64))
    width = n // height
    best = block[:, : width * height].reshape(rows, height, width).max(axis=1)
    least = np.partition(best, width - depth, axis=1)[:, width - depth]
    return np.maximum(least, np.finfo(block.dtype).min)
