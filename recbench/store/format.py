"""Step 6, store: the JSON file of a cell, with a checksum, and its cases in Parquet."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from recbench.data.interactions import Column, Columns
from recbench.errors import RecbenchError, counted, describe_error
from recbench.evaluation.ranking import Ranking
from recbench.evaluation.uncertainty import number_users, standard_error
from recbench.files import read, write
from recbench.results.json_form import from_json, to_json
from recbench.results.result import Result

T = TypeVar("T")

PACKED = "cases.parquet"
"""The name that a result has for its cases while it is on its way from another process."""

CLOSE = 1e-9
"""Allowed difference between a stored mean and the mean of its rows; relative above 1."""


def encode_result(result: Result) -> bytes:
    """Return the JSON of a result, with `sha256`, a checksum of everything else in it.

    Raises RecbenchError for values that could not be read back.
    """
    try:
        data = json.loads(json.dumps(to_json(result)))  # as it is read back
        from_json(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise RecbenchError(f"{result.label}: {describe_error(error)}") from error
    return seal(data)


def seal(data: dict[str, Any]) -> bytes:
    """Return plain JSON values as text, with `sha256`, a checksum of everything else in it."""
    data["sha256"] = _digest(data)
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return text.encode(errors="surrogatepass") + b"\n"  # paths may hold surrogates


def decode_result(path: Path, text: bytes) -> Result:
    """Invert `encode_result`. Raises RecbenchError, with the file's name, for any other content."""
    return unseal(path, text, "a result", from_json)


def unseal(path: Path, text: bytes, what: str, read_data: Callable[[Any], T]) -> T:
    """Read what `seal` has written.

    what: what the file should contain, for errors. read_data: makes it of JSON values; it raises
    ValueError. Raises RecbenchError, with the file's name, for any other content.
    """
    try:
        data = dict(json.loads(text))
        checksum, actual = data.pop("sha256", None), _digest(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise RecbenchError(
            f"{path} is damaged: it is not the JSON of {what} ({describe_error(error)})"
        ) from error
    if checksum is None:
        raise RecbenchError(f"{path} has no checksum: it was edited, or written by an old version")
    if checksum != actual:
        raise RecbenchError(f"{path} was edited: its content does not match its checksum")
    try:
        return read_data(data)
    except ValueError as error:
        raise RecbenchError(
            f"{path} is damaged, or was written by another version of recbench: {error}"
        ) from error


def _digest(data: Mapping[str, Any]) -> str:
    """Return the sha256 of the content, whatever its spaces and the order of its keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_columns(stem: Path, columns: Columns) -> tuple[str, str]:
    """Write `stem-12345678.parquet`, and return its name and sha256. Raises OSError."""
    data = _encode_columns(columns)
    digest = hashlib.sha256(data).hexdigest()
    name = f"{stem.name}-{digest[:8]}.parquet"
    write(stem.with_name(name), data)
    return name, digest


def stem_of(path: Path) -> Path | None:
    """Return the stem of an unchanged file of `write_columns`, else None. Raises OSError."""
    stem, _, digest = path.stem.rpartition("-")
    unchanged = len(digest) == 8 and hashlib.sha256(read(path)).hexdigest().startswith(digest)
    return path.with_name(stem) if unchanged and stem else None


def packed(result: Result, columns: Columns) -> tuple[bytes, bytes]:
    """Return what `unpacked` makes the same result and columns of, in another process.

    Raises RecbenchError for values that could not be read back.
    """
    data = _encode_columns(columns) if columns else b""
    cases_file = (PACKED, hashlib.sha256(data).hexdigest()) if columns else ("", "")
    return encode_result(dataclasses.replace(result, cases_file=cases_file)), data


def unpacked(text: bytes, data: bytes) -> tuple[Result, dict[str, Column]]:
    """Invert `packed`. Raises RecbenchError for what is damaged, or of another version."""
    where = Path("what a worker returned")
    result = decode_result(where, text)
    columns = _checked_columns(where, data, result) if data else {}
    return dataclasses.replace(result, cases_file=("", "")), columns


def read_cell(path: Path) -> tuple[Result, dict[str, Column]]:
    """Read a result and its columns, of which a failed result has none, and check both files.

    Raises RecbenchError, with the file's name, if one of them is missing, damaged or unreadable.
    """
    text = None
    while True:
        before, text = text, read_file(path)
        try:
            result = decode_result(path, text)
            columns = read_cases(path, result) if result.ok else {}
            result = _with_standard_errors(result, columns)
        except RecbenchError:
            if text == before:  # else another run has replaced both files meanwhile
                raise
        else:
            return result, columns


def _with_standard_errors(result: Result, columns: Columns) -> Result:
    """Return the result with standard errors over users; older files hold some over cases."""
    if not result.ok or result.setting.n_cases == result.setting.n_judged_users:
        return result
    users = number_users(np.asarray(columns["user"]))
    values = {
        key: value._replace(stderr=standard_error(np.asarray(columns[key]), users))
        if key in columns
        else value
        for key, value in result.values.items()
    }
    return dataclasses.replace(result, values=values)


def read_cases(path: Path, result: Result) -> dict[str, Column]:
    """Read a result's Parquet file, and check it against the result.

    path: of the JSON file. Strings become arrays of objects. Raises RecbenchError if the Parquet
    file is missing, damaged or unreadable.
    """
    cases = path.with_name(result.cases_file[0] or "rows")
    return _checked_columns(cases, read_file(cases), result)


def _checked_columns(cases: Path, data: bytes, result: Result) -> dict[str, Column]:
    """Return the columns in the content of a Parquet file. cases: the file, for errors."""
    if hashlib.sha256(data).hexdigest() != result.cases_file[1]:
        raise RecbenchError(f"{cases} is damaged: it does not match the checksum in its JSON file")
    try:
        columns = _decode_columns(data)
        why = _misfit(result, columns)
    except Exception as error:  # Arrow and numpy raise errors of many types
        why = describe_error(error)
    if why:
        raise RecbenchError(f"{cases} is damaged: {why}")
    return columns


def read_file(path: Path) -> bytes:
    """Read a file. Raises RecbenchError if it is missing or unreadable."""
    try:
        return read(path)
    except FileNotFoundError:
        raise RecbenchError(f"{path} is missing") from None
    except OSError as error:
        raise RecbenchError(f"cannot read {path}: {error.strerror or error}") from error


def _misfit(result: Result, columns: Columns) -> str:
    """Return why columns are not those of a result, or "". Raises for columns of other types."""
    ranking, n_cases = Ranking.of_columns(columns), result.setting.n_cases
    n_rows, n_ranks = len(columns["user"]), len(ranking.above)
    if not n_rows == n_cases == len(ranking) or len(ranking.tied) != n_ranks:
        return (
            f"it has {counted(n_rows, 'row')} and {counted(n_ranks, 'rank')}, for {n_cases} cases"
        )
    for name, value in result.values.items():
        mean, stored = np.mean(columns.get(name, value.mean)), value.mean
        if not np.isclose(mean, stored, CLOSE, CLOSE, equal_nan=True):
            return (
                f"the mean of {name} over its rows is {mean:.9g}, but the result says {stored:.9g}"
            )
    return ""


def _decode_columns(data: bytes) -> dict[str, Column]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(io.BytesIO(data))
    return {key: _from_arrow(table[key].combine_chunks()) for key in table.column_names}


def _encode_columns(columns: Columns) -> bytes:
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    table = pyarrow.table({key: _to_arrow(column) for key, column in columns.items()})
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _to_arrow(column: Column) -> Any:
    import pyarrow

    if isinstance(column, tuple):
        flat, offsets = column
        return pyarrow.LargeListArray.from_arrays(
            pyarrow.array(offsets, pyarrow.int64()), pyarrow.array(flat)
        )
    if column.ndim == 2:
        return pyarrow.FixedSizeListArray.from_arrays(
            pyarrow.array(column.reshape(-1)), column.shape[1]
        )
    return pyarrow.array(column)


def _from_arrow(column: Any) -> Column:
    import pyarrow

    if pyarrow.types.is_fixed_size_list(column.type):
        flat = column.flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(len(column), column.type.list_size)
    if pyarrow.types.is_large_list(column.type):
        offsets = column.offsets.to_numpy()
        return column.flatten().to_numpy(zero_copy_only=False), offsets - offsets[0]
    return np.asarray(column.to_numpy(zero_copy_only=False))
