"""How a file is to be read: what `formats` finds, and what the readers go by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import recbench


@dataclass(frozen=True)
class Layout:
    """How a file is to be read.

    packed: gzip, bz2, zstd or "".
    delimiter: one character; `::` is read as `:` with an empty column between.
    names: the columns' names; of formats without a header, the names of their meaning.
    header: does a line hold the names? Of a file that has one: `skip` empty lines stand above.
    quoted: may fields stand in double quotes?
    sample: the records after the header that were looked at.
    """

    path: Path
    format: str
    packed: str = ""
    delimiter: str = ""
    names: tuple[str, ...] = ()
    header: bool = False
    skip: int = 0
    quoted: bool = False
    sample: tuple[tuple[str, ...], ...] = ()

    @property
    def file(self) -> str:
        """The file's name without its folder, as errors and tables show it."""
        return self.path.name

    def open(self) -> Any:
        """The unpacked bytes, as a pyarrow stream."""
        import pyarrow as pa

        return pa.input_stream(str(self.path), compression=self.packed or None)


def damaged(layout: Layout, error: Exception) -> recbench.RecbenchError:
    """The error for packed data that ends early or does not unpack."""
    said = " ".join(str(error).split())
    what = (
        f"the {layout.packed} data ends early or is damaged" if layout.packed else "reading failed"
    )
    return recbench.RecbenchError(f"{layout.file}: {what} ({said}); fetch the file again")


def is_number(text: str) -> bool:
    """Does Python read it as a number? `nan` and `inf` are words here."""
    try:
        return "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False
