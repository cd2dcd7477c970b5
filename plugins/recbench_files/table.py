"""Columns out of any file that is read: those of a log, and of any table by their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import Chosen
from .diagnose import locate
from .formats import detect_table
from .ids import encode
from .layout import Layout, is_number
from .parquet import read_parquet
from .text import read_text
from .times import to_numpy

Array = npt.NDArray[Any]


def read_columns(
    layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """By role, a pyarrow.ChunkedArray: as `read_text` says, or of Parquet's own types."""
    if layout.format == "parquet":
        return read_parquet(layout, chosen)
    return read_text(layout, chosen, numbers)


class Table:
    """A table with named columns: CSV by any separator, plain or packed, or Parquet.

    names: of all columns, in the file's order. Raises RecbenchError for a file that is none.
    """

    def __init__(self, file: str, content: bytes) -> None:
        """file: what errors call it."""
        self._layout = detect_table(file, content)
        self.names = self._layout.names

    def read(self, ids: Collection[str], numbers: Collection[str]) -> dict[str, Any]:
        """The columns of these names, one of ids at least, each of which must be there once.

        Of ids a pair: (rows,) int32 codes, -1 where the id is missing, and the texts they index.
        Of numbers: (rows,) float64, NaN for what is no number.
        Raises RecbenchError, which names the line, for a file that is broken.
        """
        import pyarrow as pa

        attempts: list[dict[str, Any]] = [dict.fromkeys(numbers, pa.float64()), {}]
        columns = read_columns(self._layout, self._choose(*ids, *numbers), attempts)
        return {
            **{name: _parse_ids(columns[name]) for name in ids},
            **{name: _parse_numbers(columns[name]) for name in numbers},
        }

    def locate(self, name: str, row: int) -> tuple[str, str]:
        """Where a row stands, such as `recs.csv line 7`, and what this column holds there."""
        where, value = locate(self._layout, self._choose(name), name, row)
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return f"{self._layout.file} {where}", text

    def _choose(self, *names: str) -> Chosen:
        return Chosen(
            {name: self.names.index(name) for name in names}, {name: name for name in names}
        )


def _parse_ids(column: Any) -> tuple[Array, list[str]]:
    import pyarrow as pa

    codes, known = encode(column)
    return codes, known.cast(pa.large_string()).fill_null("").to_pylist()


def _parse_numbers(column: Any) -> Array:
    import pyarrow as pa

    try:
        return to_numpy(column.cast(pa.float64()), np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a text, or whole beyond 2**53
        codes, texts = _parse_ids(column)
    numbers = [float(text) if text and is_number(text) else np.nan for text in texts]
    return np.array([*numbers, np.nan])[codes]  # the last for what is missing
