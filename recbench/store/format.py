"""Step 6, store: the JSON file of a cell, with a checksum, and its cases in Parquet."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recbench.data.interactions import Column, Columns
from recbench.errors import RecbenchError, describe_error
from recbench.files import write
from recbench.results.result import Result, from_json, to_json

_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def encode_result(result: Result) -> bytes:
    """Return the JSON of a result, with `sha256`, a checksum of everything else in it."""
    data = json.loads(json.dumps(to_json(result), allow_nan=False))  # as it is read back
    data["sha256"] = _digest(data)
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return text.encode(errors="surrogatepass") + b"\n"  # paths may hold surrogates


def decode_result(path: Path, text: bytes) -> Result:
    """Invert `encode_result`. Raises RecbenchError, with the file's name, for any other content."""
    try:
        data = dict(json.loads(text))
    except _NOT_OURS as error:
        raise RecbenchError(
            f"{path} is damaged: it is not the JSON of a result ({describe_error(error)})"
        ) from error
    checksum = data.pop("sha256", None)
    if checksum is None:
        raise RecbenchError(f"{path} has no checksum: it was edited, or written by an old version")
    if checksum != _digest(data):
        raise RecbenchError(f"{path} was edited: its content does not match its checksum")
    try:
        return from_json(data)
    except _NOT_OURS as error:
        raise RecbenchError(
            f"{path} was written by another version of recbench ({describe_error(error)})"
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
    unchanged = len(digest) == 8 and (
        hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest)
    )
    return path.with_name(stem) if unchanged and stem else None


def read_bytes(path: Path, digest: str) -> bytes:
    """Read a file for `decode_columns`.

    Raises RecbenchError if it is missing or damaged, and OSError if it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RecbenchError(f"{path} is missing") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise RecbenchError(f"{path} is damaged: it does not match the checksum in its JSON file")
    return data


def read_cases(path: Path, result: Result) -> bytes:
    """Read a result's Parquet file. Raises RecbenchError if it is missing or damaged."""
    name, digest = result.cases_file
    return read_bytes(path.with_name(name or "rows"), digest)


def decode_columns(data: bytes) -> dict[str, Column]:
    """Return the columns of a file. Strings become arrays of objects."""
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
