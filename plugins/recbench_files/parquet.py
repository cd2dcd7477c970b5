"""Read the chosen columns of a Parquet file. Folders such as `month=5` add a column `month`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import recbench

from .bounds import refuse_bomb
from .columns import Chosen
from .layout import N_SAMPLE, Layout, shorten
from .plain import is_nested, plain_column, texts_of

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
    return tuple(zip(*map(_sample, rows.columns), strict=True))


def read_parquet(layout: Layout, chosen: Chosen) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role, with the types of the file but for odd ones."""
    import pyarrow as pa

    try:
        data = _open(layout)
        n_values = data.count_rows() * len(chosen.name)
        refuse_bomb(layout.file, layout.size(), _VALUE * n_values)
        return {role: _read(layout, data, name) for role, name in chosen.name.items()}
    except (pa.ArrowException, OSError) as error:
        raise _broken(layout, error) from error


def find_value(layout: Layout, name: str, row: int) -> tuple[str, Any]:
    """Return the place and the value of a column in a row, counted from 0.

    It reads the column again, because keeping the column would cost memory.
    """
    import pyarrow as pa

    value = _read(layout, _open(layout), name).slice(row, 1)
    is_number = pa.types.is_integer(value.type) or pa.types.is_floating(value.type)
    return f"row {row + 1}", value[0].as_py() if is_number else texts_of(value)[0]


def _read(layout: Layout, data: Any, name: str) -> Any:
    """Return a column as a pyarrow.ChunkedArray."""
    kind = data.schema.field(name).type
    try:
        if not is_nested(kind):
            return plain_column(data.to_table(columns=[name]).column(0))
    except ValueError:  # in values of the type JSON
        pass
    raise recbench.UsageError(
        f"{layout.file}: the column {name!r} contains lists or records (its type is "
        f"{shorten(str(kind))}); write one value per row"
    )


def _sample(column: Any) -> list[str]:
    if not is_nested(column.type):
        with contextlib.suppress(ValueError):
            return texts_of(plain_column(column))
    return ["" if value is None else str(value) for value in column.to_pylist()]


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
