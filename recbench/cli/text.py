"""Beside the flow: rows lined up as text, as wide as the terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

NARROW = 12
"""Columns are not made narrower than this."""


PADDING = 2
"""What tabulate adds to the width of a column's name."""


def grid(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Rows lined up under their keys; in a narrow terminal the widest columns are broken."""
    from tabulate import tabulate

    if not rows:
        return ""
    head, *cells = [[str(one) for one in line] for line in (rows[0], *(r.values() for r in rows))]
    widths = [
        max(len(name) + PADDING, *(len(line[i]) for line in cells)) for i, name in enumerate(head)
    ]
    room = terminal()
    while room and sum(widths) + 2 * (len(widths) - 1) > room and max(widths) > NARROW:
        widths[widths.index(max(widths))] -= 1
    head = [_broken(one, width - PADDING) for one, width in zip(head, widths, strict=True)]
    cells = [list(map(_broken, line, widths)) for line in cells]
    return f"{tabulate(cells, head, disable_numparse=True)}\n"


def _broken(text: str, width: int) -> str:
    """The text in lines of that width; tabulate's own way fails for `1,385`."""
    return "\n".join(textwrap.wrap(text, width)) if len(text) > width else text


def without_empty(rows: Sequence[Mapping[Any, Any]]) -> list[dict[Any, Any]]:
    """Rows without the columns that are empty everywhere (titles, scores)."""
    full = [key for key in (rows[0] if rows else {}) if any(row[key] != "" for row in rows)]
    return [{key: row[key] for key in full} for row in rows]


def paragraph(text: str) -> str:
    """A sentence or more, broken into lines."""
    return textwrap.fill(text, max(terminal() or 100, 40), break_long_words=False)


def terminal() -> int:
    """How many characters a line of the terminal has; 0 where the output goes elsewhere."""
    if sys.__stdout__ is None or not sys.__stdout__.isatty():
        return 0
    return shutil.get_terminal_size().columns
