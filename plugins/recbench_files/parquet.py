"""Read the chosen columns of a Parquet file."""

from __future__ import annotations

from typing import Any

import recbench

from .columns import Chosen
from .layout import Layout


def column_names(layout: Layout) -> tuple[str, ...]:
    """Return the names of the columns in order. Raises RecbenchError for a broken file."""
    import pyarrow as pa

    try:
        with layout.open_parquet() as file:
            return tuple(file.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout, error) from error


def read_parquet(layout: Layout, chosen: Chosen) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role, with the types of the file."""
    import pyarrow as pa

    try:
        with layout.open_parquet() as file:
            for role, name in chosen.name.items():
                if pa.types.is_nested(file.schema_arrow.field(chosen.index[role]).type):
                    raise recbench.UsageError(
                        f"{layout.file}: the {role} column {name!r} contains lists or records; "
                        "write one row per interaction"
                    )
            return {role: file.read(columns=[name]).column(0) for role, name in chosen.name.items()}
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout, error) from error


def find_value(layout: Layout, name: str, row: int) -> Any:
    """Return the value of a column in a row, counted from 0.

    It reads the column again, because keeping the column would cost memory.
    """
    with layout.open_parquet() as file:
        return file.read(columns=[name]).column(0)[row].as_py()


def _broken(layout: Layout, error: Exception) -> recbench.RecbenchError:
    cause = " ".join(str(error).split())
    return recbench.RecbenchError(
        f"{layout.file} is damaged or not a Parquet file ({cause}); write or download it again"
    )
