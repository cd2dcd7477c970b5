"""Read the chosen columns of a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import recbench

from .layout import Layout
from .names import Chosen


def column_names(path: Path) -> tuple[str, ...]:
    """The columns' names, in the file's order. Raises RecbenchError for a broken file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return tuple(parquet.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise _broken(path.name, error) from error


def read_parquet(layout: Layout, chosen: Chosen) -> tuple[dict[str, Any], Any]:
    """The columns by role, and what makes the error for (role, row, problem)."""
    import pyarrow as pa
    from pyarrow import parquet

    def column(role: str) -> Any:
        with parquet.ParquetFile(layout.path) as file:
            return file.read(columns=[chosen.name[role]]).column(0)

    def refuse(role: str, row: int, problem: str) -> recbench.RecbenchError:
        value = repr(column(role)[row].as_py())  # read again: keeping it would keep its memory
        value = value if len(value) <= 60 else value[:57] + "..."
        return recbench.RecbenchError(
            f"{layout.file} row {row + 1}: {role} {value} (column {chosen.name[role]}) {problem}"
        )

    try:
        schema = parquet.read_schema(layout.path)
        for role, name in chosen.name.items():
            if pa.types.is_nested(schema.field(chosen.index[role]).type):
                raise recbench.UsageError(
                    f"{layout.file}: {role} column {name!r} holds lists or records; "
                    "write one row an event"
                )
        columns = {role: column(role) for role in chosen.name}
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout.file, error) from error
    if not len(columns["user"]):
        raise recbench.RecbenchError(f"{layout.file} has no rows")
    return columns, refuse


def _broken(file: str, error: Exception) -> recbench.RecbenchError:
    said = " ".join(str(error).split())
    return recbench.RecbenchError(
        f"{file} is broken or no Parquet file ({said}); write or fetch it again"
    )
