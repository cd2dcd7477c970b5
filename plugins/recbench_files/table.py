"""Read columns of any table by name, for `--recs`."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .arrays import to_numpy
from .bare import detect_recommendations
from .bounds import refuse_bomb
from .columns import Chosen, usual_columns
from .diagnose import locate
from .ids import encode
from .layout import Layout, is_number
from .read import read_columns

Array = npt.NDArray[Any]


class Table:
    """A table with named columns: text with any separator, JSON or Parquet, also compressed.

    names: the names of all columns, in order. header: whether the file names them; if not, they are
        "user", "item" and maybe "value", a rank or a score.
    roles: "user" and "item" -> the column with a usual name for it, if there is one.
    notes: on how the columns were read.
    Raises RecbenchError if it is not such a table.
    """

    def __init__(self, file: str, content: bytes) -> None:
        """file: its name in errors."""
        layout = detect_recommendations(file, _as_lines(unzip(file, content)))
        self._layout = dataclasses.replace(layout, missing=frozenset())  # ids are compared as texts
        self._names_read: tuple[str, ...] = ()
        self.names = layout.names
        self.header = layout.header
        self.roles = _find_roles(layout)
        self.notes: Sequence[str] = ()

    def read(self, ids: Collection[str], numbers: Collection[str]) -> dict[str, Any]:
        """Read columns by name: at least one of ids. Each name must occur exactly once.

        For ids, returns a pair: (rows,) int32 codes, -1 for a missing id, and the texts that they
        index. For numbers, returns (rows,) float64, NaN for anything that is not a number.
        Raises RecbenchError with the line for a broken file.
        """
        import pyarrow as pa

        attempts: list[dict[str, Any]] = [dict.fromkeys(numbers, pa.float64()), {}]
        self._names_read = (*ids, *numbers)
        columns, self.notes = read_columns(self._layout, self._choose(), attempts)
        return {
            **{name: _parse_ids(columns[name]) for name in ids},
            **{name: _parse_numbers(columns[name]) for name in numbers},
        }

    def locate(self, name: str, row: int) -> tuple[str, str]:
        """Return the place of a row, such as `recs.csv line 7`, and its value in this column."""
        where, value = locate(self._layout, self._choose(name), name, row)
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return f"{self._layout.file} {where}", text

    def _choose(self, *more: str) -> Chosen:
        """Return the columns that were read, since they decide what the rows are, and more."""
        names = dict.fromkeys((*self._names_read, *more))
        return Chosen(
            {name: self.names.index(name) for name in names}, {name: name for name in names}
        )


def unzip(file: str, content: bytes) -> bytes:
    """Return the only file in a zip archive; the content itself if it is none."""
    if not content.startswith(b"PK\x03\x04"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [
                name
                for name in archive.namelist()
                if not name.endswith("/")
                and not any(part.startswith((".", "__")) for part in PurePosixPath(name).parts)
            ]
            if "[Content_Types].xml" in names:
                raise recbench.RecbenchError(f"{file} is a spreadsheet; save it as CSV")
            if len(names) != 1:
                raise recbench.RecbenchError(
                    f"{file} has {recbench.counted(len(names), 'file')} in it; pack one file"
                )
            info = archive.getinfo(names[0])
            refuse_bomb(file, info.compress_size, info.file_size)
            return archive.read(info)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise recbench.RecbenchError(
            f"{file} is a damaged or encrypted zip archive ({error}); write it again"
        ) from error


def _as_lines(content: bytes) -> bytes:
    """Return a JSON list of records as one record per line, and anything else as it is."""
    if not content.lstrip().startswith(b"["):
        return content
    try:
        records = json.loads(content)
    except ValueError:  # the error for its format says more
        return content
    if not all(isinstance(record, dict) for record in records):
        return content
    return "\n".join(json.dumps(record) for record in records).encode()


def _find_roles(layout: Layout) -> Mapping[str, str]:
    """Return the columns with usual names. Raises RecbenchError if there are several for a role."""
    if not layout.header:
        return {"user": "user", "item": "item"}
    roles = {}
    for role in ("user", "item"):
        usual = usual_columns(layout, role)
        if len(usual) > 1:
            raise recbench.RecbenchError(
                f"{layout.file}: several columns could be the {role}: "
                f"{', '.join(map(repr, usual))}. Rename all but one"
            )
        if usual:
            roles[role] = usual[0]
    return roles


def _parse_ids(column: Any) -> tuple[Array, list[str]]:
    import pyarrow as pa

    codes, known = encode(column)
    return codes, known.cast(pa.large_string()).fill_null("").to_pylist()


def _parse_numbers(column: Any) -> Array:
    import pyarrow as pa

    if pa.types.is_binary(column.type):  # no text, so its hexadecimal digits are no number either
        return np.full(len(column), np.nan)
    try:
        return to_numpy(column.cast(pa.float64()), np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # text, or integers beyond 2**53
        codes, texts = _parse_ids(column)
    numbers = [float(text) if text and is_number(text) else np.nan for text in texts]
    return np.array([*numbers, np.nan])[codes]  # NaN at index -1, for missing values
