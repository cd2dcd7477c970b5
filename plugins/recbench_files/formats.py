"""Detect the format from the first lines of a file, or raise an error that says what to add."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import re
from collections.abc import Sequence

import recbench

from .columns import Requested, count_known
from .frames import Frame, detect_frame
from .jsonl.reader import detect_json
from .layout import N_SAMPLE, Layout, damaged, is_number, shorten
from .parquet import column_names, first_rows
from .text.headerless import (
    against_ratings,
    guess_format,
    name_columns,
    refuse_bare,
    with_delimiter,
)
from .text.lines import READ_ERRORS, SAMPLE, field_limit, is_wide, open_text, parse, squeeze
from .text.records import CLOSE_IT, count_fields, sample_rows

PARQUET = b"PAR1"
"""The first bytes of a Parquet file."""

_TYPED = re.compile(r"[^\t]+:(token|float|token_seq|float_seq)")
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b")
_RATINGS = ("user", "item", "rating", "time")
_RULE = re.compile(r"\s*(:?-{2,}:?|={2,}|)\s*")
_JSON = re.compile(r"\{\s*(u?['\"]|\}|$)|\[\s*(\{|\[|\"|$)")


def detect_layout(
    source: Layout,
    format: str,  # noqa: A002  the name of the option
    requested: Requested,
    header: str | None = None,
) -> Layout:
    """Return the layout of a log. Raises UsageError if it cannot be detected.

    source: a layout of which only the file and its source are known. header: the names of the
        columns, separated by commas, if the file does not have them.
    """
    if isinstance(source.source, Frame):
        _refuse_header(source, header, f"a {source.source.kind}")
        if format != "auto":
            raise recbench.UsageError(f"{source.file} is not a file; leave out format={format}")
        return detect_frame(source)
    if source.format == "parquet" or _start(source).startswith(PARQUET):
        _refuse_header(source, header, "a Parquet file")
        return _parquet(source)
    if format == "parquet":
        raise recbench.UsageError(f"{source.file} is not a Parquet file; leave out format=parquet")
    layout, lines, comment = open_text(source)
    if format == "json" or (format == "auto" and _JSON.match(lines[0].lstrip())):
        _refuse_header(source, header, "JSON")
        return detect_json(layout, lines)
    if header is not None:
        if format not in ("auto", "csv"):
            raise recbench.UsageError(
                f"header= names the columns of a table; leave out format={format}, or header="
            )
        return name_columns(layout, lines, header)
    if format == "auto":
        format = _guess_format(layout, lines, requested, comment)  # noqa: A001
    if format == "csv":
        return _log_with_header(layout, lines, requested)
    if format == "inter":
        return _inter(layout, lines)
    return _without_names(dataclasses.replace(layout, format=format), lines)


def detect_table(file: str, content: bytes) -> Layout:
    """Return the layout of Parquet, or of text whose first line names the columns."""
    import pyarrow as pa

    layout = Layout(file, pa.py_buffer(content))
    if content.startswith(PARQUET):
        return _parquet(layout)
    layout, lines, _ = open_text(layout)
    table = _table(layout, lines, _find_delimiter(lines[0], {})[0])
    if not layout.packed and b'"' not in content:
        return dataclasses.replace(table, quoted=False)  # faster to read
    return table


def _guess_format(layout: Layout, lines: Sequence[str], requested: Requested, comment: str) -> str:
    first = lines[0]
    if first.lstrip()[0] == "<":
        raise recbench.UsageError(
            f"{layout.file} looks like XML or HTML: line {layout.skip + 1} is {shorten(first)}. "
            "Save the log as CSV with a header, or as Parquet"
        )
    if all(_TYPED.fullmatch(name) for name in first.split("\t")):
        return "inter"
    delimiter, known = _find_delimiter(first, requested)
    if known or first.count('"') % 2:
        return "csv"
    if delimiter not in ("::", "\t", " ", ""):
        return "csv"
    if delimiter == "\t" and not _looks_like_row(lines, delimiter):
        return "csv"
    return guess_format(layout, lines, comment)


def _log_with_header(layout: Layout, lines: Sequence[str], requested: Requested) -> Layout:
    """Return the layout of a table with a header. Raises UsageError if there is no header."""
    delimiter, known = _find_delimiter(lines[0], requested)
    table = _table(layout, lines, delimiter)
    if len(table.names) < 2:
        raise recbench.UsageError(
            f"{layout.file} line {layout.skip + 1}: {shorten(lines[0])} is a single column. Add a "
            "first line that names the columns, such as user,item,time"
        )
    if not known and _looks_like_row(lines, delimiter):
        raise refuse_bare(layout, lines[0], len(table.names))
    if table.sample and all(map(_RULE.fullmatch, table.sample[0])):
        raise recbench.RecbenchError(
            f"{layout.file}: the row below the header, {shorten(lines[1])}, is a rule of a printed "
            "table. Remove it"
        )
    return table


def _without_names(layout: Layout, lines: Sequence[str]) -> Layout:
    """Return the layout of a format without a header. Raises UsageError if there is one."""
    first = lines[0]
    separators = {"dat": "::", "udata": "\t", "pairs": "\t" if "\t" in first else " "}
    delimiter = separators.get(layout.format, "")
    fields = first.split(delimiter) if delimiter else first.split()
    if count_known(fields, {}) == 2:
        raise recbench.UsageError(
            f"{layout.file} has a header: line {layout.skip + 1} is {shorten(first)}; leave out "
            f"format={layout.format}"
        )
    if layout.format not in ("dat", "udata"):
        wide = layout.format == "pairs" and delimiter == " " and is_wide(lines[:N_SAMPLE], 2)
        return dataclasses.replace(layout, delimiter=delimiter, names=("user", "item"), wide=wide)
    rows = [row for row in (line.split(delimiter) for line in lines) if len(row) == 4]
    against = against_ratings(rows, strict=False) if rows else ""
    if against:
        raise recbench.UsageError(
            f"{layout.file} does not look like {layout.format} (user, item, rating, time): "
            f"{against}. Name its columns in their order: "
            f"{layout.file}:header=user,item,time,rating"
        )
    layout = with_delimiter(layout, delimiter, _RATINGS, rows[:N_SAMPLE])
    return dataclasses.replace(layout, quoted=False)


def _table(layout: Layout, lines: Sequence[str], delimiter: str) -> Layout:
    """Return the layout of text with a header. Raises RecbenchError if it does not fit the rows."""
    delimiter = delimiter or ","
    layout = dataclasses.replace(layout, format="csv", header=True)
    if delimiter == " " and is_wide(lines[: N_SAMPLE + 1]):
        layout, lines = dataclasses.replace(layout, wide=True), list(map(squeeze, lines))
    names, below = _read_header(layout, lines, delimiter)
    rows = sample_rows(below[:N_SAMPLE], delimiter, len(names))
    widths = {len(row) for row in rows if any(row)}
    if widths == {len(names) + 1} and not any(row[-1] for row in rows):
        names = (*names, "")  # a separator at the end of each row
    elif widths == {len(names) - 1} and not names[-1]:
        names = names[:-1]  # a separator at the end of the header
    elif widths == {len(names) + 1}:
        raise recbench.RecbenchError(
            f"{layout.file}: the header has {count_fields(len(names))}, but the rows have "
            f"{len(names) + 1}, as in {shorten(below[0])}. Name each column in the header; R, for "
            "example, leaves out the name of the first"
        )
    complete = [row for row in rows if len(row) == len(names)]
    return with_delimiter(layout, delimiter, names, complete)


def _read_header(
    layout: Layout, lines: Sequence[str], delimiter: str
) -> tuple[tuple[str, ...], Sequence[str]]:
    """Return the names of the columns and the lines below. Names in quotes may span lines."""
    if delimiter == "::" or lines[0].count('"') % 2 == 0:
        return tuple(parse(lines[0], delimiter)), lines[1:]
    reader = csv.reader([f"{line}\n" for line in lines], delimiter=delimiter, strict=True)
    with contextlib.suppress(csv.Error, StopIteration), field_limit(SAMPLE):
        names, row = next(reader), next(reader)
        if len(names) == len(row):
            return tuple(names), lines[reader.line_num - 1 :]
    raise recbench.RecbenchError(
        f"{layout.file} line {layout.skip + 1}: a quote in {shorten(lines[0])} is never closed. "
        f"{CLOSE_IT}"
    )


def is_row(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has no names of columns.

    A field of it is a number or a date, or comes again in the same column.
    """
    first, later = rows[0], rows[1 : N_SAMPLE + 1]
    return any(is_number(field) or _DATE.match(field.strip()) for field in first) or any(
        field.strip() and any(row[n : n + 1] == [field] for row in later)
        for n, field in enumerate(first)
    )


def _looks_like_row(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the first line is a row rather than a header."""
    return is_row([parse(line, delimiter) for line in lines[: N_SAMPLE + 1]])


def _inter(layout: Layout, lines: Sequence[str]) -> Layout:
    """Return the layout of RecBole's table: tabs, and a header with types."""
    fields = [line.split("\t") for line in lines[: N_SAMPLE + 1]]
    if not all(_TYPED.fullmatch(name) for name in fields[0]):
        raise recbench.UsageError(
            f"{layout.file} line {layout.skip + 1}: {shorten(lines[0])} is not the header of an "
            ".inter file. It must look like user_id:token<tab>item_id:token"
        )
    names = tuple(name.rpartition(":")[0] for name in fields[0])
    layout = dataclasses.replace(layout, format="inter", header=True)
    return dataclasses.replace(with_delimiter(layout, "\t", names, fields[1:]), quoted=False)


def _parquet(layout: Layout) -> Layout:
    layout = dataclasses.replace(layout, format="parquet", header=True)
    return dataclasses.replace(layout, names=column_names(layout), sample=first_rows(layout))


def _start(layout: Layout) -> bytes:
    try:
        with layout.open() as stream:
            return bytes(stream.read(4))
    except READ_ERRORS as error:
        raise damaged(layout, error) from error


def _refuse_header(layout: Layout, header: str | None, what: str) -> None:
    if header is not None:
        raise recbench.UsageError(
            f"{layout.file}: {what} names its columns itself; leave out header="
        )


def _find_delimiter(line: str, requested: Requested) -> tuple[str, bool]:
    """Return what separates the fields of a header, and whether a field has a known name."""
    names = line.split("::")
    if len(names) > 2 or count_known(names, requested) == 2:
        return "::", count_known(names, requested) > 0
    best = (0, 1, "")
    for delimiter in ",\t;| ":
        names = parse(line, delimiter)
        known = count_known(names, requested)
        if delimiter == " " and (known < 2 or best[1] > 1):
            continue
        best = max(best, (known, len(names), delimiter), key=lambda guess: guess[:2])
    known, n_fields, delimiter = best
    if n_fields == 1 and len(line.split()) > 1:
        delimiter = " "
    return delimiter, known > 0 and n_fields > 1
