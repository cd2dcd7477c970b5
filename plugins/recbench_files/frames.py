"""Read the chosen columns of a pandas DataFrame or a pyarrow Table, which is never changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any

import numpy as np

import recbench

from .columns import Chosen
from .jsonl.records import value_text
from .layout import N_SAMPLE, Layout
from .plain import sample_of, shown_value, single_values

_LISTS = (list, tuple, set, frozenset, np.ndarray)
_REMEDIES = {
    "polars.LazyFrame": "df.collect().to_pandas()",
    "dask.DataFrame": "df.compute()",
    "pyspark.DataFrame": "df.toPandas()",
    "pandas.Series": "a DataFrame with a column for the user and one for the item",
    "numpy.ndarray": 'pd.DataFrame(array, columns=["user", "item", "time"])',
    "builtins.dict": "pd.DataFrame(data)",
    "builtins.list": "pd.DataFrame(data)",
}


class Frame:
    """A table in memory.

    names: of its columns. Levels of an index that have a name are columns too, as is an index
        without one, called `index`, unless it only numbers the rows.
    kind: "DataFrame" or "Table".
    """

    def __init__(self, data: Any) -> None:
        """data: see `is_frame`."""
        self._data = data
        self.kind = type(data).__name__
        self.names = tuple(name for name, _ in self._columns)

    def __len__(self) -> int:
        return len(self._data)

    def column(self, place: int, n_rows: int | None = None) -> Any:
        """Return a column, or its first rows, as a pyarrow.ChunkedArray."""
        return self._columns[place][1](slice(n_rows))

    def place_of(self, row: int) -> str:
        """Return how users find a row, counted from 0."""
        return f"iloc[{row}]" if self.kind == "DataFrame" else f"row {row}"

    @cached_property
    def _columns(self) -> list[tuple[str, Callable[[slice], Any]]]:
        """The name of each column, and a function that returns some rows of it."""
        if self.kind == "Table":
            return [
                (name, partial(self._of_table, n)) for n, name in enumerate(self._data.column_names)
            ]
        columns = [
            (_name(label), partial(self._of_frame, n)) for n, label in enumerate(self._data.columns)
        ]
        known = {name for name, _ in columns}
        levels = [
            (name, partial(self._of_index, n))
            for n, name in enumerate(map(self._name_of_level, range(self._data.index.nlevels)))
            if name and name not in known
        ]
        return [*levels, *columns]

    def _of_table(self, place: int, rows: slice) -> Any:
        return self._data.column(place)[rows]

    def _of_frame(self, place: int, rows: slice) -> Any:
        return _convert(self._data.iloc[rows, place])

    def _of_index(self, level: int, rows: slice) -> Any:
        return _convert(self._data.index[rows].get_level_values(level).to_series())

    def _name_of_level(self, level: int) -> str:
        """Return the name of a level of the index as a column; "" if it only numbers the rows."""
        from pandas.api.types import is_integer_dtype

        index = self._data.index
        if index.names[level] is not None:
            return _name(index.names[level])
        is_number = index.nlevels == 1 and (is_integer_dtype(index.dtype) or not len(index))
        return "" if is_number or index.nlevels > 1 else "index"


def is_frame(data: Any) -> bool:
    """Whether this is a pandas DataFrame or a pyarrow Table."""
    kinds = (("pandas", "DataFrame"), ("pyarrow", "Table"))
    return any(
        module in sys.modules and isinstance(data, getattr(sys.modules[module], name))
        for module, name in kinds
    )


def refuse_data(data: Any) -> recbench.UsageError:
    """Return the error for an object that is not a log; it says how to make a DataFrame of it."""
    kind = type(data)
    package = kind.__module__.partition(".")[0]
    name = kind.__name__ if package == "builtins" else f"{package} {kind.__name__}"
    remedy = _REMEDIES.get(f"{package}.{kind.__name__}", "")
    if not remedy:
        remedy = "df.to_pandas()" if hasattr(data, "to_pandas") else "a path or a pandas DataFrame"
    article = "an" if name[0] in "aeiou" else "a"
    return recbench.UsageError(f"{article} {name} cannot be read as a table; pass {remedy}")


def detect_frame(layout: Layout) -> Layout:
    """Return the layout with the names of the columns and the first rows as texts."""
    frame = layout.source
    if not frame.names:
        raise recbench.UsageError(f"{layout.file} has no columns; check how it was made")
    columns = [sample_of(frame.column(place, N_SAMPLE)) for place in range(len(frame.names))]
    return Layout(
        layout.file,
        frame,
        format="frame",
        names=frame.names,
        header=True,
        sample=tuple(zip(*columns, strict=True)),
        missing=layout.missing,
    )


def read_frame(layout: Layout, chosen: Chosen) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role."""
    return {role: _read(layout, chosen, role) for role in chosen.index}


def find_frame_value(layout: Layout, chosen: Chosen, role: str, row: int) -> tuple[str, Any]:
    """Return the place and the value of a role in a row, counted from 0."""
    return layout.source.place_of(row), shown_value(_read(layout, chosen, role), row)


def _read(layout: Layout, chosen: Chosen, role: str) -> Any:
    column = layout.source.column(chosen.index[role])
    return single_values(column, layout.file, chosen.name[role], role)


def _name(label: Any) -> str:
    """Return the label of a column as text; of several levels, joined by dots."""
    return (
        ".".join(str(part) for part in label if str(part))
        if isinstance(label, tuple)
        else str(label)
    )


def _convert(series: Any) -> Any:
    """Return a pandas Series as a pyarrow.ChunkedArray."""
    import pandas as pd
    import pyarrow as pa

    kind = series.dtype
    if isinstance(kind, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    elif isinstance(kind, pd.SparseDtype):
        series = series.sparse.to_dense()
    if series.dtype == object:
        array = _convert_objects(series)
    else:
        try:
            array = pa.array(series, from_pandas=True)
        except (pa.ArrowException, TypeError):  # a type that pyarrow does not know
            array = _as_texts(series.tolist())
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _convert_objects(series: Any) -> Any:
    """Return Python objects as a pyarrow array; as texts if they are not all of one kind."""
    import pandas as pd
    import pyarrow as pa

    values = series.tolist()
    known = [value for value in values if not _is_missing(value)]
    zones = {value.tzinfo is None for value in known if isinstance(value, datetime)}
    try:
        if len(zones) == 1 and all(isinstance(value, datetime) for value in known):
            return pa.array(pd.to_datetime(series, utc=zones == {False}), from_pandas=True)
        if not zones:  # pyarrow would ignore zones, and cut times off among dates
            return pa.array(series, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    return _as_texts(values)


def _as_texts(values: Sequence[Any]) -> Any:
    """Return a pyarrow array of texts, or of lists of texts if some values are lists."""
    import pyarrow as pa

    if not any(isinstance(value, _LISTS) for value in values):
        return pa.array(map(_text, values), pa.string())
    lists = [
        [_text(part) for part in (sorted(value) if isinstance(value, set | frozenset) else value)]
        if isinstance(value, _LISTS)
        else None
        if _is_missing(value)
        else [_text(value)]
        for value in values
    ]
    return pa.array(lists, pa.list_(pa.string()))


def _text(value: Any) -> str | None:
    if _is_missing(value):
        return None
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    return (
        value.decode("utf-8", "backslashreplace")
        if isinstance(value, bytes)
        else (value_text(value))
    )


def _is_missing(value: Any) -> bool:
    """Whether this is None, NaN, NaT or pd.NA."""
    import pandas as pd

    return not isinstance(value, (*_LISTS, dict)) and bool(pd.isna(value))
