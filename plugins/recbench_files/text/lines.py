"""Read the first lines of a text file: detect its compression, its encoding and comment lines."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import recbench
from recbench_files.columns import count_known
from recbench_files.layout import Layout, damaged, shorten

SAMPLE = 1 << 18
BOM = "\ufeff"
READ_ERRORS = (OSError, EOFError, zlib.error, zipfile.BadZipFile)

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_UNREADABLE = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save it as CSV",
    b"\xfd7zXZ\x00": "compressed with xz; decompress it first",
    b"\x89HDF": "an HDF5 file; save it as CSV or Parquet",
    b"%PDF": "a PDF file; save the log as CSV or Parquet",
    b"\x89PNG": "an image; save the log as CSV or Parquet",
    b"SQLite format": "an SQLite database; save the table as CSV or Parquet",
    b"\x93NUMPY": "a NumPy array; save the log as CSV or Parquet",
    b"\x80\x04\x95": "a Python pickle; save the log as CSV or Parquet",
    b"\x80\x05\x95": "a Python pickle; save the log as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "an Excel file; save it as CSV",
    b"PAR1": "a compressed Parquet file; decompress it",
    b"PARE": "an encrypted Parquet file; decrypt it",
    b"version https://git-lfs": "a pointer of Git LFS; get the file itself with: git lfs pull",
    b"ARROW1": "an Arrow (Feather) file; save the log as Parquet",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x04\x22\x4d\x18": "compressed with lz4; decompress it first",
}
_WIDE = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_TAR = slice(257, 262)
COMMENT = r"^\s*(#|%|//|(;|--)\s)"
"""Pattern of the start of a comment."""

_BLANK = ",;|: \t"  # a line of separators is as good as empty above the rows
_SPACES = re.compile(rb"[ \t]+")
_LINE_END = re.compile(rb" ?([\r\n]) ?")
_QUOTED = re.compile(rb'((?<!\S)"[^"\r\n]*"(?!\S))')
_EXCEL = re.compile(r"sep=.?", re.IGNORECASE)


def open_text(layout: Layout) -> tuple[Layout, list[str], str]:
    """Detect the compression and the lines to skip.

    Returns the layout, the first lines that are not skipped, and the first comment or "". Raises
    UsageError or RecbenchError if the file is not text in UTF-8.
    """
    try:
        with layout.open() as stream:
            start = bytes(stream.read(32))
    except READ_ERRORS as error:
        raise damaged(layout, error) from error
    _refuse(layout, start)
    packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
    layout = dataclasses.replace(layout, packed=packed)
    sample = read_sample(layout)
    if packed:
        _refuse(layout, sample)
        if sample.startswith(tuple(_PACKED)):
            raise recbench.UsageError(f"{layout.file} is compressed twice; decompress it once")
    if sample[_TAR] == b"ustar":
        raise recbench.UsageError(f"{layout.file} is a tar archive; unpack it")
    _refuse_wide(layout, sample)
    lines = split_lines(sample.decode("utf-8-sig", errors="surrogateescape"))
    if len(sample) == SAMPLE:
        last = lines.pop()  # the sample ends within it
        if last.lstrip().startswith(("{", "[")) and not any(map(str.strip, lines)):
            lines.append(last)  # records of JSON may be long
        if not lines and "\0" not in last:
            raise recbench.RecbenchError(
                f"{layout.file}: the first line is longer than {SAMPLE:,} bytes. Write one row per "
                "line, below a line that names the columns. If this line names them, keep only "
                "those that are needed"
            )
        lines = lines or [last]
    full = [number for number, line in enumerate(lines) if line.strip(_BLANK)]
    if not full:
        raise recbench.RecbenchError(
            f"{layout.file} is empty; check that it was written completely"
        )
    if lines[full[0]].startswith("%%MatrixMarket"):
        raise recbench.UsageError(
            f"{layout.file} is a MatrixMarket file. Read it with scipy.io.mmread, and save its "
            "row, col and data as the columns user, item and rating of a CSV file"
        )
    skip = next((number for number in full if not is_comment(lines[number])), len(lines))
    names_at = _commented_header(lines, full, skip)
    if names_at is not None:
        skip = names_at
        lines[skip] = uncomment(lines[skip])
    if skip == len(lines):
        raise recbench.RecbenchError(
            f"{layout.file} starts with comment lines such as {shorten(lines[full[0]])}, and no "
            "other line was found. Remove them"
        )
    comment = lines[full[0]] if full[0] < skip else ""
    lines = [line.removeprefix(BOM) for line in lines[skip:] if line.strip(_BLANK)]
    if "\0" in lines[0]:
        raise recbench.RecbenchError(
            f"{layout.file} is not a text file: it contains NUL bytes. Save the log as CSV in "
            "UTF-8, or as Parquet"
        )
    return dataclasses.replace(layout, skip=skip), lines, comment


def read_sample(layout: Layout) -> bytes:
    """Return the first decompressed bytes."""
    try:
        with layout.open() as stream:
            return bytes(stream.read(SAMPLE))
    except READ_ERRORS as error:
        raise damaged(layout, error) from error


def split_lines(text: str) -> list[str]:
    """Split text into lines as an editor does; Python's `splitlines` knows more line ends."""
    return re.split(r"\r\n|\n|\r", text)


def is_comment(line: str) -> bool:
    """Whether a line above the header is a comment, or Excel's `sep=;`."""
    return bool(re.match(COMMENT, line) or _EXCEL.fullmatch(line.strip()))


def uncomment(line: str) -> str:
    """Return a commented header such as `#user,item` without its mark."""
    return re.sub(r"^\s*(#|%|//|;|--)+ ?", "", line)


def split_quoted(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line; none if a quotation mark neither opens nor closes a field.

    Spaces around quoted fields do not matter.
    """
    spaced = f'{delimiter} "' in line and delimiter != " "
    attempts = [line]
    if '" ' in line and delimiter != " ":
        attempts.append(re.sub(rf'" +(?={re.escape(delimiter)}|$)', '"', line))
    for text in attempts:
        reader = csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=spaced)
        limit = field_limit(len(line)) if len(line) > 1 << 17 else contextlib.nullcontext()
        with contextlib.suppress(csv.Error), limit:
            return next(reader, [])
    return []


@contextlib.contextmanager
def field_limit(limit: int) -> Iterator[None]:
    """Let `csv` read fields of so many characters."""
    usual = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def squeeze(line: str) -> str:
    """Return a line with single spaces between its fields, but with quoted fields as they are."""
    return squeeze_bytes(line.encode(errors="surrogateescape")).decode(errors="surrogateescape")


def is_wide(lines: Sequence[str], width: int | None = None) -> bool:
    """Whether more lines have the right number of fields if any spaces and tabs separate two.

    width: the right number; by default, that of the first line.
    """
    exact = [len(parse(line, " ")) for line in lines]
    loose = [len(parse(squeeze(line), " ")) for line in lines]
    return loose.count(width or loose[0]) > exact.count(width or exact[0])


def squeeze_bytes(lines: bytes) -> bytes:
    """Return complete lines in UTF-8 with one space for any spaces and tabs between fields."""
    parts = _QUOTED.split(lines.strip(b" \t"))
    parts[::2] = [_LINE_END.sub(rb"\1", _SPACES.sub(b" ", part)) for part in parts[::2]]
    return b"".join(parts)


def as_utf8(layout: Layout, encoding: str) -> str:
    """Return what to do with a file in another encoding."""
    hint = "" if layout.packed else f" {layout.file} > utf8-{PurePath(layout.file).name}"
    return f"Save it as UTF-8, for example with: iconv -f {encoding} -t utf-8{hint}"


def parse(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line as well as possible. They may be in quotes, but not with `::`."""
    if delimiter == "::":
        return line.split(delimiter)
    if fields := split_quoted(line, delimiter):
        return fields
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a field of more than 131,072 characters
        return line.split(delimiter)


def _commented_header(lines: list[str], full: list[int], skip: int) -> int | None:
    """Return the place of the last comment above the rows, if it names their columns.

    It must have a usual name for the user or the item, and as many fields as the next line.
    """
    above = [number for number in full if number < skip]
    below = [number for number in full if number >= skip]
    if not above or not below:
        return None
    names, row = lines[above[-1]], lines[below[0]]
    for delimiter in ",\t;| ":
        if re.match(COMMENT, names) and delimiter in row:
            width = len(parse(row, delimiter))
            for text in (names, uncomment(names)):
                fields = parse(text, delimiter)
                if width > 1 and len(fields) == width and count_known(fields, {}) == 2:
                    return above[-1]
    return None


def _refuse(layout: Layout, start: bytes) -> None:
    """Raise UsageError if the first bytes show that this is not text."""
    for magic, what in _UNREADABLE.items():
        if start.startswith(magic):
            raise recbench.UsageError(f"{layout.file} is {what}")


def _refuse_wide(layout: Layout, sample: bytes) -> None:
    """Raise UsageError for text in UTF-16 or UTF-32, with or without a byte-order mark."""
    name = next((name for magic, name in _WIDE.items() if sample.startswith(magic)), "")
    if not name:
        for name, width in (("UTF-32LE", 4), ("UTF-32BE", 4), ("UTF-16LE", 2), ("UTF-16BE", 2)):
            place = 0 if name.endswith("LE") else width - 1
            end = b"\n".ljust(width, b"\0") if place == 0 else b"\n".rjust(width, b"\0")
            at = sample.find(end)
            if at >= 0 and at % width == 0 and sample[:at].count(0) * 3 >= at:
                break
        else:
            return
    raise recbench.UsageError(f"{layout.file} is text in {name}. {as_utf8(layout, name)}")
