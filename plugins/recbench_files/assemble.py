"""Columns become the dataset: ids numbered, incomplete rows dropped and counted, order kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .ids import codes_of, doubts, number
from .layout import Layout
from .names import Chosen
from .times import filled, times_of

Array = npt.NDArray[Any]
_CALLED = {
    "csv": "a table with a header",
    "udata": "u.data (user, item, rating, time)",
    "dat": "ratings.dat (user::item::rating::time)",
    "inter": "RecBole's .inter",
    "parquet": "Parquet",
    "pairs": "a user and an item a line, in the order of time",
    "sequences": "a user and the items a line, oldest first",
}


def assemble(
    layout: Layout,
    chosen: Chosen,
    columns: dict[str, Any],
    refuse: Callable[[str, int, str], recbench.RecbenchError],
    sha256: str,
) -> recbench.Dataset:
    """The dataset of the columns, which are let go one by one to spare memory.

    refuse: makes the error for (role, row, problem).
    """
    notes = [_how_read(layout, chosen)]
    if chosen.left:
        notes.append(chosen.left)
    users, user_values = codes_of(columns.pop("user"))
    items, item_values = codes_of(columns.pop("item"))
    whole: Array | None = None  # the rows that are kept, where some are not
    if users.min() < 0 or items.min() < 0:
        no_user, no_item = users < 0, (users >= 0) & (items < 0)
        for role, missing in (("user", no_user), ("item", no_item)):
            if missing.any():
                count = int(missing.sum())
                lost = f"{count:,} rows" if count > 1 else "1 row"
                notes.append(f"{lost} without {chosen.name[role]} dropped")
        whole = np.flatnonzero(~(no_user | no_item))
        users, items = users[whole], items[whole]
        if not len(whole):
            raise recbench.RecbenchError(f"{layout.file}: {'; '.join(notes[1:])}: no row is left")

    def at(role: str) -> Callable[[int, str], recbench.RecbenchError]:
        def refuse_row(row: int, problem: str) -> recbench.RecbenchError:
            return refuse(role, row if whole is None else int(whole[row]), problem)

        return refuse_row

    def kept(role: str) -> Any:
        column = columns.pop(role)
        return column if whole is None else column.take(whole)

    users, user_ids = number(users, user_values, at("user"))
    items, item_ids = number(items, item_values, at("item"))
    notes += doubts(user_ids, chosen.name["user"]) + doubts(item_ids, chosen.name["item"])
    times, per_second = None, 1
    if "time" in columns:
        times, per_second, said = times_of(kept("time"), at("time"))
        notes += said
    elif layout.format not in ("pairs", "sequences"):
        notes.append("no time column: events taken in the file's order")
    ratings = _ratings(kept("rating"), at("rating")) if "rating" in columns else None
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


def _ratings(column: Any, refuse: Callable[[int, str], Exception]) -> Array:
    """(rows,) float32, every one a finite number."""
    import pyarrow as pa

    without = "or write rating= to do without"
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise refuse(row, f"is missing; fill it in, {without}")
    try:
        ratings = filled(column.cast(pa.float32(), safe=False), np.float32)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        row = next(n for n, value in enumerate(column) if not _casts(value))
        raise refuse(row, f"is no number; mend it, {without}") from None
    finite = np.isfinite(ratings)
    if not finite.all():
        raise refuse(int(np.argmin(finite)), f"is no finite number; mend it, {without}")
    return ratings


def _casts(value: Any) -> bool:
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
        return f"read as {_CALLED[layout.format]}: {used}"
    return f"read as {_CALLED[layout.format]}"
