"""Read the records of a text file in Python: slowly, but with their lines.

This module defines what the records of a file are. `reader` reads them with pyarrow, and uses the
result only if it must be the same; otherwise, and for errors, it reads them with this module.

Quotation marks are read in one of two ways. If every line by itself has the right number of fields,
a record is a line, and marks that do not enclose a field are part of the text. Otherwise, fields in
quotes may contain line breaks, and every mark must open or close a field or be doubled.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from recbench_files.bounds import LONGEST, too_long
from recbench_files.columns import Chosen, count_known, plain_name, usual_names
from recbench_files.layout import Layout, shorten

from .lines import BOM, SAMPLE, as_utf8, field_limit, is_comment, split_quoted
from .stream import open_lines

Record = tuple[int, list[str]]
"""The number of its first line, as in an editor, and its fields."""

MARGIN = ' \t"' + BOM
"""Letters around a name that do not matter."""

CLOSE_IT = "Close it, or, if it is part of the text, double it and put the field in quotes"

_IN_QUOTES = 1 << 24  # characters of a field that may span lines
_TYPES = ("token", "float", "token_seq", "float_seq")  # in the header of an .inter file
_TYPE = re.compile(f":({'|'.join(_TYPES)})$")
_ENCLOSED_AND_MORE = re.compile(r'"[^"]*"[^"].*', re.DOTALL)  # such as: "Weird Al" Yankovic


class WrongRecordError(Exception):
    """A record that breaks a rule.

    marks: whether its line has quotation marks that may enclose line breaks. decided: whether
        another reading of the marks in the file is no better.
    """

    def __init__(
        self, line: int, problem: str, *, marks: bool = False, decided: bool = False
    ) -> None:
        super().__init__(line, problem)
        self.line, self.problem, self.marks, self.decided = line, problem, marks, decided


@dataclass
class Tally:
    """What was met in a file: numbers of lines."""

    headers: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    breaks: int = 0

    def notes(self) -> list[str]:
        """Return the notes for the user."""
        notes = []
        if self.headers:
            what = (
                "1 line that repeats the header was"
                if len(self.headers) == 1
                else (f"{len(self.headers):,} lines that repeat the header were")
            )
            notes.append(f"{what} dropped ({_first(self.headers)})")
        if self.marks:
            notes.append(
                "Quotation marks that do not enclose a field were read as text "
                f"({_first(self.marks)})"
            )
        if self.breaks:
            notes.append(breaks_note(self.breaks))
        return notes


def breaks_note(count: int) -> str:
    """Return the note on fields that span lines."""
    breaks = (
        "1 line break in quotes belongs"
        if count == 1
        else (f"{count:,} line breaks in quotes belong")
    )
    return f"The file has more lines than rows: {breaks} to a field"


def records(layout: Layout, chosen: Chosen) -> Iterator[Record]:
    """Iterate over the records in the way in which the file can be read."""
    try:
        for _ in by_line(layout, chosen, Tally()):
            pass
    except WrongRecordError as error:
        if layout.quoted and not error.decided:
            return spanning(layout, chosen, Tally())
    return by_line(layout, chosen, Tally())


def by_line(layout: Layout, chosen: Chosen, tally: Tally) -> Iterator[Record]:
    """Iterate over the records below the header, one per line.

    Raises WrongRecordError for the first line with a wrong number of fields or with a value that is
    not UTF-8; at the end, if a mark that was read as text may have enclosed an id.
    """
    lines = _lines(layout)
    check = _Check(layout, chosen, tally)
    doubtful: WrongRecordError | None = None
    for number, text in itertools.islice(lines, int(layout.header)):
        if layout.quoted and text.count('"') % 2:
            raise WrongRecordError(number, "the names of columns span lines", marks=True)
    for number, text in lines:
        line = text.rstrip("\r\n")
        if not line:
            continue
        fields, as_text = split_line(layout, line)
        problem = check.find_problem(fields, line)
        if problem:
            escaped = _escaped(layout, line)
            if len(fields) != width(layout):
                problem = escaped or _comment(line) or problem + _truncated(lines)
            raise WrongRecordError(number, problem, marks='"' in line and not escaped)
        if as_text:
            tally.marks.append(number)
            doubt = check.find_doubt(fields)
            if doubt:
                doubt = _escaped(layout, line) or doubt
            if doubt and not doubtful:
                doubtful = WrongRecordError(number, doubt, decided=True)
        if layout.format == "sequences":
            for item in fields[1:]:
                yield number, [fields[0], item]
        elif check.is_row(number, fields):
            yield number, fields
    if doubtful:
        raise doubtful


def spanning(layout: Layout, chosen: Chosen, tally: Tally) -> Iterator[Record]:
    """Iterate over the records below the header; fields in quotes may contain line breaks.

    Raises WrongRecordError for a wrong record, or a mark that neither opens nor closes a field.
    """
    check = _Check(layout, chosen, tally)
    lines = (text for _, text in _lines(layout))
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    header = layout.header
    end = layout.skip
    try:
        with field_limit(_IN_QUOTES):
            for fields in reader:
                first, end = end + 1, layout.skip + reader.line_num
                if header or not fields:
                    header = header and not fields
                    continue
                problem = check.find_problem(fields)
                if problem:
                    wrong = len(fields) != width(layout)
                    raise WrongRecordError(first, problem + (_truncated(lines) if wrong else ""))
                if check.is_row(first, fields):
                    tally.breaks += end - first
                    yield first, fields
    except csv.Error as error:
        problem = "a quote is opened but never closed"
        if "expected after" in str(error):
            last = layout.skip + reader.line_num
            problem = f"a quote is opened, but text follows the quote that closes it (line {last})"
        elif "limit" in str(error):
            problem = f"a quote is opened and not closed in the next {_IN_QUOTES:,} characters"
        problem += f". {CLOSE_IT}"
        raise WrongRecordError(end + 1, problem) from None


def lines_of(layout: Layout) -> Iterator[tuple[int, str]]:
    """Iterate over the lines that are not empty, with their numbers, without line ends."""
    stripped = ((number, text.rstrip("\r\n")) for number, text in _lines(layout))
    return ((number, line) for number, line in stripped if line.strip())


def split_line(layout: Layout, line: str) -> tuple[list[str], bool]:
    """Return the fields of a line, and whether its quotation marks were read as text."""
    if layout.format == "sequences":
        return line.split(), False
    separator = separator_of(layout)
    if layout.quoted and '"' in line:
        fields = split_quoted(line, separator)
        if len(fields) == width(layout):
            return fields, False
        return line.split(separator), True
    return line.split(separator), False


def sample_rows(lines: Sequence[str], delimiter: str, width: int) -> list[list[str]]:
    """Return the first records, by line if possible, as `records` reads them."""
    if delimiter == "::":
        return [line.split("::") for line in lines]
    rows = [split_quoted(line, delimiter) for line in lines]
    rows = [
        row if len(row) == width else line.split(delimiter)
        for row, line in zip(rows, lines, strict=True)
    ]
    if all(len(row) == width for row in rows):
        return rows
    with contextlib.suppress(csv.Error), field_limit(SAMPLE):
        return list(csv.reader(lines, delimiter=delimiter))
    return rows


def separator_of(layout: Layout) -> str:
    """Return what separates the fields in the file."""
    return "::" if is_doubled(layout) else layout.delimiter


def is_doubled(layout: Layout) -> bool:
    """Whether the separator is `::`, which pyarrow reads as `:` with an empty column between."""
    return layout.delimiter == ":"


def place(layout: Layout, column: int) -> int:
    """Index of a column in a record."""
    return column // 2 if is_doubled(layout) else column


def width(layout: Layout) -> int:
    """Number of fields per record; 0 if it is not fixed."""
    if layout.format == "sequences":
        return 0
    return place(layout, len(layout.names) - 1) + 1


def plain_header(text: str) -> str:
    """Return a name of a column, or a field that may repeat it, without margins and type."""
    return _TYPE.sub("", text.strip(MARGIN).lower())


def header_forms(name: str) -> list[str]:
    """Return the lower-case texts of which `plain_header` is the same as that of the name."""
    plain = plain_header(name)
    return [plain, *(f"{plain}:{kind}" for kind in _TYPES)]


class _Check:
    """Checks records of a file."""

    def __init__(self, layout: Layout, chosen: Chosen, tally: Tally) -> None:
        self.layout, self.chosen, self.tally = layout, chosen, tally
        self.width = width(layout)
        self.places = {role: place(layout, n) for role, n in chosen.index.items()}
        self.ids = [self.places[role] for role in ("user", "item") if role in self.places]
        self.words = {plain for name in layout.names if (plain := plain_header(name))}
        self.items = set(usual_names("item"))
        self.header = {self.places[role]: plain_header(name) for role, name in chosen.name.items()}
        first = next(iter(chosen.index))
        self.first, self.first_forms = self.places[first], set(header_forms(chosen.name[first]))

    def find_problem(self, fields: list[str], line: str = BOM) -> str:
        """Return what is wrong with a record, or "".

        line: its text, if it is in one line; text in ASCII is checked faster.
        """
        if len(fields) != self.width and self.width and any(map(str.strip, fields)):
            count, shown = count_fields(len(fields)), self._line(fields)
            return f"{count}, but {self._rule()}: {shown}. Correct the line"
        if line.isascii():
            return ""
        places = self.places.items() if self.width else (("user", n) for n in range(len(fields)))
        for role, n in places:
            text = fields[n] if n < len(fields) else ""
            if _is_undecoded(text):
                read = text.encode(errors="surrogateescape")
                return f"{role} {shorten(read)} is not UTF-8. {as_utf8(self.layout, 'latin1')}"
        return ""

    def is_row(self, number: int, fields: list[str]) -> bool:
        """Whether a record without problems is a row, not a blank line or a repeated header.

        Raises WrongRecordError for a header with other columns, or in another order.
        """
        if len(fields) != self.width:
            return False
        if fields[self.first].strip(MARGIN).lower() in self.first_forms and all(
            plain_header(fields[n]) == name for n, name in self.header.items()
        ):
            self.tally.headers.append(number)
            return False
        if len(self.ids) == 2 and self._names_columns([plain_header(fields[n]) for n in self.ids]):
            raise WrongRecordError(
                number,
                f"{self._line(fields)} looks like a header, but is not that of the rows above. "
                "Remove the line if the rows below have the same columns, or else save them as "
                "another file",
                decided=True,
            )
        return True

    def _names_columns(self, ids: list[str]) -> bool:
        """Whether the user and the item of a row are names of columns."""
        if self.words.issuperset(ids):
            return True
        return any(plain_name(text) in self.items for text in ids) and count_known(ids, {}) == 2

    def find_doubt(self, fields: list[str]) -> str:
        """Return why quotation marks that were read as text may not be text, or ""."""
        for role, n in self.places.items():
            text = fields[n].strip() if role != "title" else ""
            if text.startswith('"') and not _ENCLOSED_AND_MORE.fullmatch(text):
                if text.count('"') == 1:
                    return f"{role} {shorten(text)} has a quote that is never closed. {CLOSE_IT}"
                return (
                    f"{role} {shorten(text)} is in quotes, but another quote of the line does not "
                    f"enclose a field: {self._line(fields)}. Remove that, or, if it is part of "
                    "the text, double it and put its field in quotes"
                )
        return ""

    def _rule(self) -> str:
        if self.layout.header:
            return f"the header has {self.width}"
        form = {
            "dat": "user::item::rating::time",
            "udata": "user<tab>item<tab>rating<tab>time",
            "pairs": "a line with a user and an item",
            "csv": "header=",
        }[self.layout.format]
        return f"{form} has {self.width}"

    def _line(self, fields: list[str]) -> str:
        separator = separator_of(self.layout)
        return shorten(separator.join(fields))


def count_fields(count: int) -> str:
    """Return `1 field` or `3 fields`."""
    return f"{count} field" if count == 1 else f"{count} fields"


def _lines(layout: Layout) -> Iterator[tuple[int, str]]:
    """Iterate over the lines below the skipped ones, with their numbers and line ends."""
    raw = open_lines(layout)
    with io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        lines = iter(functools.partial(text.readline, LONGEST), "")
        for number, line in itertools.islice(enumerate(lines, start=1), layout.skip, None):
            if len(line) == LONGEST:
                raise too_long(layout.file, number)
            yield number, line.removeprefix(BOM)


def _is_undecoded(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)


def _escaped(layout: Layout, line: str) -> str:
    """Return the problem of a line with quotes after backslashes, or ""."""
    if not layout.quoted or '\\"' not in line:
        return ""
    return (
        f"a quote is escaped with a backslash: {shorten(line)}. Double it instead, for example "
        f'with: sed \'s/\\\\"/""/g\' {layout.file} '
        f"> mended-{PurePath(layout.file).name}"
    )


def _comment(line: str) -> str:
    """Return the problem of a comment between rows, or ""."""
    if is_comment(line):
        return f"{shorten(line)} looks like a comment. Remove the line"
    return ""


def _truncated(rest: Iterator[object]) -> str:
    last = next(rest, None) is None
    return ". It is the last line, so the file may be truncated" if last else ""


def _first(lines: list[int]) -> str:
    return f"line {lines[0]}" if len(lines) == 1 else f"the first is line {lines[0]}"
