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
    """Return only the k largest entries of each row; of equal ones, those to the left.

    Rows of similar sizes are handled together: those with 2**n to 2**(n + 1) entries.
    """
    from scipy.sparse import csr_matrix

    k = min(k, matrix.shape[1])  # int32 holds any number of columns, but not any k
    matrix.sort_indices()
    sizes = np.diff(matrix.indptr)
    kept = np.repeat(sizes <= k, sizes)
    exponents = np.frexp(sizes)[1]
    for exponent in np.unique(exponents[sizes > k]):
        chosen = (exponents == exponent) & (sizes > k)
        entries = np.repeat(chosen, sizes)
        inside = np.arange(sizes[chosen].max()) < sizes[chosen, None]
        values = np.full(inside.shape, -np.inf, dtype=matrix.dtype)
        values[inside] = matrix.data[entries]
        kept[entries] = _are_largest(values, k)[inside]
    offsets = np.concatenate([[0], np.cumsum(np.minimum(sizes, k))])
    return csr_matrix((matrix.data[kept], matrix.indices[kept], offsets), shape=matrix.shape)


def _are_largest(values: npt.NDArray[Any], k: int) -> npt.NDArray[np.bool_]:
    """Return whether each value is among the k largest of its row, of at least k."""
    smallest = np.partition(values, -k, axis=1)[:, -k, None]
    larger, equal = values > smallest, values == smallest
    room = k - np.count_nonzero(larger, axis=1)
    largest: npt.NDArray[np.bool_] = larger | (equal & (np.cumsum(equal, axis=1) <= room[:, None]))
    return largest
