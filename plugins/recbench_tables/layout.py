"""How columns of text stand side by side, and which of them find room."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

GAP = 2
"""Spaces between columns."""

NARROWEST = 16
"""Names that are longer may be broken into lines of this length, if that makes room."""


@dataclass(frozen=True)
class Column:
    """A head and cells of text, of several lines perhaps.

    marks: a character or nothing behind the first line of each cell, in a place of its own.
    """

    head: str
    cells: list[str]
    marks: list[str]

    @classmethod
    def of(cls, head: str, cells: Iterable[str]) -> "Column":
        """One without marks."""
        text = list(cells)
        return cls(head, text, [""] * len(text))

    @property
    def width(self) -> int:
        """Characters that it takes."""
        longest = max(len(line) for one in (self.head, *self.cells) for line in one.split("\n"))
        return longest + (2 if any(self.marks) else 0)

    @property
    def flat(self) -> "Column":
        """The same in one line a cell."""
        return replace(self, cells=[one.replace("\n", " ") for one in self.cells])


Table = list[Column]
"""The first column names the rows."""


def fits(table: Table, width: int) -> bool:
    """Whether it has room, its names broken where they must be."""
    return min(table[0].width, NARROWEST) + _others(table) <= width


def packed(lead: Table, columns: Table, width: int) -> list[Table]:
    """As many columns beside each other as there is room for, one at least."""
    tables = [[*lead, columns[0]]]
    for column in columns[1:]:
        if fits([*tables[-1], column], width):
            tables[-1].append(column)
        else:
            tables.append([*lead, column])
    return tables


def drawn(table: Table, width: int) -> str:
    """The table for a terminal; where width is not 0, long names are broken, never a number."""
    names, others = table[0], table[1:]
    if width:
        room = max(width - _others(table), NARROWEST)
        names = replace(names, cells=[broken(one, room) for one in names.cells])
    columns = [names, *others]
    widths = [one.width for one in columns]
    lines = _lines([one.head for one in columns], [""] * len(columns), columns, bottom=True)
    lines.append((" " * GAP).join("-" * one for one in widths))
    for row in range(len(names.cells)):
        cells, marks = [one.cells[row] for one in columns], [one.marks[row] for one in columns]
        lines += _lines(cells, marks, columns)
    return "\n".join(lines)


def broken(name: str, width: int) -> str:
    """A name in lines of at most this width, broken behind its commas and colons if it can be."""
    lines = [""]
    for part in re.findall(r"[^,:]*[,:]?", name):
        if len(lines[-1] + part.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += part
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return "\n".join(line.rstrip() for line in lines)


def _others(table: Table) -> int:
    """Characters that all but the names take."""
    return sum(one.width + GAP for one in table[1:])


def _lines(
    cells: list[str], marks: list[str], columns: Table, *, bottom: bool = False
) -> list[str]:
    """One row of the table: names to the left, all else to the right."""
    parts = [one.split("\n") for one in cells]
    height = max(map(len, parts))
    lines = []
    for number in range(height):
        line = []
        for i, (part, mark, column) in enumerate(zip(parts, marks, columns, strict=True)):
            at = number - (height - len(part) if bottom else 0)
            text = part[at] if 0 <= at < len(part) else ""
            if i == 0:
                line.append(text.ljust(column.width))
                continue
            if any(column.marks):
                text += f" {mark if at == 0 and mark else ' '}"
            line.append(text.rjust(column.width))
        lines.append((" " * GAP).join(line).rstrip())
    return lines
