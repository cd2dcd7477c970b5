"""After an error: read the file again, slowly, to find the wrong line and describe the error."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Collection, Iterator
from typing import Any

import recbench

from .columns import Chosen
from .layout import Layout, damaged, is_number, shorten
from .parquet import find_value

Record = tuple[int, list[str]]  # the number of its first line, as in an editor, and its fields


def diagnose(
    layout: Layout, chosen: Chosen, cause: Exception, numbers: Collection[str] = ()
) -> recbench.RecbenchError:
    """Return the error for the first record that breaks a rule of its format.

    numbers: the roles whose fields must be numbers or empty.
    """
    file = layout.file
    empty = True
    try:
        records = _records(layout)
        for line, fields in records:
            empty = False
            problem = _problem(layout, chosen, fields, numbers)
            if problem:
                if len(fields) != _width(layout) and next(records, None) is None:
                    problem += ". It is the last line, so the file may be truncated"
                return recbench.RecbenchError(f"{file} line {line}: {problem}")
    except _UnclosedError as error:
        return recbench.RecbenchError(
            f"{file} line {error}: a quote is opened but never closed. Close it, or double it if "
            "it is part of the text"
        )
    except OSError as error:
        return damaged(layout, error)
    if empty:
        return no_rows(layout)
    reason = " ".join(str(cause).split())
    return recbench.RecbenchError(f"{file} cannot be read as {layout.format}: {reason}")


def no_rows(layout: Layout) -> recbench.RecbenchError:
    """Return the error for a file that contains only the names of columns."""
    what = "has no rows" if layout.format == "parquet" else "has a header but no rows"
    return recbench.RecbenchError(f"{layout.file} {what}; check that it was written completely")


def locate(layout: Layout, chosen: Chosen, role: str, row: int) -> tuple[str, Any]:
    """Return the place of a row (counted from 0), such as `line 7`, and its value."""
    if layout.format == "parquet":
        return f"row {row + 1}", find_value(layout, chosen.name[role], row)
    record = next(itertools.islice(_records(layout), row, None), None)
    if record is None:  # the fast reader counts differently
        return f"row {row + 1}", ""
    line, fields = record
    return f"line {line}", fields[_place(layout, chosen.index[role])]


def row_error(
    layout: Layout, chosen: Chosen, role: str, row: int, problem: str
) -> recbench.RecbenchError:
    """Return the error for a wrong value. problem: ends with what to do, without a full stop."""
    where, value = locate(layout, chosen, role, row)
    column = f" (column {chosen.name[role]})" if layout.header else ""
    what_else = _leave_out(layout, role)
    return recbench.RecbenchError(
        f"{layout.file} {where}: {role} {shorten(value)}{column} {problem}{what_else}"
    )


def _leave_out(layout: Layout, role: str) -> str:
    """Return the hint that a column can be left out, if it is optional, else ""."""
    if layout.header and role in ("time", "rating"):
        return f", or leave the column out with {role}="
    return ""


def _place(layout: Layout, column: int) -> int:
    """Index of a column in a record: `::` is read as `:` with an empty column between."""
    return column // 2 if layout.format == "dat" else column


def _problem(layout: Layout, chosen: Chosen, fields: list[str], numbers: Collection[str]) -> str:
    """Return what is wrong with a record, or ""."""
    width = _width(layout)
    if width and len(fields) != width:
        noun = "field" if len(fields) == 1 else "fields"
        rule = f"the header has {width}" if layout.header else f"{_form(layout)} has {width}"
        line = shorten(_joined(layout, fields))
        return f"{len(fields)} {noun}, but {rule}: {line}. Correct the line"
    used = list(chosen.index.items()) if width else [("user", n) for n in range(len(fields))]
    for role, column in used:
        text = fields[_place(layout, column)]
        if any("\udc80" <= letter <= "\udcff" for letter in text):
            return (
                f"{role} {shorten(text)} is not UTF-8. Save the file as UTF-8, for example with: "
                "iconv -f latin1 -t utf-8"
            )
        if "\0" in text:
            return f"{role} {shorten(text)} contains a NUL byte. Remove it"
        if role in numbers and text and not is_number(text):
            line = shorten(_joined(layout, fields))
            fix = f"Correct it{_leave_out(layout, role)}"
            return f"{role} {shorten(text)} is not a number, in the line {line}. {fix}"
        if layout.format == "dat" and ":" in text:
            return f"{role} {shorten(text)} contains a colon, which separates fields. Remove it"
    return ""


def _records(layout: Layout) -> Iterator[Record]:
    """Iterate over the records below the header. Empty lines are counted but are not records."""
    with io.TextIOWrapper(
        layout.open(), encoding="utf-8-sig", errors="surrogateescape", newline=""
    ) as text:
        records = _quoted_records(text, layout) if layout.quoted else _plain_records(text, layout)
        yield from itertools.islice(records, int(layout.header), None)


class _UnclosedError(Exception):
    """The number of the line with a quote that is never closed."""


def _quoted_records(text: io.TextIOWrapper, layout: Layout) -> Iterator[Record]:
    end = "\x02end\x03"
    reader = csv.reader(itertools.chain(text, ["\n", end]), delimiter=layout.delimiter)
    before = 0
    try:
        for fields in reader:
            if fields == [end]:
                return
            if fields and fields[-1].endswith(end):
                raise _UnclosedError(before + 1)
            if fields:
                yield before + 1, fields
            before = reader.line_num
    except csv.Error:  # a field of more than 131,072 characters
        raise _UnclosedError(before + 1) from None


def _plain_records(text: io.TextIOWrapper, layout: Layout) -> Iterator[Record]:
    for number, ended in enumerate(text, start=1):
        line = ended.rstrip("\r\n")
        if layout.format == "sequences":
            if line.strip():
                yield number, line.split()
        elif line:
            yield number, line.split("::" if layout.format == "dat" else layout.delimiter)


def _width(layout: Layout) -> int:
    """Number of fields per record; 0 if it is not fixed."""
    if layout.format == "sequences":
        return 0
    return 4 if layout.format == "dat" else len(layout.names)


def _form(layout: Layout) -> str:
    return {
        "dat": "user::item::rating::time",
        "udata": "user<tab>item<tab>rating<tab>time",
        "pairs": "a line with a user and an item",
    }[layout.format]


def _joined(layout: Layout, fields: list[str]) -> str:
    return ("::" if layout.format == "dat" else layout.delimiter).join(fields)
