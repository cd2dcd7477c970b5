"""How to read a file: what `formats` detects and the readers use."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import recbench

from .bounds import Bounded, refuse_bomb

Format = Literal["auto", "csv", "udata", "dat", "inter", "parquet", "json", "pairs", "sequences"]
"""The values of the option `format`."""

FEATURE = "feature:"
"""The role of the column NAME that is read as a feature is FEATURE + NAME."""

FORMATS: tuple[str, ...] = get_args(Format)

WITHOUT_NAMES = ("udata", "dat", "pairs", "sequences")
"""Formats of files that do not name their columns."""

_MISSING = "NA N/A n/a na <NA> #N/A NULL null Null NaN nan NAN None none NONE \\N"
MISSING = frozenset(_MISSING.split())
"""Words that stand for a missing value, as pandas, R, databases and spreadsheets write it."""

N_SAMPLE = 100
"""Number of records that decide how a file is read."""


@dataclass(frozen=True)
class ZipMember:
    """A file in a zip archive. size, packed: in bytes, unpacked and in the archive."""

    archive: Path
    name: str
    size: int
    packed: int

    def open(self) -> Any:
        """Return the decompressed bytes, at most `size`. Raises OSError if they are damaged."""
        refuse_bomb(f"{self.archive.name}/{self.name}", self.packed, self.size)
        try:
            with zipfile.ZipFile(self.archive) as opened:  # the member keeps the file open
                return opened.open(self.name)
        except (RuntimeError, NotImplementedError) as error:  # encryption, an unknown compression
            raise recbench.UsageError(
                f"{self.archive.name}/{self.name} cannot be unpacked ({error}); unpack it first"
            ) from error
        except zipfile.BadZipFile as error:
            raise OSError(str(error)) from error


@dataclass(frozen=True)
class Layout:
    """How to read a file.

    file: its name in errors and tables.
    source: its path, a member of a zip archive, its content as a pyarrow.Buffer, or a Frame.
    base: for Parquet, the folder below which folders such as `month=5` add a column; None for none.
    part: the part of a split that somebody else made: train, valid, test or "".
    packed: the compression: gzip, bz2, zstd or "".
    delimiter: one character; `::` is read as `:` with an empty column between.
    names: names of the columns; for formats without a header, their roles.
    header: whether the file names its columns. `skip` empty lines come before that line.
    quoted: whether fields may be in double quotes.
    wide: whether any number of spaces and tabs separates two fields; the delimiter is a space.
    sample: the first records after the header.
    missing: the words that count as a missing value, besides the empty field.
    """

    file: str
    source: Any
    base: Path | None = None
    format: str = ""
    packed: str = ""
    delimiter: str = ""
    names: tuple[str, ...] = ()
    header: bool = False
    skip: int = 0
    quoted: bool = False
    wide: bool = False
    sample: tuple[tuple[str, ...], ...] = ()
    missing: frozenset[str] = MISSING
    part: str = ""

    def open(self) -> Any:
        """Return the decompressed bytes, as a pyarrow stream."""
        import pyarrow as pa

        stream = pa.input_stream(self._raw(), compression=self.packed or None)
        return Bounded(stream, self.file, self.size()) if self.packed else stream

    def size(self) -> int:
        """Return the number of bytes on disk, or in the archive before it is packed."""
        if isinstance(self.source, Path):
            return self.source.stat().st_size
        return int(self.source.size)

    def sha256(self) -> str:
        """Return the hash of the file as it is on disk, or in its archive; "" for a Frame."""
        if self.format == "frame":
            return ""
        with self.open_raw() as raw:
            return hashlib.file_digest(raw, "sha256").hexdigest()

    def open_raw(self) -> Any:
        """Return the bytes as they are on disk, or in an archive. The source is no Buffer."""
        return self.source.open() if isinstance(self.source, ZipMember) else self.source.open("rb")

    def _raw(self) -> Any:
        return self.source.open() if isinstance(self.source, ZipMember) else self.source


def joint_sha256(digests: Iterable[str]) -> str:
    """Return the hash of several files; of a single one, its own; "" if they have none."""
    several = list(filter(None, digests))
    if not several:
        return ""
    return (
        several[0] if len(several) == 1 else hashlib.sha256("".join(several).encode()).hexdigest()
    )


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
    return repr(cut(value)) if isinstance(value, str) else cut(repr(value))


def cut(text: str) -> str:
    """Return a text cut to 60 characters."""
    return text if len(text) <= 60 else text[:57] + "..."
