"""Who had which items, and how many users two items share, in blocks that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import recbench

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BLOCK = 4_000_000
"""Most entries of a block: some 100 MB while it is computed."""


def user_matrix(train: recbench.Interactions) -> csr_matrix:
    """Return (n_users + rows of unknown users, n_items) float32: 1 where a user had an item.

    How often does not matter, nor in how many sequences: a user has the same row, whose number is
    the user's, whether the training part is cut into windows or not. A sequence of an unknown user
    has its own row, at the end.
    """
    from scipy.sparse import coo_matrix

    unknown = np.flatnonzero(train.users < 0)
    users = train.users.astype(np.int64)
    users[unknown] = train.n_users + np.arange(len(unknown))
    pairs = np.repeat(users, train.lengths), train.items
    shape = train.n_users + len(unknown), train.n_items
    matrix = coo_matrix((np.ones(len(train.items), dtype=np.float32), pairs), shape).tocsr()
    matrix.data[:] = 1  # the conversion has summed what a user had several times
    return matrix


def product_blocks(left: csr_matrix, right: csr_matrix) -> Iterator[tuple[slice, csr_matrix]]:
    """Yield left @ right in blocks of rows, each with the rows that it has.

    A block has at most BLOCK entries, or a single row.
    """
    terms = left.astype(bool).astype(np.float64) @ np.diff(right.indptr)
    ends = np.cumsum(np.minimum(terms, right.shape[1]))
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        rows = slice(start, stop)
        yield rows, left[rows] @ right
        start = stop


def shared_users(users: csr_matrix, dtype: Any) -> npt.NDArray[Any]:
    """Return (n_items, n_items): how many users had both items; on the diagonal, each item."""
    users, n_items = users.astype(dtype), users.shape[1]
    shared = np.empty((n_items, n_items), dtype=dtype)
    for rows, block in product_blocks(users.T.tocsr(), users):
        block.toarray(out=shared[rows])  # in place: a block of few counts may have many rows
    return shared
