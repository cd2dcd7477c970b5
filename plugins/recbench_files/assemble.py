"""Build the dataset from columns: drop incomplete rows, number the ids, sort."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .columns import Chosen
from .diagnose import row_error
from .ids import encode, find_doubtful, number_ids
from .layout import Layout
from .times import parse_times, to_numpy

Array = npt.NDArray[Any]
_FORMAT_NAMES = {
    "csv": "a table with a header",
    "udata": "u.data (user, item, rating, time)",
    "dat": "ratings.dat (user::item::rating::time)",
    "inter": "RecBole's .inter",
    "parquet": "Parquet",
    "pairs": "pairs (a user and an item per line, in order of time)",
    "sequences": "sequences (a user and its items per line, oldest first)",
}


def assemble(
    layout: Layout, chosen: Chosen, columns: dict[str, Any], sha256: str
) -> recbench.Dataset:
    """Build the dataset. Columns are released one by one to save memory.

    columns: role -> pyarrow.ChunkedArray, with at least one row.
    """
    notes = []
    users, user_values = encode(columns.pop("user"))
    items, item_values = encode(columns.pop("item"))
    complete: Array | None = None  # the rows that are kept, if some are dropped
    if users.min() < 0 or items.min() < 0:
        no_user, no_item = users < 0, (users >= 0) & (items < 0)
        for role, missing in (("user", no_user), ("item", no_item)):
            if missing.any():
                count = int(missing.sum())
                have, were = ("rows have", "were") if count > 1 else ("row has", "was")
                notes.append(f"{count:,} {have} no {chosen.name[role]} and {were} dropped")
        complete = np.flatnonzero(~(no_user | no_item))
        users, items = users[complete], items[complete]
        if not len(complete):
            raise recbench.RecbenchError(
                f"{layout.file}: no row has both a user (column {chosen.name['user']}) and an item "
                f"(column {chosen.name['item']}); choose other columns with user= and item="
            )

    def refuse(role: str) -> Callable[[int, str], recbench.RecbenchError]:
        def error(row: int, problem: str) -> recbench.RecbenchError:
            in_file = row if complete is None else int(complete[row])
            return row_error(layout, chosen, role, in_file, problem)

        return error

    def take(role: str) -> Any:
        column = columns.pop(role)
        return column if complete is None else column.take(complete)

    users, user_ids = number_ids(users, user_values, refuse("user"))
    items, item_ids = number_ids(items, item_values, refuse("item"))
    notes += find_doubtful(user_ids, chosen.name["user"])
    notes += find_doubtful(item_ids, chosen.name["item"])
    times, per_second = None, 1
    if "time" in columns:
        times, per_second, time_notes = parse_times(take("time"), refuse("time"))
        notes += time_notes
    ratings = _parse_ratings(take("rating"), refuse("rating")) if "rating" in columns else None
    interactions = recbench.Interactions.from_log(
        users, items, times, ratings, n_users=len(user_ids), n_items=len(item_ids)
    )
    notes += [*chosen.notes, _how_read(layout, chosen)]
    if per_second > 1 and interactions.times is not None:  # fractions are needed for sorting only
        interactions = dataclasses.replace(interactions, times=interactions.times // per_second)
    return recbench.Dataset(
        name=layout.file,
        interactions=interactions,
        user_ids=user_ids,
        item_ids=item_ids,
        source=layout.file,
        sha256=sha256,
        notes=tuple(notes),
    )


def _parse_ratings(column: Any, refuse: Callable[[int, str], Exception]) -> Array:
    """Return finite ratings, (rows,) float32."""
    import pyarrow as pa

    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise refuse(row, "is missing. Fill it in")
    try:
        ratings = to_numpy(column.cast(pa.float32(), safe=False), np.float32)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        row = next(n for n, value in enumerate(column) if not _is_castable(value))
        raise refuse(row, "is not a number. Correct it") from None
    finite = np.isfinite(ratings)
    if not finite.all():
        raise refuse(int(np.argmin(finite)), "is not a finite number. Correct it")
    return ratings


def _is_castable(value: Any) -> bool:
    import pyarrow as pa

    try:
        value.cast(pa.float32(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _how_read(layout: Layout, chosen: Chosen) -> str:
    used = ", ".join(f"{role}={name}" for role, name in chosen.name.items())
    if layout.format == "csv":
        name = {",": "CSV", "\t": "TSV"}.get(layout.delimiter, f"CSV with {layout.delimiter!r}")
        return f"The file was read as {name}, with {used}"
    if layout.format in ("inter", "parquet"):
        return f"The file was read as {_FORMAT_NAMES[layout.format]}, with {used}"
    return f"The file was read as {_FORMAT_NAMES[layout.format]}"
