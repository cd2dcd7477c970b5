"""How to read a file: what `formats` detects and the readers use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import recbench

MISSING = frozenset("NA N/A n/a na <NA> #N/A NULL null Null NaN nan NAN None none NONE \\N".split())
"""Words that stand for a missing value, as pandas, R, databases and spreadsheets write it."""


@dataclass(frozen=True)
class Layout:
    """How to read a file.

    file: its name in errors and tables.
    source: its path, or its content as a pyarrow.Buffer.
    packed: the compression: gzip, bz2, zstd or "".
    delimiter: one character; `::` is read as `:` with an empty column between.
    names: names of the columns; for formats without a header, their roles.
    header: whether the file names its columns. `skip` empty lines come before that line.
    quoted: whether fields may be in double quotes.
    sample: the first records after the header.
    missing: the words that count as a missing value, besides the empty field.
    """

    file: str
    source: Any
    format: str = ""
    packed: str = ""
    delimiter: str = ""
    names: tuple[str, ...] = ()
    header: bool = False
    skip: int = 0
    quoted: bool = False
    sample: tuple[tuple[str, ...], ...] = ()
    missing: frozenset[str] = MISSING

    def open(self) -> Any:
        """Return the decompressed bytes, as a pyarrow stream."""
        import pyarrow as pa

        return pa.input_stream(self.source, compression=self.packed or None)

    def open_parquet(self) -> Any:
        """Return the pyarrow.parquet.ParquetFile; the caller must close it."""
        from pyarrow import parquet

        return parquet.ParquetFile(self.source)


def damaged(layout: Layout, error: Exception) -> recbench.RecbenchError:
    """Return the error for a file that cannot be read or decompressed."""
    cause = " ".join(str(error).split())
    what = (
        f"the {layout.packed} data is truncated or damaged" if layout.packed else "reading failed"
    )
    return recbench.RecbenchError(
        f"{layout.file}: {what} ({cause}); download or write the file again"
    )


def is_number(text: str) -> bool:
    """Whether Python reads the text as a finite number."""
    try:
        return "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def shorten(value: Any) -> str:
    """Return a value as Python writes it, with text in quotes, cut to 60 characters."""
    return repr(_cut(value)) if isinstance(value, str) else _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
