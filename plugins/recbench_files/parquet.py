"""Read the chosen columns of a Parquet file. Folders such as `month=5` add a column `month`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import recbench

from .columns import Chosen
from .layout import N_SAMPLE, Layout


def column_names(layout: Layout) -> tuple[str, ...]:
    """Return the names of the columns in order. Raises RecbenchError for a broken file."""
    import pyarrow as pa

    try:
        return tuple(_open(layout).schema.names)
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout, error) from error


def first_rows(layout: Layout) -> tuple[tuple[str, ...], ...]:
    """Return the first rows as texts, with "" for missing values."""
    import pyarrow as pa

    try:
        rows = _open(layout).head(N_SAMPLE)
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout, error) from error
    columns = [
        ["" if value is None else str(value) for value in column.to_pylist()]
        for column in rows.columns
    ]
    return tuple(zip(*columns, strict=True))


def read_parquet(layout: Layout, chosen: Chosen) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role, with the types of the file."""
    import pyarrow as pa

    try:
        data = _open(layout)
        for role, name in chosen.name.items():
            if pa.types.is_nested(data.schema.field(chosen.index[role]).type):
                raise recbench.UsageError(
                    f"{layout.file}: the {role} column {name!r} contains lists or records; "
                    "write one row per interaction"
                )
        return {role: data.to_table(columns=[name]).column(0) for role, name in chosen.name.items()}
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout, error) from error


def find_value(layout: Layout, name: str, row: int) -> tuple[str, Any]:
    """Return the place and the value of a column in a row, counted from 0.

    It reads the column again, because keeping the column would cost memory.
    """
    value = _open(layout).to_table(columns=[name]).column(0)[row].as_py()
    return f"row {row + 1}", value


def _open(layout: Layout) -> Any:
    """Return the pyarrow.dataset.Dataset."""
    from pyarrow import dataset, parquet

    if isinstance(layout.source, Path):
        partitioning = None if layout.base is None else "hive"
        return dataset.dataset(
            layout.source,
            format="parquet",
            partitioning=partitioning,
            partition_base_dir=None if layout.base is None else str(layout.base),
        )
    with layout.open() as content:  # from an archive or memory
        return dataset.dataset(parquet.read_table(content))


def _broken(layout: Layout, error: Exception) -> recbench.RecbenchError:
    cause = " ".join(str(error).split())
    return recbench.RecbenchError(
        f"{layout.file} is damaged or not a Parquet file ({cause}); write or download it again"
    )
