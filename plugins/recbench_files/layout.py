"""How a file is to be read: what `formats` finds, and what the readers go by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import recbench


@dataclass(frozen=True)
class Layout:
    """How a file is to be read.

    file: its name, as errors and tables show it.
    source: its path, or its content as a pyarrow.Buffer.
    packed: gzip, bz2, zstd or "".
    delimiter: one character; `::` is read as `:` with an empty column between.
    names: the columns' names; of formats without a header, the names of their meaning.
    header: does the file name its columns? Above a line that does, `skip` empty ones stand.
    quoted: may fields stand in double quotes?
    sample: the records after the header that were looked at.
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

    def open(self) -> Any:
        """The unpacked bytes, as a pyarrow stream."""
        import pyarrow as pa

        return pa.input_stream(self.source, compression=self.packed or None)

    def open_parquet(self) -> Any:
        """The pyarrow.parquet.ParquetFile, to be closed."""
        from pyarrow import parquet

        return parquet.ParquetFile(self.source)


def damaged(layout: Layout, error: Exception) -> recbench.RecbenchError:
    """The error for packed data that ends early or does not unpack."""
    cause = " ".join(str(error).split())
    what = (
        f"the {layout.packed} data ends early or is damaged" if layout.packed else "reading failed"
    )
    return recbench.RecbenchError(f"{layout.file}: {what} ({cause}); fetch the file again")


def is_number(text: str) -> bool:
    """Does Python read it as a number? `nan` and `inf` are words here."""
    try:
        return "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def shorten(value: Any) -> str:
    """A value as Python writes it, texts in quotes, cut after 60 letters."""
    return repr(_cut(value)) if isinstance(value, str) else _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
