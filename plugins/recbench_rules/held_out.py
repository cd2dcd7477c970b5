"""Held-out targets outside a comparison: the last interaction of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench


def hold_out_last(
    data: recbench.Interactions, rows: npt.NDArray[Any] | None = None
) -> recbench.Split | None:
    """Return a split that holds out the last interaction of rows; None if there are no rows.

    rows: (n,), with 3 or more interactions each; None for all that have so many.
    """
    if rows is None:
        rows = np.flatnonzero(data.lengths >= 3)
    if not len(rows):
        return None
    last = data.offsets[rows + 1] - 1
    is_left = np.ones(data.n_interactions, dtype=bool)
    is_left[last] = False
    rest = data.keep(is_left)
    return recbench.Split(rest, rest.take(rows), data.items[last])
