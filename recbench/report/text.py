"""Every step: tables and sentences as text that fits the terminal."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recbench.errors import printable

PIPE = 130
"""Characters per line of a table if the output is not a terminal."""

GAP = 2
"""Spaces between columns."""

NARROWEST = 16
"""Words up to this length are never broken; longer ones only if there is no room."""

Columns = Mapping[str, Sequence[str]]
"""Heading of each column -> its cells, from top to bottom."""


def draw_table(words: Columns, *numbers: Columns, marks: Columns | None = None) -> str:
    """Return columns of text side by side, split into several tables if they do not fit.

    Parameters
    ----------
    words : mapping of str to sequence of str
        Heading -> cells of the columns on the left, repeated in each table. In a narrow terminal
        they are broken into lines, at spaces and after commas and colons.
    *numbers : mapping of str to sequence of str
        Groups of columns on the right. If there is no room for a group beside the previous one,
        it goes into another table below. Line breaks in cells become spaces if there is room;
        cells are broken nowhere else.
    marks : mapping of str to sequence of str, default: None
        Heading -> one character, or "", to put after the first line of each cell.

    Returns
    -------
    str
        One or more tables, separated by empty lines. If the output is not a terminal, they are
        up to 130 characters wide.

    Examples
    --------
    >>> import recbench
    >>> print(recbench.draw_table({"model": ["a", "b"]}, {"NDCG@10": ["0.20", "0.10"]}))
    model  NDCG@10
    -----  -------
    a         0.20
    b         0.10
    """
    marks = marks or {}
    lead = [_column(head, cells, is_words=True) for head, cells in words.items()]
    groups = [
        [_column(head, cells, marks.get(head, ())) for head, cells in group.items()]
        for group in numbers
    ]
    width = terminal()
    tables = _arranged(lead, groups, width or PIPE)
    return "\n\n".join(_drawn(table, width) for table in tables)


def draw_rows(rows: Sequence[Mapping[Any, Any]], numbers: Collection[str] = ()) -> str:
    """Return a table of rows; "" without rows. See `columns_of` and `draw_table`."""
    return draw_table(*columns_of(rows, numbers)) if rows else ""


def columns_of(
    rows: Sequence[Mapping[Any, Any]], numbers: Collection[str] = ()
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the columns of words and of numbers, without those that are empty in every row.

    numbers: the keys of columns of numbers, which are aligned to the right.
    """
    columns = {str(head): [str(row[head]) for row in rows] for head in (rows[0] if rows else ())}
    filled = {head: cells for head, cells in columns.items() if any(cells)}
    words = {head: cells for head, cells in filled.items() if head not in numbers}
    return words, {head: cells for head, cells in filled.items() if head in numbers}


def wrap_text(text: str, indent: str = "") -> str:
    """Return text broken into lines that fit the terminal, or 100 characters without one.

    Parameters
    ----------
    text : str
        Sentences. Words, names and paths are never broken.
    indent : str, default: ""
        What the second and later lines begin with.

    Returns
    -------
    str
        The same text with line breaks.

    Examples
    --------
    >>> import recbench
    >>> recbench.wrap_text("A short sentence.")
    'A short sentence.'
    """
    width = max(terminal() or 100, 40)
    return textwrap.fill(
        printable(text),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def terminal() -> int:
    """The width of the terminal in characters; 0 if the output is not a terminal."""
    if sys.__stdout__ is None or not sys.__stdout__.isatty():
        return 0
    return shutil.get_terminal_size().columns


@dataclass(frozen=True)
class _Column:
    """A heading and cells, and a mark, or "", after the first line of each cell."""

    head: str
    cells: Sequence[str]
    marks: Sequence[str] = ()
    is_words: bool = False

    @property
    def flat(self) -> _Column:
        """The same column with each cell on one line."""
        return replace(self, cells=[cell.replace("\n", " ") for cell in self.cells])

    @property
    def width(self) -> int:
        """Its width in characters."""
        return _longest(_lines(self.head, *self.cells)) + self._mark_width

    @property
    def narrowest(self) -> int:
        """Its width in characters if words are broken."""
        head = min(_longest(_lines(self.head)), NARROWEST)
        if self.is_words:
            return max(head, min(_longest(_pieces(*self.cells)), NARROWEST))
        return max(head, _longest(_lines(*self.cells)) + self._mark_width)

    @property
    def _mark_width(self) -> int:
        return 2 if any(self.marks) else 0

    def texts(self, width: int) -> list[str]:
        """The heading and the cells, broken into lines of this width."""
        marks = ["", *(self.marks or [""] * len(self.cells))]
        return [
            self._text(text, mark, width - self._mark_width)
            for text, mark in zip((self.head, *self.cells), marks, strict=True)
        ]

    def _text(self, text: str, mark: str, room: int) -> str:
        lines = [part for line in _lines(text) for part in _broken(line, room)]
        if not self.is_words:  # rich would strip the spaces that align numbers
            lines = [" " * (room - _longest([line])) + line for line in lines]
        if mark:
            lines[0] += f" {mark}"
        return "\n".join(lines)


def _column(
    head: str, cells: Sequence[str], marks: Sequence[str] = (), *, is_words: bool = False
) -> _Column:
    """Return a column whose width can be counted: of printable characters without tabs."""
    head, *cells = (printable(text).replace("\t", " ") for text in (head, *cells))
    return _Column(head, cells, marks, is_words)


def _lines(*texts: str) -> list[str]:
    return [line for text in texts for line in text.split("\n")]


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines at spaces and after commas and colons, but not before a final sign or mark."""

    wordsep_simple_re = re.compile(r"(\s+(?!\W$)|(?<=[,:])(?=[^\W\d_]))")


def _pieces(*texts: str) -> list[str]:
    """The pieces of the texts that are never broken."""
    return [piece for text in texts for piece in _Wrapper.wordsep_simple_re.split(text)]


def _broken(line: str, width: int) -> list[str]:
    if _longest([line]) <= width:
        return [line]
    return _Wrapper(width, break_on_hyphens=False).wrap(line)


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _arranged(
    lead: list[_Column], groups: Sequence[list[_Column]], width: int
) -> list[list[_Column]]:
    """Return the columns of each table: one table if all fit, with words broken, cells on one line.

    If they do not fit, groups go side by side only where that breaks no word.
    """

    def fits(table: list[_Column]) -> bool:
        return _span([column.narrowest for column in table]) <= width

    def packed(columns: list[_Column]) -> list[list[_Column]]:
        tables = [[*lead, columns[0]]]
        for column in columns[1:]:
            if fits([*tables[-1], column]):
                tables[-1].append(column)
            else:
                tables.append([*lead, column])
        return tables

    together = [*lead, *(column.flat for group in groups for column in group)]
    if fits(together):
        return [together]
    tables: list[list[_Column]] = []
    for group in filter(None, groups):
        flat = [column.flat for column in group]
        beside = [*tables[-1], *flat] if tables else []
        if beside and _span([column.width for column in beside]) <= width:
            tables[-1] = beside
        else:
            choices = packed(flat), packed(group)
            best = min(choices, key=lambda made: (not all(map(fits, made)), len(made) > 1))
            tables += best
    return tables or [lead]


def _span(widths: Sequence[int]) -> int:
    """The width of a line with columns of these widths."""
    return sum(widths) + GAP * (len(widths) - 1)


def _drawn(columns: list[_Column], width: int) -> str:
    """A table of at most this width, if possible; 0 for no limit."""
    from rich.console import Console
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    widths = _shrunk(columns, width)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    contents = []
    for column, room in zip(columns, widths, strict=True):
        head, *cells = map(Text, column.texts(room))
        table.add_column(head, no_wrap=not column.is_words)
        contents.append([Rule(characters="-"), *cells])
    for row in zip(*contents, strict=True):
        table.add_row(*row)
    console = Console()
    options = console.options.update_width(_span(widths) + GAP)  # whatever the terminal is
    lines = console.render_lines(table, options, pad=False)
    return "\n".join("".join(part.text for part in line).rstrip() for line in lines)


def _shrunk(columns: list[_Column], width: int) -> list[int]:
    """The width of each column; the widest ones with words shrink until all fit."""
    widths = [column.width for column in columns]
    for floors in (
        [column.narrowest for column in columns],
        [NARROWEST // 2 if column.is_words else column.narrowest for column in columns],
    ):
        while width and _span(widths) > width:
            wide = [i for i, floor in enumerate(floors) if widths[i] > floor]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    return widths
