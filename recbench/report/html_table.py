"""Every step: tables and sentences as HTML, for notebooks and web pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from recbench.errors import printable

Columns = Mapping[str, Sequence[str]]
"""Heading of each column -> its cells, from top to bottom."""

CELL = "padding:0.2em 0.8em;vertical-align:top"
"""The style of each cell. Nothing here has a colour, so that light and dark pages both work."""

WHOLE = "white-space:nowrap"

LINE = f"border-bottom:1px solid;{WHOLE}"


def draw_html(
    words: Columns, *numbers: Columns, marks: Columns | None = None, caption: str = ""
) -> str:
    """Return columns of text side by side as an HTML table.

    Parameters
    ----------
    words : mapping of str to sequence of str
        Heading -> cells of the columns on the left. The cells of the first are the headings of the
        rows.
    *numbers : mapping of str to sequence of str
        Groups of columns on the right. Each line of a cell is kept whole; they are side by side if
        there is room.
    marks : mapping of str to sequence of str, default: None
        Heading -> one character, or "", to put after each cell. Cells with a mark are bold.
    caption : str, default: ""
        The caption of the table, if any.

    Returns
    -------
    str
        One table, in which every text is escaped. It needs no style sheet and loads nothing.

    Examples
    --------
    >>> import recbench
    >>> html = recbench.draw_html({"model": ["a<b"]}, {"NDCG@10": ["0.20"]})
    >>> html.count("<th scope"), "a&lt;b" in html
    (3, True)
    """
    marks = marks or {}
    right = {head: cells for group in numbers for head, cells in group.items()}
    heads = [_cell("th", head, scope="col", style=LINE) for head in words]
    heads += [_cell("th", head, "right", scope="col", style=LINE) for head in right]
    columns = [
        [
            _cell("td", text) if nth else _cell("th", text, scope="row", style=WHOLE)
            for text in cells
        ]
        for nth, cells in enumerate(words.values())
    ]
    columns += [
        [
            _number(text, mark)
            for text, mark in zip(cells, marks.get(head) or [""] * len(cells), strict=True)
        ]
        for head, cells in right.items()
    ]
    rows = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))
    title = f'<caption style="text-align:left">{_escaped(caption)}</caption>\n' if caption else ""
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:0.5em 0">\n'
        f"{title}<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n"
        "</table></div>"
    )


def paragraphs(texts: Iterable[str]) -> str:
    """Return each text that is not empty as a paragraph; line breaks stay."""
    return "\n".join(f"<p>{_escaped(text)}</p>" for text in texts if text)


def _number(text: str, mark: str) -> str:
    """Return a cell that is broken only between its lines, and only if there is no room."""
    lines = [" ".join(line.split()) for line in f"{text} {mark}".split("\n")]
    style = f"text-align:right;{CELL}{';font-weight:bold' if mark else ''}"
    parts = [f'<span style="{WHOLE}">{_escaped(line)}</span>' for line in lines]
    return f'<td style="{style}">{" ".join(parts)}</td>'


def _cell(tag: str, text: str, align: str = "left", *, scope: str = "", style: str = "") -> str:
    """Return a cell. Lines of a cell stay lines, so that those of neighbours are side by side."""
    styles = [f"text-align:{align}", CELL, style, WHOLE if "\n" in text else ""]
    kind = f'{tag} scope="{scope}"' if scope else tag
    return f'<{kind} style="{";".join(filter(None, styles))}">{_escaped(text)}</{tag}>'


def _escaped(text: str) -> str:
    return "<br>".join(map(escape, printable(text).split("\n")))
