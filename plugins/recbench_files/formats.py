"""Look at a file's first lines and say what it is, or what the user must say."""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import recbench

from .layout import Layout, damaged, is_number
from .names import knows

SAMPLE = 1 << 18
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_OTHER = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save it as CSV",
    b"\xfd7zXZ\x00": "packed by xz; unpack it first",
    b"\x89HDF": "HDF5; write it as CSV or Parquet",
    b"SQLite format": "an SQLite database; write the table as CSV or Parquet",
    b"\xff\xfe": "UTF-16; save it as UTF-8",
    b"\xfe\xff": "UTF-16; save it as UTF-8",
}
_TYPED = re.compile(r"[^\t]+:(token|float|token_seq|float_seq)")
_DAT = ("user", "", "item", "", "rating", "", "time")
_UDATA = ("user", "item", "rating", "time")


def look(path: Path, format: str, wanted: Mapping[str, str | None]) -> Layout:  # noqa: A002
    """The layout of a file. Raises UsageError where its lines leave open what it is."""
    with path.open("rb") as raw:
        start = raw.read(16)
    if start.startswith(b"PAR1") or (
        format == "auto" and path.suffix.lower() in (".parquet", ".pq")
    ):
        from .parquet import column_names

        return Layout(path, "parquet", names=column_names(path))
    if format == "parquet":
        raise recbench.UsageError(f"{path.name} is not Parquet; leave format=parquet out")
    for magic, what in _OTHER.items():
        if start.startswith(magic):
            raise recbench.UsageError(f"{path.name} is {what}")
    packed = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
    layout = Layout(path, format, packed)
    lines, skip = _first_lines(layout)
    if format == "auto":
        format = _guess(path.name, lines, wanted)  # noqa: A001
    if format == "csv":
        return _table(layout, lines, skip, wanted)
    if format == "inter":
        fields = [line.split("\t") for line in lines]
        if not all(_TYPED.fullmatch(name) for name in fields[0]):
            raise recbench.UsageError(
                f"{path.name} line {skip + 1}: {_short(lines[0])} is no header of an .inter file, "
                f"such as user_id:token<tab>item_id:token"
            )
        names = tuple(name.rpartition(":")[0] for name in fields[0])
        return _with(layout, "inter", "\t", names, fields[1:], header=True, skip=skip)
    if format == "dat":
        return _with(layout, "dat", ":", _DAT, [line.split(":") for line in lines])
    if format == "udata":
        return _with(layout, "udata", "\t", _UDATA, [line.split("\t") for line in lines])
    if format == "pairs":
        delimiter = "\t" if "\t" in lines[0] else " "
        return _with(layout, "pairs", delimiter, ("user", "item"), [])
    return _with(layout, "sequences", "", ("user", "item"), [])


def _guess(file: str, lines: list[str], wanted: Mapping[str, str | None]) -> str:
    first = lines[0]
    if first.lstrip()[0] in "{[<":
        raise recbench.UsageError(
            f"{file} begins with {_short(first)}, which is no log that can be read; "
            "write it as CSV with a header, or as Parquet"
        )
    if all(_TYPED.fullmatch(name) for name in first.split("\t")):
        return "inter"
    if len(first.split("::")) == 4:
        return "dat"
    delimiter, known = _delimiter(first, wanted)
    if known:
        return "csv"
    if delimiter not in ("\t", " ", ""):
        return "csv"
    numbers = [is_number(field) for field in first.split()]
    if delimiter == "\t" and not any(numbers):
        return "csv"
    counts = Counter(len(line.split()) for line in lines)
    usual, often = counts.most_common(1)[0]
    usual = usual if 2 * often > len(lines) else 0  # one broken line does not make another format
    again = len({line.split()[0] for line in lines}) < len(lines)
    if delimiter == "\t" and usual == 4 and (len(numbers) != 4 or all(numbers)):
        return "udata"
    if usual == len(first.split()) == 2 and (again or max(counts) == 2):
        return "pairs"
    if len(counts) > 1 and 1 not in counts:
        return "sequences"
    if len(counts) == 1 and usual != 1:
        raise recbench.UsageError(
            f"{file}: every line has {usual} fields and the first is {_short(first)}; write "
            "format=sequences if a line is a user and the items, or put a header on top that names "
            "the columns"
        )
    raise recbench.UsageError(
        f"{file} line 1: {_short(first)} has neither a header nor a user and an item; "
        "put a header on top, such as user,item,time"
    )


def _table(layout: Layout, lines: list[str], skip: int, wanted: Mapping[str, str | None]) -> Layout:
    """A table with a header, or an error that says that there is no header."""
    delimiter, known = _delimiter(lines[0], wanted)
    records: list[tuple[str, ...]] = []
    with contextlib.suppress(csv.Error):  # a quote that never ends: the slow path will say where
        reader = csv.reader(lines, delimiter=delimiter or ",")
        records.extend(tuple(one) for one in itertools.islice(reader, 100))
    names = records[0] if records else ()
    if len(names) < 2:
        raise recbench.UsageError(
            f"{layout.file} line {skip + 1}: {_short(lines[0])} is one column; "
            "put a header on top, such as user,item,time"
        )
    if not known and any(is_number(name) for name in names):
        raise recbench.UsageError(
            f"{layout.file}: no header was found, line {skip + 1} is {_short(lines[0])}; "
            "put a line on top that names the columns, such as user,item,rating,time"
        )
    records = [one for one in records[1:] if len(one) == len(names)]
    return _with(layout, "csv", delimiter, names, records, header=True, skip=skip, quoted=True)


def _delimiter(line: str, wanted: Mapping[str, str | None]) -> tuple[str, bool]:
    """What separates the fields of a header, and whether a known name stands in it."""
    best = (0, 1, "")
    for delimiter in ",\t;| ":
        names = next(csv.reader([line], delimiter=delimiter), [])
        known = knows(names, wanted)
        if delimiter == " " and (known < 2 or best[1] > 1):
            continue
        best = max(best, (known, len(names), delimiter), key=lambda one: one[:2])
    known, fields, delimiter = best
    if fields == 1 and len(line.split()) > 1:
        delimiter = " "
    return delimiter, known > 0 and fields > 1


def _first_lines(layout: Layout) -> tuple[list[str], int]:
    """The lines of the sample without empty ones, and how many empty ones stand on top."""
    try:
        with layout.open() as stream:
            sample = bytes(stream.read(SAMPLE))
    except OSError as error:
        raise damaged(layout, error) from error
    text = sample.decode("utf-8-sig", errors="surrogateescape")
    lines = re.split(r"\r\n|\n|\r", text)
    if len(sample) == SAMPLE and len(lines) > 1:
        lines.pop()  # its end is not in the sample
    full = [line for line in lines if line.strip()]
    if not full:
        raise recbench.RecbenchError(f"{layout.file} is empty")
    skip = next(n for n, line in enumerate(lines) if line.strip())
    if "\0" in full[0]:
        raise recbench.RecbenchError(
            f"{layout.file} line {skip + 1} holds NUL bytes, so it is no text in UTF-8; "
            "save the file as UTF-8"
        )
    return full, skip


def _with(
    layout: Layout,
    format: str,  # noqa: A002
    delimiter: str,
    names: tuple[str, ...],
    records: Any,
    **more: Any,
) -> Layout:
    sample = tuple(tuple(record) for record in records[:100])
    return Layout(layout.path, format, layout.packed, delimiter, names, sample=sample, **more)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
