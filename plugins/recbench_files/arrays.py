"""From columns of pyarrow to arrays of numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .ids import encode

Array = npt.NDArray[Any]


def to_numpy(column: Any, dtype: Any) -> Array:
    """Copy a column to an array, chunk by chunk to save memory. Missing floats become NaN."""
    array = np.empty(len(column), dtype=dtype)
    start = 0
    for chunk in column.chunks:
        end = start + len(chunk)
        array[start:end] = chunk.to_numpy(zero_copy_only=False)
        start = end
    return array


def distinct(column: Any) -> tuple[Array, Any]:
    """Return (rows,) codes, and the pyarrow array of the distinct values that they index."""
    import pyarrow as pa

    codes, known = encode(column)
    used = np.flatnonzero(np.bincount(codes, minlength=len(known)))
    ranks = np.zeros(len(known), dtype=np.int32)
    ranks[used] = np.arange(len(used), dtype=np.int32)
    return ranks[codes], known.take(pa.array(used))  # dropped rows may contain anything


def try_cast(values: Any, kind: Any) -> Any:
    """Return a pyarrow array as another type; None if that is impossible for some values.

    A few are tried first, because pyarrow does not stop at the first error.
    """
    import pyarrow as pa

    try:
        values.slice(0, 100).cast(kind)
        return values.cast(kind)
    except pa.ArrowInvalid:
        return None
