"""Read the chosen columns of a Parquet file. Folders such as `month=5` add a column `month`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import recbench

from .bounds import refuse_bomb
from .columns import Chosen
from .layout import N_SAMPLE, Layout
from .plain import sample_of, shown_value, single_values

_VALUE = 8  # bytes, about


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
    return tuple(zip(*map(sample_of, rows.columns), strict=True))


def read_parquet(layout: Layout, chosen: Chosen) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role, with the types of the file but for odd ones."""
    import pyarrow as pa

    try:
        data = _open(layout)
        n_values = data.count_rows() * len(chosen.name)
        refuse_bomb(layout.file, layout.size(), _VALUE * n_values)
        return {role: _read(layout, data, name, role) for role, name in chosen.name.items()}
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout, error) from error


def find_value(layout: Layout, chosen: Chosen, role: str, row: int) -> tuple[str, Any]:
    """Return the place and the value of a role in a row, counted from 0.

    It reads the column again, because keeping the column would cost memory.
    """
    column = _read(layout, _open(layout), chosen.name[role], role)
    return f"row {row + 1}", shown_value(column, row)


def _read(layout: Layout, data: Any, name: str, role: str) -> Any:
    """Return a column as a pyarrow.ChunkedArray."""
    return single_values(data.to_table(columns=[name]).column(0), layout.file, name, role)


def _open(layout: Layout) -> Any:
    """Return the pyarrow.dataset.Dataset."""
    import pyarrow as pa
    from pyarrow import dataset, parquet

    if isinstance(layout.source, Path):
        _refuse_twice(layout, parquet.read_schema(layout.source).names)
        partitioning = None if layout.base is None else "hive"
        return dataset.dataset(
            layout.source,
            format="parquet",
            partitioning=partitioning,
            partition_base_dir=None if layout.base is None else str(layout.base),
        )
    with layout.open() as content:  # from an archive or memory
        file = parquet.ParquetFile(pa.BufferReader(content.read()))
    _refuse_twice(layout, file.schema_arrow.names)
    n_values = file.metadata.num_rows * file.metadata.num_columns
    refuse_bomb(layout.file, layout.size(), _VALUE * n_values)
    return dataset.dataset(file.read())


def _refuse_twice(layout: Layout, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise recbench.UsageError(
            f"{layout.file}: several columns are called {twice[0]!r}; rename all but one"
        )


def _broken(layout: Layout, error: Exception) -> recbench.RecbenchError:
    cause = " ".join(str(error).split())
    return recbench.RecbenchError(
        f"{layout.file} is damaged or not a Parquet file ({cause}); write or download it again"
    )
