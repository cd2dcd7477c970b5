"""Detect how a file of recommendations is written, with a header or without one.

Without a header, a line is `user item`, `user item value` (a rank or a score), or a user and its
items, best first. What may be two of these is refused.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence

import recbench

from .columns import count_known
from .formats import PARQUET, detect_layout, detect_table, is_row
from .layout import N_SAMPLE, Layout, is_number, shorten
from .text.headerless import with_delimiter
from .text.lines import open_text, parse

_DELIMITERS = ("::", "\t", ",", ";", "|")
_NO_ID = re.compile(r".*[\s,;|\"\[\](){}].*|-?\d*\.\d+|.*:", re.DOTALL)
_NAMES = ("user", "item", "value")


def detect_recommendations(file: str, content: bytes) -> Layout:
    """Return the layout of a file of recommendations. Raises RecbenchError if it is unclear."""
    import pyarrow as pa

    if content.startswith(PARQUET):
        return detect_table(file, content)
    source = Layout(file, pa.py_buffer(content))
    layout, lines, _ = open_text(source)
    if re.match(r"\s*(\{|\[\s*(\{|$))", lines[0]):  # a record, or a list of them
        return detect_layout(source, "json", {})
    if re.match(r"\S+:(token|float)\t", lines[0]):
        return detect_layout(source, "inter", {})
    delimiter = next((mark for mark in _DELIMITERS if mark in lines[0]), " ")
    rows = [_split(line, delimiter) for line in lines]
    if delimiter == "\t" and all(len(row) == 2 and " " in row[1].strip() for row in rows):
        rows = [line.split() for line in lines]  # a user, a tab, and its items
    if count_known(rows[0], {}) or not is_row(rows):
        return detect_table(file, content)
    return _without_header(layout, delimiter, rows, lines[0])


def _without_header(
    layout: Layout, delimiter: str, rows: Sequence[Sequence[str]], first: str
) -> Layout:
    place = f"{layout.file} has no header, and line {layout.skip + 1}, {shorten(first)},"
    widths = Counter(map(len, rows))
    width = widths.most_common(1)[0][0]
    once = len({row[0] for row in rows}) == len(rows)
    values = {row[2] for row in rows if len(row) == 3}
    has_values = set(widths) == {3} and all(map(is_number, values))
    if delimiter in ("\t", " ") and once and not has_values and set(widths) != {2}:
        no_id = next((field for row in rows for field in row if _NO_ID.fullmatch(field)), None)
        if no_id is not None or 1 in widths:
            raise recbench.RecbenchError(
                f"{place} seems to be a user and its items, but "
                + ("a line has no items" if no_id is None else f"{shorten(no_id)} is not an id")
            )
        return dataclasses.replace(layout, format="sequences", names=_NAMES[:2])
    if has_values and once and len(values) > 1 and all(float(text).is_integer() for text in values):
        raise recbench.RecbenchError(
            f"{place} may be a user, an item and a rank or score, or a user and two items"
        )
    if width not in (2, 3):
        raise recbench.RecbenchError(
            f"{place} is neither a user and an item, nor these and a number, nor all items of a "
            "user, separated by spaces"
        )
    layout = dataclasses.replace(layout, format="csv", header=False)
    complete = [row for row in rows if len(row) == width]
    return with_delimiter(layout, delimiter, _NAMES[:width], complete[:N_SAMPLE])


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return parse(line, delimiter)
