"""The nearest neighbours of items or users: similarities, of which the largest are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def cosines(
    products: csr_matrix,
    own: npt.NDArray[Any],
    lengths: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    shrinkage: float,
) -> csr_matrix:
    """Return the cosines of pairs: product / (product of their lengths + shrinkage).

    products: (rows, columns) products of vectors, which are overwritten. own: (rows,) the column
    that stands for the same as the row, which is left out; -1 if there is none. lengths: those of
    the vectors, (rows,) and (columns,).
    """
    left, right = lengths
    products.data[np.repeat(own, np.diff(products.indptr)) == products.indices] = 0
    products.eliminate_zeros()
    divisors = np.repeat(left, np.diff(products.indptr)) * right[products.indices] + shrinkage
    products.data /= divisors
    return products


def keep_largest(matrix: csr_matrix, k: int) -> csr_matrix:
    """Return only the k largest entries of each row; of equal ones, those to the left."""
    from scipy.sparse import csr_matrix

    matrix.sort_indices()
    sizes = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-matrix.data, rows))  # stable, so equal entries keep their order
    rank = np.arange(len(rows)) - matrix.indptr[rows]
    kept = np.sort(order[rank < k])
    offsets = np.concatenate([[0], np.cumsum(np.minimum(sizes, k))])
    return csr_matrix((matrix.data[kept], matrix.indices[kept], offsets), shape=matrix.shape)
