"""Detect and read all files of a log, column by column."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

import recbench

from .columns import Chosen, Requested, choose_columns
from .diagnose import no_rows, row_error
from .formats import detect_layout
from .frames import read_frame
from .jsonl.reader import read_json
from .layout import FEATURE, WITHOUT_NAMES, Layout
from .parquet import read_parquet
from .text.reader import log_numbers, read_text


@dataclass(frozen=True)
class File:
    """A file of a log: how to read it, and its chosen columns."""

    layout: Layout
    chosen: Chosen


@dataclass(frozen=True)
class Log:
    """The files of a log and their columns, one file after the other.

    files: at least one; all have the same names of columns. columns: role -> pyarrow.ChunkedArray.
    n_rows: number of rows of each file. notes: on how the files were read.
    """

    files: Sequence[File]
    columns: dict[str, Any]
    n_rows: Sequence[int]
    notes: Sequence[str] = ()

    @property
    def names(self) -> Mapping[str, str]:
        """Role -> name of its column."""
        return self.files[0].chosen.name

    def error(self, role: str, row: int, problem: str) -> recbench.RecbenchError:
        """Return the error for a wrong value, with its file and line; see `row_error`."""
        ends = np.cumsum(self.n_rows)
        place = int(np.searchsorted(ends, row, side="right"))
        file, before = self.files[place], int(ends[place]) - self.n_rows[place]
        return row_error(file.layout, file.chosen, role, row - before, problem)


def detect_layouts(
    sources: Sequence[Layout],
    format: str,  # noqa: A002  the name of the option
    header: str | None,
    requested: Requested,
    missing: frozenset[str],
) -> list[Layout]:
    """Detect the format of each file. A format without a header in the first holds for the rest.

    Lists of one item per user look like pairs, so sequences in another file decide.
    """
    layouts: list[Layout] = []
    for source in sources:
        first = layouts[0].format if layouts else ""
        if format == "auto" and first in WITHOUT_NAMES and first != "pairs":
            format = first  # noqa: A001
        layouts.append(detect_layout(source, format, requested, header))
        if layouts[0].format == "pairs" and layouts[-1].format == "sequences":
            return detect_layouts(sources, "sequences", header, requested, missing)
    return [dataclasses.replace(layout, missing=missing) for layout in layouts]


def choose_files(
    layouts: Sequence[Layout],
    requested: Requested,
    filtered: Sequence[str],
    features: Sequence[str] = (),
) -> list[File]:
    """Choose the columns of each file. Raises UsageError if they differ between files."""
    files = [
        File(layout, choose_columns(layout, requested, filtered, features)) for layout in layouts
    ]
    first = files[0]
    for file in files:
        if file.chosen.name != first.chosen.name:
            remedy = "Name the columns"
            only = [
                role
                for role in ("time", "rating")
                if (role in file.chosen.name) != (role in first.chosen.name)
            ]
            if only and len(file.chosen.name.items() ^ first.chosen.name.items()) == len(only):
                remedy = f"Leave out what only one has: {','.join(f'{role}=' for role in only)}"
            raise recbench.UsageError(
                f"{file.layout.file} was read with {_used(file.chosen)}, but {first.layout.file} "
                f"with {_used(first.chosen)}. {remedy}"
            )
    return files


def read_log(files: Sequence[File]) -> Log:
    """Read the chosen columns of all files. Raises RecbenchError for broken data."""
    notes: list[str] = list(files[0].chosen.notes)
    read: list[dict[str, Any]] = []
    for file in files:
        columns, more = read_columns(
            file.layout, file.chosen, log_numbers(file.layout, file.chosen)
        )
        read.append(columns)
        notes += [note if len(files) == 1 else f"{file.layout.file}: {note}" for note in more]
    if folder := _partition(files):
        notes.append(f"Names of folders, such as {folder}, were not read as columns")
    n_rows = [len(columns["user"]) for columns in read]
    if not sum(n_rows):
        raise no_rows(files[0].layout)
    together = {
        role: read[0][role]
        if len(read) == 1
        else _concatenate(role, files, [columns.pop(role) for columns in read])
        for role in list(read[0])
    }
    return Log(files, together, n_rows, notes)


def read_columns(
    layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return a pyarrow.ChunkedArray per role, and notes on how they were read."""
    if layout.format == "frame":
        return read_frame(layout, chosen), ()
    if layout.format == "parquet":
        return read_parquet(layout, chosen), ()
    if layout.format == "json":
        return read_json(layout, chosen), ()
    return read_text(layout, chosen, numbers)


def _partition(files: Sequence[File]) -> str:
    """Return the name of a folder such as `day=5` that would add a column to a Parquet file."""
    for layout in (file.layout for file in files if file.layout.format != "parquet"):
        for folder in PurePosixPath(layout.file).parts[:-1]:
            if layout.base is not None and "=" in folder:
                return folder
    return ""


def _concatenate(role: str, files: Sequence[File], columns: Sequence[Any]) -> Any:
    """Return the column of all files, as text if it is text in some of them."""
    import pyarrow as pa

    types = [column.type for column in columns]
    if any(kind != types[0] for kind in types):
        known = {kind for kind in types if not pa.types.is_null(kind)}
        wider = pa.dictionary(pa.int32(), pa.string())
        if len(known) == 1:
            wider = known.pop()
        elif all(map(pa.types.is_integer, known)):
            wider = pa.int64()
        elif (role in ("time", "rating") or role.startswith(FEATURE)) and all(
            map(_is_number, known)
        ):
            wider = pa.float64()
        try:
            columns = [
                column if column.type == wider else _cast(column, wider) for column in columns
            ]
        except pa.ArrowException:
            listed = ", ".join(
                f"{kind} in {file.layout.file}" for kind, file in zip(types, files, strict=True)
            )
            raise recbench.RecbenchError(
                f"the {role} column has different types: {listed}; write all files in the same way"
            ) from None
    return pa.chunked_array(
        [chunk for column in columns for chunk in column.chunks], columns[0].type
    )


def _cast(column: Any, kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not pa.types.is_dictionary(kind) or pa.types.is_null(column.type):
        return column.cast(kind)
    if pa.types.is_floating(column.type):  # Arrow writes 1.0 as 1, but 123456789012.0 with an e
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            column = pa.chunked_array([list(map(_text_of_float, column.to_pylist()))])
    return column.cast(kind.value_type).dictionary_encode()


def _text_of_float(value: float | None) -> str | None:
    return None if value is None or math.isnan(value) else repr(value)


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _used(chosen: Chosen) -> str:
    return ", ".join(f"{role}={name}" for role, name in chosen.name.items())
