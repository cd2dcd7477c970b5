"""Columns become the dataset: ids numbered, incomplete rows dropped and counted, order kept."""

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
    "pairs": "a user and an item a line, in the order of time",
    "sequences": "a user and the items a line, oldest first",
}


def assemble(
    layout: Layout, chosen: Chosen, columns: dict[str, Any], sha256: str
) -> recbench.Dataset:
    """The dataset of the columns, which are let go one by one to spare memory.

    columns: role -> pyarrow.ChunkedArray, with one row at least.
    """
    notes = [_how_read(layout, chosen)]
    if chosen.note:
        notes.append(chosen.note)
    users, user_values = encode(columns.pop("user"))
    items, item_values = encode(columns.pop("item"))
    complete: Array | None = None  # the rows that stay, where some do not
    if users.min() < 0 or items.min() < 0:
        no_user, no_item = users < 0, (users >= 0) & (items < 0)
        for role, missing in (("user", no_user), ("item", no_item)):
            if missing.any():
                count = int(missing.sum())
                rows = f"{count:,} rows" if count > 1 else "1 row"
                notes.append(f"{rows} without {chosen.name[role]} dropped")
        complete = np.flatnonzero(~(no_user | no_item))
        users, items = users[complete], items[complete]
        if not len(complete):
            raise recbench.RecbenchError(f"{layout.file}: {'; '.join(notes[1:])}: no row is left")

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
    elif layout.format not in ("pairs", "sequences"):
        notes.append("no time column: events taken in the file's order")
    ratings = _parse_ratings(take("rating"), refuse("rating")) if "rating" in columns else None
    interactions = recbench.Interactions.from_log(
        users, items, times, ratings, n_users=len(user_ids), n_items=len(item_ids)
    )
    if per_second > 1 and interactions.times is not None:  # sorted by the fractions, kept without
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
    """(rows,) float32, every one a finite number."""
    import pyarrow as pa

    without = "or write rating= to do without"
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise refuse(row, f"is missing; fill it in, {without}")
    try:
        ratings = to_numpy(column.cast(pa.float32(), safe=False), np.float32)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        row = next(n for n, value in enumerate(column) if not _is_castable(value))
        raise refuse(row, f"is no number; mend it, {without}") from None
    finite = np.isfinite(ratings)
    if not finite.all():
        raise refuse(int(np.argmin(finite)), f"is no finite number; mend it, {without}")
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
        return f"read as {name}: {used}"
    if layout.format in ("inter", "parquet"):
        return f"read as {_FORMAT_NAMES[layout.format]}: {used}"
    return f"read as {_FORMAT_NAMES[layout.format]}"
