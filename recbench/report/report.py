"""Every step: what a function returns, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import base64
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from recbench.errors import printable
from recbench.report.html_table import draw_html, paragraphs
from recbench.report.text import columns_of, draw_rows, terminal, wrap_text

if TYPE_CHECKING:
    import pandas as pd

T_co = TypeVar("T_co", covariant=True)

LONGEST = 60
"""The most lines of a `repr`; `print` shows all."""


class Report(ABC):
    """What a function returns: text if it is printed, HTML in a notebook, and a frame.

    A subclass has `to_frame`, and `_blocks`, from which both forms are made.
    """

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the numbers, one row per finding."""

    @abstractmethod
    def _blocks(self, width: int) -> Iterable[Block]:
        """Yield the parts, from top to bottom. width: of the terminal; 0 for no limit."""

    def __str__(self) -> str:
        texts = map(as_text, self._blocks(terminal()))
        return "\n\n".join(filter(None, texts))

    def __repr__(self) -> str:
        return shortened_to(LONGEST, str(self))

    def to_markdown(self) -> str:
        """Return all tables and sentences in Markdown.

        Returns
        -------
        str
        """
        return "\n\n".join(filter(None, map(as_markdown, self._blocks(0)))) + "\n"

    def _repr_html_(self) -> str:
        return "\n".join(filter(None, map(as_html, self._blocks(0))))


class ReportOf(Report, Sequence[T_co]):
    """A report that is also a sequence, such as one of checks.

    Parameters
    ----------
    parts : iterable
        What the sequence holds.
    """

    def __init__(self, parts: Iterable[T_co]) -> None:
        self._parts = tuple(parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self._parts)

    def __getitem__(self, index: Any) -> Any:
        return self._parts[index]


@dataclass(frozen=True)
class Table:
    """A table in a report.

    rows: heading -> cell; columns that are empty in every row are left out. numbers: the headings
    whose columns are aligned to the right. caption: the text above it, also if there are no rows.
    """

    rows: Sequence[Mapping[str, Any]]
    numbers: Collection[str] = ()
    caption: str = ""


@dataclass(frozen=True)
class Lines:
    """Lines of text. indent: what begins the second and later parts of a line that is broken."""

    lines: Sequence[str]
    indent: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture, which text leaves out. draw: returns the content of a PNG file."""

    draw: Callable[[], bytes]
    description: str


Block = str | Lines | Table | Picture
"""A part of a report; a str is a paragraph."""


def as_text(block: Block) -> str:
    """Return a block as text that fits the terminal; "" if it has none."""
    match block:
        case str():
            return wrap_text(block)
        case Lines(lines, indent):
            return "\n".join(wrap_text(line, indent) for line in lines)
        case Table(rows, numbers, caption):
            return "\n\n".join(filter(None, [wrap_text(caption), draw_rows(rows, numbers)]))
        case Picture():
            return ""


def as_html(block: Block) -> str:
    """Return a block as HTML, in which every text is escaped; "" if it is empty."""
    match block:
        case str():
            return paragraphs([block])
        case Lines(lines):
            return paragraphs(["\n".join(lines)])
        case Table(rows, numbers, caption):
            if not rows:
                return paragraphs([caption])
            return draw_html(*columns_of(rows, numbers), caption=caption)
        case Picture(draw, description):
            content = base64.b64encode(draw()).decode()
            about = escape(printable(description))
            return (
                f'<img alt="{about}" style="max-width:100%" src="data:image/png;base64,{content}">'
            )


def as_markdown(block: Block) -> str:
    """Return a block as Markdown, in which every text is escaped; "" if it has none."""
    match block:
        case str():
            return _escaped(block)
        case Lines(lines):
            return "\n".join(f"- {_escaped(line)}" for line in lines)
        case Table(rows, numbers, caption):
            words, right = columns_of(rows, numbers)
            columns = {**words, **right}
            aligned = {head: "---:" if head in right else "---" for head in columns}
            grid: list[Any] = [columns, aligned.values(), *zip(*columns.values(), strict=True)]
            drawn = "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in grid if columns)
            return "\n\n".join(filter(None, [caption and f"### {_escaped(caption)}", drawn]))
        case Picture():
            return ""


def _cell(text: str) -> str:
    return text if text.strip("-:") == "" else _escaped(text)


def _escaped(text: str) -> str:
    """Return text on one line without Markdown or HTML."""
    line = printable(" ".join(text.split()))
    return re.sub(r"[`*|$~<\\]|\](?=[(\[])|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", line)


def shortened_to(n_lines: int, text: str) -> str:
    """Return the text with at most this many lines, and how many are left out."""
    lines = text.split("\n")
    if len(lines) <= n_lines:
        return text
    left = len(lines) - n_lines
    return "\n".join([*lines[:n_lines], f"... {left:,} more lines; print() shows all"])
