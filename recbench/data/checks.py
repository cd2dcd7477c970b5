"""Step 1, dataset: check that the columns of interactions fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import as_type, check_dimensions, check_range, to_array
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
        check_dimensions(name, array)
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


def log_columns(**given: npt.ArrayLike | None) -> dict[str, Array]:
    """Return the columns of a log as arrays of one dimension and equal length.

    given: the arguments of `Interactions.from_log`. users and items become signed integers. Other
    columns are left out if they are None.

    Raises ValueError for arrays that do not fit together, and for users or items that are not whole
    numbers.
    """
    columns = {}
    for name, column in given.items():
        if name in ("users", "items"):
            numbers = to_array(name, column)
            columns[name] = numbers if numbers.dtype.kind == "i" else as_type(name, numbers, "i8")
        elif column is not None:
            columns[name] = to_array(name, column)
    for name, array in columns.items():
        check_dimensions(name, array)
        if len(array) != len(columns["users"]):
            raise ValueError(
                f"users has {len(columns['users'])} values and {name} {len(array)}; they must match"
            )
    return columns
