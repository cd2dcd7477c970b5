"""Build the dataset from columns: filter rows, drop incomplete ones, number the ids, sort."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .arrays import to_numpy
from .features import read_feature
from .ids import Ids, find_doubtful, number_ids, read_ids
from .layout import FEATURE, Layout
from .parts import PARTS
from .read import Log
from .side_table import SideTable, name_in
from .times.reader import Times, parse_times
from .titles import first_titles

Array = npt.NDArray[Any]
_FORMAT_NAMES = {
    "csv": "a table with a header",
    "udata": "u.data (user, item, rating, time)",
    "dat": "ratings.dat (user::item::rating::time)",
    "inter": "RecBole's .inter",
    "parquet": "Parquet",
    "json": "JSON lines",
    "pairs": "pairs (a user and an item per line, in order of time)",
    "sequences": "sequences (a user and its items per line, oldest first)",
}


def assemble(
    log: Log,
    where: recbench.Where | None,
    time_format: str | None,
    sides: Mapping[str, SideTable] | None = None,
) -> tuple[recbench.Interactions, Array, Array, Array | None, list[str]]:
    """Return the interactions, the ids of users and items, titles of items, and notes.

    sides: role -> table of users or items, which conditions of `where` may use. Columns of the log
    are released one by one to save memory.
    """
    rows, total = _Rows(log), sum(log.n_rows)
    notes: list[str] = []
    layout = log.files[0].layout
    if where is not None:
        rows.drop(~_meets(log, where))
    n_filtered = total - len(rows)
    ids = {
        role: read_ids(log.columns.pop(role), log.names[role], layout.missing)
        for role in ("user", "item")
    }
    for role, side in (sides or {}).items():
        side.refuse_foreign(ids[role].known.to_pylist())
    if len(rows):
        notes += _drop_incomplete(log, rows, ids)
    if where is not None:
        n_filtered += _drop_by_tables(log, rows, ids, where, sides or {})
    times = _read_times(log, rows, time_format) if len(rows) else None
    if where is not None:
        if times is not None:
            too_early_or_late = ~_time_meets(log, where, times)
            rows.drop(too_early_or_late)
            n_filtered += int(np.count_nonzero(too_early_or_late))
            times = dataclasses.replace(times, values=times.values[~too_early_or_late])
        notes.insert(0, _note_filtered(where, n_filtered, total))
        if not len(rows):
            raise recbench.RecbenchError(
                f"{layout.file}: no row meets {where}; change the condition"
            )
    user_of_row, user_ids = number_ids(
        rows.take(ids["user"].codes), ids["user"].known, rows.refuse("user")
    )
    item_of_row, item_ids = number_ids(
        rows.take(ids["item"].codes), ids["item"].known, rows.refuse("item")
    )
    for role, kept in (("user", user_ids), ("item", item_ids)):
        notes += ids[role].notes
        notes += find_doubtful(kept, log.names[role])
    if times is not None:
        notes += times.notes
    ratings = None
    if "rating" in log.columns:
        ratings = _parse_ratings(
            rows.take(log.columns.pop("rating")), log.names["rating"], rows.refuse("rating")
        )
    titles = None
    if "title" in log.columns:
        texts = read_ids(log.columns.pop("title"), log.names["title"], layout.missing)
        known = texts.known.cast("large_string").to_numpy(zero_copy_only=False)
        titles = first_titles(item_of_row, rows.take(texts.codes), known, len(item_ids))
    features = {
        role.removeprefix(FEATURE): read_feature(rows.take(log.columns.pop(role)), layout)
        for role in [role for role in log.columns if role.startswith(FEATURE)]
    }
    interactions = recbench.Interactions.from_log(
        user_of_row,
        item_of_row,
        None if times is None else times.values,
        ratings,
        time_unit="s" if times is None else times.unit,
        parts=rows.take(_parts(log)),
        features=features,
        n_users=len(user_ids),
        n_items=len(item_ids),
    )
    notes += _note_on_days(log, interactions)
    return interactions, user_ids, item_ids, titles, [*notes, *log.notes, _how_read(log)]


class _Rows:
    """Which rows of a log are kept.

    kept: their numbers in the log, or None as long as all are kept.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self.kept: Array | None = None

    def drop(self, dropped: Array) -> None:
        """Drop rows. dropped: (rows that are kept so far,) bool."""
        if dropped.any():
            left = np.flatnonzero(~dropped)
            self.kept = left if self.kept is None else self.kept[left]

    def take(self, column: Any) -> Any:
        """Return the kept rows of an array or a pyarrow.ChunkedArray; None stays None."""
        return column if self.kept is None or column is None else column.take(self.kept)

    def refuse(self, role: str) -> Callable[[int, str], recbench.RecbenchError]:
        """Return a function that creates the error for (kept row, problem)."""

        def error(row: int, problem: str) -> recbench.RecbenchError:
            return self.log.error(role, row if self.kept is None else int(self.kept[row]), problem)

        return error

    def __len__(self) -> int:
        return sum(self.log.n_rows) if self.kept is None else len(self.kept)


def _meets(log: Log, where: recbench.Where) -> Array:
    """Whether each row meets the conditions, but for those on the time, (rows,) bool."""
    meets = np.ones(sum(log.n_rows), dtype=bool)
    for name in where.columns:
        column = log.columns.pop(f"where:{name}", None)
        if column is not None and not _is_time(log, name):
            texts = read_ids(column, name, log.files[0].layout.missing)
            values = [*texts.known.to_pylist(), None]  # None at index -1, for missing values
            meets &= _holds(log, where, name, values)[texts.codes]
    return meets


def _drop_by_tables(
    log: Log,
    rows: _Rows,
    ids: Mapping[str, Ids],
    where: recbench.Where,
    sides: Mapping[str, SideTable],
) -> int:
    """Drop rows whose user or item does not meet a condition; return their number."""
    before = len(rows)
    left = [name for name in where.columns if f"where:{name}" not in log.names]
    for name in left:
        role, side = next(pair for pair in sides.items() if name_in(pair[1].columns, [name]))
        met = side.meets(where, name, ids[role].known.to_pylist())
        rows.drop(~met[rows.take(ids[role].codes)])
    return before - len(rows)


def _time_meets(log: Log, where: recbench.Where, times: Times) -> Array:
    """Whether each time meets the conditions on the time, (rows,) bool."""
    meets = np.ones(len(times.values), dtype=bool)
    for name in where.columns:
        if _is_time(log, name):
            whole = times.values.astype(np.int64)
            meets &= _holds(log, where, name, whole.astype(f"datetime64[{times.unit}]"))
    return meets


def _holds(log: Log, where: recbench.Where, name: str, values: Any) -> Array:
    try:
        return where.holds(name, values)
    except recbench.RecbenchError as error:
        raise recbench.RecbenchError(f"{log.files[0].layout.file}: {error}") from error


def _is_time(log: Log, name: str) -> bool:
    index = log.files[0].chosen.index
    return "clock" not in index and index.get("time") == index.get(f"where:{name}", -1)


def _note_filtered(where: recbench.Where, n_filtered: int, total: int) -> str:
    not_meet, were = ("do not", "were") if n_filtered != 1 else ("does not", "was")
    return f"{n_filtered:,} of {total:,} rows {not_meet} meet {where} and {were} dropped"


def _drop_incomplete(log: Log, rows: _Rows, ids: dict[str, Ids]) -> list[str]:
    """Drop rows without a user, an item or a time; return notes with their numbers."""
    notes = []
    missing = {role: column.missing for role, column in ids.items()}
    for role in ("time", "clock"):
        if role in log.columns:
            missing[role] = _is_missing(log.columns[role], log.files[0].layout)
    for role, mask in missing.items():
        lacking = rows.take(mask)
        rows.drop(lacking)
        if n := int(np.count_nonzero(lacking)):
            have, were = ("rows have", "were") if n > 1 else ("row has", "was")
            notes.append(f"{n:,} {have} no {log.names[role]} and {were} dropped")
    if not len(rows):
        columns = ", ".join(log.names[role] for role in missing)
        raise recbench.RecbenchError(
            f"{log.files[0].layout.file}: no row has a value in all of the columns {columns}; "
            "choose other columns"
        )
    return notes


def _is_missing(column: Any, layout: Layout) -> Array:
    """Whether the time is missing, (rows,) bool."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return read_ids(column, "", layout.missing).missing
    return to_numpy(pc.is_null(column, nan_is_null=True), np.bool_)


def _read_times(log: Log, rows: _Rows, time_format: str | None) -> Times | None:
    if "time" not in log.columns:
        return None
    clock = log.columns.pop("clock") if "clock" in log.columns else None
    return parse_times(
        rows.take(log.columns.pop("time")), rows.refuse("time"), time_format, rows.take(clock)
    )


def _note_on_days(log: Log, interactions: recbench.Interactions) -> list[str]:
    """Return a note if times of a user are the same day, and another column may order them."""
    times, offsets = interactions.times, interactions.offsets
    is_spare = len(log.files[0].layout.names) > len(set(log.files[0].chosen.index.values()))
    if times is None or not is_spare or interactions.time_unit != "s" or (times % 86_400).any():
        return []
    as_before = times[1:] == times[:-1]
    as_before[offsets[1:-1] - 1] = False
    if not as_before.any():
        return []
    option = f"time={log.names['time']}+COLUMN"
    return [
        f"Times are whole days; if another column orders the interactions of a day, write {option}"
    ]


def _parts(log: Log) -> Array | None:
    """Return the part of a given split of each row, (rows,) int8, or None."""
    parts = [file.layout.part for file in log.files]
    if not all(parts):
        return None
    return np.repeat(np.array([PARTS.index(part) for part in parts], dtype=np.int8), log.n_rows)


def _parse_ratings(column: Any, name: str, refuse: Callable[[int, str], Exception]) -> Array:
    """Return finite ratings, (rows,) float32."""
    import pyarrow as pa

    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise refuse(row, f"is missing. Fill it in, drop such rows with where={name}!=")
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
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


def _how_read(log: Log) -> str:
    layout, chosen = log.files[0].layout, log.files[0].chosen
    what = "The file was" if len(log.files) == 1 else "The files were"
    names = {role: name for role, name in chosen.name.items() if ":" not in role}
    if features := [name for role, name in chosen.name.items() if role.startswith(FEATURE)]:
        names["features"] = ",".join(features)
    if clock := names.pop("clock", ""):
        names["time"] += f"+{clock}"
    used = ", ".join(f"{role}={name}" for role, name in names.items())
    if layout.format == "csv":
        kinds = {",": "CSV", "\t": "TSV", ":": "CSV with '::'"}
        kind = kinds.get(layout.delimiter, f"CSV with {layout.delimiter!r}")
        given = "" if layout.header else " with the columns of header="
        return f"{what} read as {kind}{given}, with {used}"
    if layout.format == "frame":
        return f"The {layout.source.kind}{what.removeprefix('The file')} read with {used}"
    if layout.format in ("inter", "parquet", "json"):
        return f"{what} read as {_FORMAT_NAMES[layout.format]}, with {used}"
    return f"{what} read as {_FORMAT_NAMES[layout.format]}"
