"""Read columns of any table by name, for `--recs`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import Chosen
from .diagnose import locate
from .formats import detect_table
from .ids import encode
from .layout import Layout, is_number
from .read import read_columns
from .times import to_numpy

Array = npt.NDArray[Any]


class Table:
    """A table with named columns: CSV with any separator, also compressed, or Parquet.

    names: the names of all columns, in order. Raises RecbenchError if it is not such a table.
    """

    def __init__(self, file: str, content: bytes) -> None:
        """file: its name in errors."""
        self._layout = detect_table(file, content)
        self.names = self._layout.names

    def read(self, ids: Collection[str], numbers: Collection[str]) -> dict[str, Any]:
        """Read columns by name: at least one of ids. Each name must occur exactly once.

        For ids, returns a pair: (rows,) int32 codes, -1 for a missing id, and the texts that they
        index. For numbers, returns (rows,) float64, NaN for anything that is not a number.
        Raises RecbenchError with the line for a broken file.
        """
        import pyarrow as pa

        attempts: list[dict[str, Any]] = [dict.fromkeys(numbers, pa.float64()), {}]
        columns = read_columns(self._layout, self._choose(*ids, *numbers), attempts)
        return {
            **{name: _parse_ids(columns[name]) for name in ids},
            **{name: _parse_numbers(columns[name]) for name in numbers},
        }

    def locate(self, name: str, row: int) -> tuple[str, str]:
        """Return the place of a row, such as `recs.csv line 7`, and its value in this column."""
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
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # text, or integers beyond 2**53
        codes, texts = _parse_ids(column)
    numbers = [float(text) if text and is_number(text) else np.nan for text in texts]
    return np.array([*numbers, np.nan])[codes]  # NaN at index -1, for missing values
