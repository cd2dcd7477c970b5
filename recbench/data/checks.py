"""Step 1, dataset: check that the columns of interactions fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.times import check_unit

Array = npt.NDArray[Any]


def check_columns(
    users: Array,
    items: Array,
    offsets: Array,
    n_users: int,
    n_items: int,
    times: Array | None,
    ratings: Array | None,
    time_unit: str,
    parts: Array | None,
) -> None:
    """Raise ValueError if the columns do not fit together, or hold numbers out of range.

    The arguments are the fields of `Interactions`.
    """
    each = {"items": items, "times": times, "ratings": ratings, "parts": parts}
    given = {name: column for name, column in each.items() if column is not None}
    for name, array in {"users": users, "offsets": offsets, **given}.items():
        if array.ndim != 1:
            raise ValueError(f"{name} must have one dimension, not {array.ndim}")
    n, n_rows = len(items), len(users)
    if len(offsets) != n_rows + 1:
        raise ValueError(f"{n_rows} rows need {n_rows + 1} offsets, not {len(offsets)}")
    if offsets[0] != 0 or offsets[-1] != n or (np.diff(offsets) < 0).any():
        raise ValueError(f"offsets must rise from 0 to {n}, the number of items")
    for name, column in given.items():
        if len(column) != n:
            raise ValueError(f"{name} has {len(column)} values, but there are {n} items")
    check_unit(time_unit)
    check_range("items", items, 0, n_items)
    check_range("users", users, -1, n_users)
    if parts is not None:
        check_range("parts", parts, 0, 3)


def check_range(name: str, values: Array, low: int, high: int) -> None:
    """Raise ValueError if a value is below `low`, or not below `high`."""
    if len(values) and (values.min() < low or values.max() >= high):
        wrong = values[(values < low) | (values >= high)][0]
        raise ValueError(f"{name} must be in [{low}, {high}), but {wrong} occurs")


def as_type(name: str, values: Array, dtype: npt.DTypeLike | None) -> Array:
    """Convert numbers. Raise ValueError if an integer type cannot hold one, such as a fraction."""
    with np.errstate(invalid="ignore"):
        converted = np.asarray(values, dtype=dtype)
    if converted.dtype.kind == "i" and not np.can_cast(values.dtype, converted.dtype):
        changed = values[converted != values]
        if len(changed):
            raise ValueError(f"{name} must be {converted.dtype}, but {changed[0]} occurs")
    return converted
