"""The slow path: find the line that the fast reader refused, and say what is wrong with it."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Collection, Iterator

import recbench

from .layout import Layout, damaged, is_number
from .names import Chosen

Record = tuple[int, list[str]]  # the number of its first line, as an editor counts, and its fields


def explain(
    layout: Layout, chosen: Chosen, cause: Exception, numbers: Collection[str] = ()
) -> recbench.RecbenchError:
    """The error for the first record that breaks a rule of its format.

    numbers: the roles whose fields must be numbers, where they are not empty.
    """
    file = layout.file
    found = False
    try:
        reading = _records(layout)
        for line, fields in reading:
            found = True
            problem = _problem(layout, chosen, fields, numbers)
            if problem:
                if len(fields) != _width(layout) and next(reading, None) is None:
                    problem += "; it is the last line, so the file may be cut short"
                return recbench.RecbenchError(f"{file} line {line}: {problem}")
    except _UnclosedError as error:
        return recbench.RecbenchError(
            f"{file} line {error}: a quote is opened and never closed; close it, or double it "
            "where it belongs to the text"
        )
    except OSError as error:
        return damaged(layout, error)
    if not found:
        return recbench.RecbenchError(f"{file} has a header and no rows under it")
    said = " ".join(str(cause).split())
    return recbench.RecbenchError(f"{file} cannot be read as {layout.format}: {said}")


def place(
    layout: Layout, chosen: Chosen, role: str, row: int, problem: str
) -> recbench.RecbenchError:
    """The error for one record, by its number from 0."""
    for n, (line, fields) in enumerate(_records(layout)):
        if n == row:
            text = fields[_at(layout, chosen.index[role])] if fields else ""
            column = f" (column {chosen.name[role]})" if layout.header else ""
            return recbench.RecbenchError(
                f"{layout.file} line {line}: {role} {_short(text)}{column} {problem}"
            )
    return recbench.RecbenchError(f"{layout.file} row {row + 1}: {role} {problem}")


def _at(layout: Layout, column: int) -> int:
    """A column's place among a record's fields: `::` is read as `:` with an empty one between."""
    return column // 2 if layout.format == "dat" else column


def _problem(layout: Layout, chosen: Chosen, fields: list[str], numbers: Collection[str]) -> str:
    """What is wrong with a record, or ""."""
    width = _width(layout)
    if width and len(fields) != width:
        what = "field" if len(fields) == 1 else "fields"
        wanted = f"the header has {width}" if layout.header else f"{_form(layout)} has {width}"
        return f"{len(fields)} {what} where {wanted}: {_short(_joined(layout, fields))}"
    used = list(chosen.index.items()) if width else [("user", n) for n in range(len(fields))]
    for role, n in used:
        text = fields[_at(layout, n)]
        if any("\udc80" <= letter <= "\udcff" for letter in text):
            return (
                f"{role} {_short(text)} is not UTF-8; save the file as UTF-8, "
                f"for instance: iconv -f latin1 -t utf-8"
            )
        if "\0" in text:
            return f"{role} {_short(text)} holds a NUL byte; take it out"
        if role in numbers and text and not is_number(text):
            whole = _short(_joined(layout, fields))
            without = f", or write {role}= to do without" if layout.header else ""
            return f"{role} {_short(text)} is no number in {whole}; mend it{without}"
        if layout.format == "dat" and ":" in text:
            return f"{role} {_short(text)} holds a colon, which separates the fields"
    return ""


def _records(layout: Layout) -> Iterator[Record]:
    """Every record under the header; empty lines are no records but count as lines."""
    with io.TextIOWrapper(
        layout.open(), encoding="utf-8-sig", errors="surrogateescape", newline=""
    ) as text:
        records = _quoted(text, layout) if layout.quoted else _unquoted(text, layout)
        header = layout.header
        for record in records:
            if header:
                header = False
                continue
            yield record


class _UnclosedError(Exception):
    """The number of the line in which a quote opens that nothing closes."""


def _quoted(text: io.TextIOWrapper, layout: Layout) -> Iterator[Record]:
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
    except csv.Error:  # a field of more than 131,072 letters
        raise _UnclosedError(before + 1) from None


def _unquoted(text: io.TextIOWrapper, layout: Layout) -> Iterator[Record]:
    for number, ended in enumerate(text, start=1):
        line = ended.rstrip("\r\n")
        if layout.format == "sequences":
            if line.strip():
                yield number, line.split()
        elif line:
            yield number, line.split("::" if layout.format == "dat" else layout.delimiter)


def _width(layout: Layout) -> int:
    """How many fields a record has; 0 where they may be any number."""
    if layout.format == "sequences":
        return 0
    return 4 if layout.format == "dat" else len(layout.names)


def _form(layout: Layout) -> str:
    return {
        "dat": "user::item::rating::time",
        "udata": "user<tab>item<tab>rating<tab>time",
        "pairs": "a line of a user and an item",
    }[layout.format]


def _joined(layout: Layout, fields: list[str]) -> str:
    return ("::" if layout.format == "dat" else layout.delimiter).join(fields)


def _short(text: str) -> str:
    shown = text.encode("utf-8", "backslashreplace").decode()
    return repr(shown if len(shown) <= 60 else shown[:57] + "...")
