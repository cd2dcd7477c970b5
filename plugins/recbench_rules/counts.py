"""Count which items follow which within a few steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import recbench

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def count_followers(
    data: recbench.Interactions, window: int, weights: npt.NDArray[Any] | None = None
) -> csr_matrix:
    """Return (n_items, n_items) float32: how often item j (column) follows item i (row).

    Each pair of the same sequence, at most `window` steps apart, counts 1 / distance.

    weights: (n_interactions,), a factor of the pairs in which an interaction follows; None for 1.
    """
    from scipy.sparse import coo_matrix, csr_matrix

    n_items = data.n_items
    row = np.repeat(np.arange(len(data)), data.lengths)
    counts = csr_matrix((n_items, n_items), dtype=np.float32)
    for distance in range(1, min(window, int(data.lengths.max(initial=1)) - 1) + 1):
        place = np.flatnonzero(row[distance:] == row[:-distance])
        weight = np.full(len(place), 1 / distance, dtype=np.float32)
        if weights is not None:
            weight *= weights[place + distance]
        pairs = data.items[place], data.items[place + distance]
        counts += coo_matrix((weight, pairs), shape=(n_items, n_items)).tocsr()
    return counts


def normalise_rows(counts: csr_matrix) -> csr_matrix:
    """Divide each row by its sum; empty rows stay empty."""
    from scipy.sparse import csr_matrix

    sums = np.add.reduceat(np.append(counts.data, 0), counts.indptr[:-1]) if counts.nnz else 0
    sizes = np.diff(counts.indptr)
    data = counts.data / np.repeat(np.where(sizes > 0, sums, 1), sizes).astype(np.float32)
    return csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)
