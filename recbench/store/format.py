"""Step 6, store: the JSON of a cell with its checksum, and its cases in Parquet."""

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
    """The JSON of a result, with `sha256` over all else of it."""
    data = json.loads(json.dumps(to_json(result), allow_nan=False))  # as it will be read
    data["sha256"] = _digest(data)
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return text.encode(errors="surrogatepass") + b"\n"  # paths can have what is no character


def decode_result(path: Path, text: bytes) -> Result:
    """The inverse of `encode_result`. Raises RecbenchError, naming the file, for anything else."""
    try:
        data = dict(json.loads(text))
    except _NOT_OURS as error:
        raise RecbenchError(
            f"{path} was cut or edited by hand ({describe_error(error)})"
        ) from error
    checksum = data.pop("sha256", None)
    if checksum is None:
        raise RecbenchError(f"{path} has no sha256 of itself: too old, or edited by hand")
    if checksum != _digest(data):
        raise RecbenchError(f"{path} was edited by hand: it does not fit its own sha256")
    try:
        return from_json(data)
    except _NOT_OURS as error:
        raise RecbenchError(
            f"{path} is of another version of recbench ({describe_error(error)})"
        ) from error


def _digest(data: Mapping[str, Any]) -> str:
    """sha256 of the content: spaces and the order of keys do not matter."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_columns(stem: Path, columns: Columns) -> tuple[str, str]:
    """Put `stem-12345678.parquet` in place; gives its name and sha256. Raises OSError."""
    data = _encode_columns(columns)
    digest = hashlib.sha256(data).hexdigest()
    name = f"{stem.name}-{digest[:8]}.parquet"
    write(stem.with_name(name), data)
    return name, digest


def stem_of(path: Path) -> Path | None:
    """The stem, if `write_columns` wrote the file and nobody has changed it. Raises OSError."""
    stem, _, digest = path.stem.rpartition("-")
    unchanged = len(digest) == 8 and (
        hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest)
    )
    return path.with_name(stem) if unchanged and stem else None


def read_bytes(path: Path, digest: str) -> bytes:
    """What `decode_columns` needs.

    Raises RecbenchError where it is gone or damaged, OSError where it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RecbenchError(f"{path} is gone") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise RecbenchError(f"{path} is not what was written with its JSON")
    return data


def decode_columns(data: bytes) -> dict[str, Column]:
    """The columns of a file; strings come back as objects."""
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
