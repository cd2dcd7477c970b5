"""The command line, text: tables and sentences, as wide as the terminal."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

PIPE = 130
"""Characters a line of a table where there is no terminal."""

GAP = 2
"""Spaces between columns."""

NARROWEST = 16
"""Words of this length are not broken, longer ones only where there is no room."""

Columns = Mapping[str, Sequence[str]]
"""The head of each column -> its cells, from top to bottom."""


def draw_table(words: Columns, *numbers: Columns, marks: Columns | None = None) -> str:
    """Columns of text side by side under their heads, in several tables where they must be.

    words: the columns that stand to the left, in front of each table. In a narrow terminal they
        are broken into lines, at spaces and behind commas and colons.
    numbers: groups of columns that stand to the right. A group stands beside the one before if
        there is room, else below. Cells are broken at their own line breaks only, which are
        spaces where there is room.
    marks: head -> a character or nothing behind the first line of each of its cells.

    Where the output is no terminal, tables are PIPE wide, but for words, which are not broken.
    """
    marks = marks or {}
    lead = [_Column(head, cells, is_words=True) for head, cells in words.items()]
    groups = [
        [_Column(head, cells, marks.get(head, ())) for head, cells in group.items()]
        for group in numbers
    ]
    width = terminal()
    tables = _arranged(lead, groups, width or PIPE)
    return "\n\n".join(_drawn(table, width) for table in tables)


def draw_rows(rows: Sequence[Mapping[Any, Any]], numbers: Collection[str] = ()) -> str:
    """Rows lined up under their keys, but for columns that are empty everywhere; "" without rows.

    numbers: the keys whose columns stand to the right, see `draw_table`.
    """
    heads = rows[0] if rows else ()
    columns = {head: [str(row[head]) for row in rows] for head in heads}
    filled = {head: cells for head, cells in columns.items() if any(cells)}
    words = {head: cells for head, cells in filled.items() if head not in numbers}
    return draw_table(words, {head: filled[head] for head in filled if head in numbers})


def wrap_text(text: str) -> str:
    """Sentences broken into lines, but no word, name or path."""
    width = max(terminal() or 100, 40)
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def terminal() -> int:
    """How many characters a line of the terminal has; 0 where the output goes elsewhere."""
    if sys.__stdout__ is None or not sys.__stdout__.isatty():
        return 0
    return shutil.get_terminal_size().columns


@dataclass(frozen=True)
class _Column:
    """A head and cells; a mark, or nothing, stands behind the first line of each cell."""

    head: str
    cells: Sequence[str]
    marks: Sequence[str] = ()
    is_words: bool = False

    @property
    def flat(self) -> _Column:
        """The same with each cell in one line."""
        return replace(self, cells=[cell.replace("\n", " ") for cell in self.cells])

    @property
    def width(self) -> int:
        """Characters that it takes."""
        return _longest(_lines(self.head, *self.cells)) + self._mark_width

    @property
    def narrowest(self) -> int:
        """Characters that it takes where words are broken."""
        head = min(_longest(_lines(self.head)), NARROWEST)
        if self.is_words:
            return max(head, min(_longest(_pieces(*self.cells)), NARROWEST))
        return max(head, _longest(_lines(*self.cells)) + self._mark_width)

    @property
    def _mark_width(self) -> int:
        return 2 if any(self.marks) else 0

    def texts(self, width: int) -> list[str]:
        """The head and the cells, each as it stands in so many characters."""
        marks = ["", *(self.marks or [""] * len(self.cells))]
        return [
            self._text(text, mark, width - self._mark_width)
            for text, mark in zip((self.head, *self.cells), marks, strict=True)
        ]

    def _text(self, text: str, mark: str, room: int) -> str:
        lines = [part for line in _lines(text) for part in _broken(line, room)]
        if not self.is_words:  # rich would strip the spaces that hold numbers below each other
            lines = [" " * (room - _longest([line])) + line for line in lines]
        if mark:
            lines[0] += f" {mark}"
        return "\n".join(lines)


def _lines(*texts: str) -> list[str]:
    return [line for text in texts for line in text.split("\n")]


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines at spaces, but before no sign at the end, and behind commas and colons."""

    wordsep_simple_re = re.compile(r"(\s+(?!\W$)|(?<=[,:])(?=[^\W\d_]))")


def _pieces(*texts: str) -> list[str]:
    """What is not broken of the texts."""
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
    """The columns of each table: all in one if they fit, with words broken and cells in one line.

    Else groups stand beside each other only where no word is broken for that.
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
    """The characters of a line with columns of these widths."""
    return sum(widths) + GAP * (len(widths) - 1)


def _drawn(columns: list[_Column], width: int) -> str:
    """A table of at most this width, if it can be; 0 for any."""
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
    """The width of each column: the widest of those with words give way until all have room."""
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
