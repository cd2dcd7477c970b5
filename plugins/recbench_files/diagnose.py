"""After an error: read the file again, slowly, to find the wrong line and describe the error."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import recbench

from .columns import Chosen
from .frames import find_frame_value
from .jsonl.reader import find_json_value
from .layout import Layout, is_number, shorten
from .parquet import find_value
from .text.lines import is_comment
from .text.records import place, records, separator_of


def no_rows(layout: Layout) -> recbench.RecbenchError:
    """Return the error for a file that contains only the names of columns."""
    if layout.format == "frame":
        return recbench.RecbenchError(f"{layout.file} has no rows; check how it was made")
    what = "has no rows" if layout.format == "parquet" else "has a header but no rows"
    return recbench.RecbenchError(f"{layout.file} {what}; check that it was written completely")


def locate(layout: Layout, chosen: Chosen, role: str, row: int) -> tuple[str, Any]:
    """Return the place of a row (counted from 0), such as `line 7`, and its value."""
    if layout.format == "frame":
        return find_frame_value(layout, chosen, role, row)
    if layout.format == "parquet":
        return find_value(layout, chosen, role, row)
    if layout.format == "json":
        line, value = find_json_value(layout, chosen, role, row)
        return f"line {line}", value
    line, fields = next(itertools.islice(records(layout, chosen), row, None))
    return f"line {line}", fields[place(layout, chosen.index[role])]


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


def wrong_number(layout: Layout, chosen: Chosen, roles: Collection[str]) -> recbench.RecbenchError:
    """Return the error for the first value of these roles that is not a number."""
    for line, fields in records(layout, chosen):
        for role in roles:
            text = fields[place(layout, chosen.index[role])].strip()
            if text and text not in layout.missing and not (text.isascii() and is_number(text)):
                whole = separator_of(layout).join(fields)
                if is_comment(whole):
                    return recbench.RecbenchError(
                        f"{layout.file} line {line}: {shorten(whole)} looks like a comment. Remove "
                        "the line"
                    )
                return recbench.RecbenchError(
                    f"{layout.file} line {line}: {role} {shorten(text)} is not a number, in the "
                    f"line {shorten(whole)}. Correct it{_leave_out(layout, role)}"
                )
    return recbench.RecbenchError(
        f"{layout.file}: a number in {' or '.join(roles)} is too large. Correct it"
    )


def _leave_out(layout: Layout, role: str) -> str:
    """Return the hint that a column can be left out, if it is optional, else ""."""
    if layout.header and role in ("time", "rating"):
        return f", or leave the column out with {role}="
    return ""
