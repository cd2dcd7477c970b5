"""Detect the format from the first lines of a file, or raise an error that says what to add."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import recbench

from .columns import Requested, count_known
from .layout import Layout, damaged, is_number, shorten
from .parquet import column_names

SAMPLE = 1 << 18
_PARQUET = b"PAR1"
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_UNREADABLE = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save it as CSV",
    b"\xfd7zXZ\x00": "compressed with xz; decompress it first",
    b"\x89HDF": "an HDF5 file; save it as CSV or Parquet",
    b"%PDF": "a PDF file; save the log as CSV or Parquet",
    b"\x89PNG": "an image; save the log as CSV or Parquet",
    b"SQLite format": "an SQLite database; save the table as CSV or Parquet",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
}
_TYPED = re.compile(r"[^\t]+:(token|float|token_seq|float_seq)")
_DAT = ("user", "", "item", "", "rating", "", "time")
_UDATA = ("user", "item", "rating", "time")


def detect_layout(path: Path, format: str, requested: Requested) -> Layout:  # noqa: A002
    """Return the layout of a log. Raises UsageError if it cannot be detected."""
    with path.open("rb") as raw:
        start = raw.read(16)
    layout = Layout(path.name, path)
    by_name = format == "auto" and path.suffix.lower() in (".parquet", ".pq")
    if start.startswith(_PARQUET) or by_name:
        return _parquet(layout)
    if format == "parquet":
        raise recbench.UsageError(f"{path.name} is not a Parquet file; leave out format=parquet")
    layout, lines = _open_text(layout, start)
    if format == "auto":
        format = _guess_format(layout.file, lines, requested)  # noqa: A001
    if format == "csv":
        return _log_with_header(layout, lines, requested)
    if format == "inter":
        return _inter(layout, lines)
    layout = dataclasses.replace(layout, format=format, skip=0)
    if format == "dat":
        return _with_columns(layout, ":", _DAT, [line.split(":") for line in lines])
    if format == "udata":
        return _with_columns(layout, "\t", _UDATA, [line.split("\t") for line in lines])
    if format == "pairs":
        return _with_columns(layout, "\t" if "\t" in lines[0] else " ", ("user", "item"))
    return _with_columns(layout, "", ("user", "item"))


def detect_table(file: str, content: bytes) -> Layout:
    """Return the layout of Parquet, or of text whose first line names the columns."""
    import pyarrow as pa

    layout = Layout(file, pa.py_buffer(content))
    if content.startswith(_PARQUET):
        return _parquet(layout)
    layout, lines = _open_text(layout, content[:16])
    table = _table(layout, lines, _find_delimiter(lines[0], {})[0])
    if not layout.packed and b'"' not in content:
        return dataclasses.replace(table, quoted=False)  # faster to read
    return table


def _guess_format(file: str, lines: list[str], requested: Requested) -> str:
    first = lines[0]
    if first.lstrip()[0] in "{[<":
        raise recbench.UsageError(
            f"{file} looks like JSON, XML or HTML: its first line is {shorten(first)}. "
            "Save the log as CSV with a header, or as Parquet"
        )
    if all(_TYPED.fullmatch(name) for name in first.split("\t")):
        return "inter"
    if len(first.split("::")) == 4:
        return "dat"
    delimiter, known = _find_delimiter(first, requested)
    if known:
        return "csv"
    if delimiter not in ("\t", " ", ""):
        return "csv"
    numbers = [is_number(field) for field in first.split()]
    if delimiter == "\t" and not any(numbers):
        return "csv"
    counts = Counter(len(line.split()) for line in lines)
    usual, often = counts.most_common(1)[0]
    usual = (
        usual if 2 * often > len(lines) else 0
    )  # a single broken line must not change the format
    again = len({line.split()[0] for line in lines}) < len(lines)
    if delimiter == "\t" and usual == 4 and (len(numbers) != 4 or all(numbers)):
        return "udata"
    if usual == len(first.split()) == 2 and (again or max(counts) == 2):
        return "pairs"
    if len(counts) > 1 and 1 not in counts:
        return "sequences"
    if len(counts) == 1 and usual != 1:
        raise recbench.UsageError(
            f"{file} has no header, and every line has {usual} fields, as in {shorten(first)}. Add "
            "a first line that names the columns; or, if each line is a user and its items, write "
            "format=sequences"
        )
    raise recbench.UsageError(
        f"{file} line 1: {shorten(first)} is neither a header nor a user and an item. Add a first "
        "line that names the columns, such as user,item,time"
    )


def _log_with_header(layout: Layout, lines: list[str], requested: Requested) -> Layout:
    """Return the layout of a table with a header. Raises UsageError if there is no header."""
    delimiter, known = _find_delimiter(lines[0], requested)
    table = _table(layout, lines, delimiter)
    if len(table.names) < 2:
        raise recbench.UsageError(
            f"{layout.file} line {layout.skip + 1}: {shorten(lines[0])} is a single column. Add a "
            "first line that names the columns, such as user,item,time"
        )
    if not known and any(is_number(name) for name in table.names):
        raise recbench.UsageError(
            f"{layout.file} has no header: line {layout.skip + 1} is {shorten(lines[0])}. Add a "
            "first line that names the columns, such as user,item,rating,time"
        )
    return table


def _table(layout: Layout, lines: list[str], delimiter: str) -> Layout:
    """Return the layout of text with a header; without names if a quote in it never ends."""
    delimiter = delimiter or ","
    records: list[list[str]] = []
    with contextlib.suppress(csv.Error):  # the slow path reports where
        records.extend(itertools.islice(csv.reader(lines, delimiter=delimiter), 100))
    names = tuple(records[0]) if records else ()
    complete = [record for record in records[1:] if len(record) == len(names)]
    layout = dataclasses.replace(layout, format="csv", header=True, quoted=True)
    return _with_columns(layout, delimiter, names, complete)


def _inter(layout: Layout, lines: list[str]) -> Layout:
    """Return the layout of RecBole's table: tabs, and a header with types."""
    fields = [line.split("\t") for line in lines]
    if not all(_TYPED.fullmatch(name) for name in fields[0]):
        raise recbench.UsageError(
            f"{layout.file} line {layout.skip + 1}: {shorten(lines[0])} is not the header of an "
            ".inter file. It must look like user_id:token<tab>item_id:token"
        )
    names = tuple(name.rpartition(":")[0] for name in fields[0])
    layout = dataclasses.replace(layout, format="inter", header=True)
    return _with_columns(layout, "\t", names, fields[1:])


def _parquet(layout: Layout) -> Layout:
    return dataclasses.replace(layout, format="parquet", header=True, names=column_names(layout))


def _with_columns(
    layout: Layout, delimiter: str, names: tuple[str, ...], records: Iterable[Sequence[str]] = ()
) -> Layout:
    sample = tuple(tuple(record) for record in itertools.islice(records, 100))
    return dataclasses.replace(layout, delimiter=delimiter, names=names, sample=sample)


def _find_delimiter(line: str, requested: Requested) -> tuple[str, bool]:
    """Return what separates the fields of a header, and whether a field has a known name."""
    best = (0, 1, "")
    for delimiter in ",\t;| ":
        names = next(csv.reader([line], delimiter=delimiter), [])
        known = count_known(names, requested)
        if delimiter == " " and (known < 2 or best[1] > 1):
            continue
        best = max(best, (known, len(names), delimiter), key=lambda guess: guess[:2])
    known, n_fields, delimiter = best
    if n_fields == 1 and len(line.split()) > 1:
        delimiter = " "
    return delimiter, known > 0 and n_fields > 1


def _open_text(layout: Layout, start: bytes) -> tuple[Layout, list[str]]:
    """Detect compression and leading empty lines; return the layout and the first other lines.

    start: the first bytes of the file.
    """
    for magic, what in _UNREADABLE.items():
        if start.startswith(magic):
            raise recbench.UsageError(f"{layout.file} is {what}")
    packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
    layout = dataclasses.replace(layout, packed=packed)
    try:
        with layout.open() as stream:
            sample = bytes(stream.read(SAMPLE))
    except OSError as error:
        raise damaged(layout, error) from error
    text = sample.decode("utf-8-sig", errors="surrogateescape")
    lines = re.split(r"\r\n|\n|\r", text)
    if len(sample) == SAMPLE and len(lines) > 1:
        lines.pop()  # the sample ends within it
    full = [line for line in lines if line.strip()]
    if not full:
        raise recbench.RecbenchError(
            f"{layout.file} is empty; check that it was written completely"
        )
    skip = next(n for n, line in enumerate(lines) if line.strip())
    if "\0" in full[0]:
        raise recbench.RecbenchError(
            f"{layout.file} is not a text file: it contains NUL bytes. Save the log as CSV in "
            "UTF-8, or as Parquet"
        )
    return dataclasses.replace(layout, skip=skip), full
