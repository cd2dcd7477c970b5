"""Show how the columns of a log would be read, from its first rows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import recbench

from .columns import choose_columns
from .layout import Layout, shorten
from .request import Request

N_VALUES = 3
"""Number of values that are shown of each column."""

_WITHOUT_COLUMNS = ("pairs", "sequences")
_SHOWN = {"where": "filter", "clock": "time of day"}


def preview_columns(**options: Any) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """Return a heading and, for each column, its name, what it is read as, and its first values.

    Nothing is returned for formats without columns. If the columns cannot be chosen, "read as" is
    empty: loading the log then raises the error.

    Raises UsageError if the files or their format cannot be found.
    """
    request = Request(**options)
    sources, layouts = request.detect()
    layout = layouts[0]
    index: Mapping[str, int] = {}
    if layout.format in _WITHOUT_COLUMNS:
        return {}
    with contextlib.suppress(recbench.UsageError):
        index = choose_columns(
            layout, request.requested, request.in_log(layouts), request.wanted
        ).index
    what = sources.name if len(layouts) == 1 else layout.file
    return {f"Columns of {what}": _rows(layout, index)}


def _rows(layout: Layout, index: Mapping[str, int]) -> list[dict[str, str]]:
    roles: dict[int, list[str]] = {}
    for role, column in index.items():
        kind = role.partition(":")[0]
        roles.setdefault(column, []).append(_SHOWN.get(kind, kind))
    return [
        {
            "column": name,
            "read as": ", ".join(dict.fromkeys(roles.get(column, []))),
            "first values": ", ".join(
                shorten(row[column]) for row in layout.sample[:N_VALUES] if column < len(row)
            ),
        }
        for column, name in enumerate(layout.names)
        if name or layout.format != "dat"
    ]
