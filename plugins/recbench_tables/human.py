"""Tables to read: a section a dataset and split, best model first, a footer that explains."""

import shutil
import sys
import textwrap
from collections.abc import Iterator

import recbench

from .cells import costs, names, numbers, seeds, segments, shown
from .layout import Table, drawn, fits, packed
from .words import below, left_out

PIPE = 130
"""Characters a line where there is no terminal."""

MARK = "\0"
"""Stands for a mark until LaTeX's own signs can stand in a table."""


def plain(results: recbench.Results) -> str:
    """Columns lined up for a terminal."""
    terminal = sys.__stdout__ is not None and sys.__stdout__.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    parts = []
    for section in results.sections():
        tables, apart = _fitted(section, width or PIPE), segments(section)
        lines = below(section, tables, apart)
        blocks = [*tables, *_split(apart, width or PIPE)]
        text = [drawn(one, width) for one in blocks]
        parts.append("\n\n".join([_wrapped(section.title, width), *text, _filled(lines, width)]))
    if results.left_out:
        parts.append(_filled(left_out(results), width))
    return "\n\n".join(parts) + "\n"


def markdown(results: recbench.Results) -> str:
    """A GitHub table with a heading."""
    parts = []
    for section in results.sections():
        apart = segments(section)
        tables = [_whole(section), *(one for one in apart.values() if len(one) > 1)]
        lines = below(section, tables, apart)
        text = [_tabulated(one, "github", r" \*") for one in tables]
        parts.append("\n\n".join([f"### {section.title}", *text, _bullets(lines)]))
    if results.left_out:
        parts.append(_bullets(left_out(results)))
    return "\n\n".join(parts) + "\n"


def latex(results: recbench.Results) -> str:
    """A booktabs tabular, the footer as comments."""
    parts = []
    for section in results.sections():
        apart = segments(section)
        tables = [_whole(section), *(one for one in apart.values() if len(one) > 1)]
        lines = [section.title, *below(section, tables, apart)]
        # tabulate escapes what it is given, so signs go in afterwards; a mark takes no room
        text = [_tabulated(one, "latex_booktabs", MARK) for one in tables]
        text = [one.replace("±", r"$\pm$ ").replace(MARK, r"\rlap{*}") for one in text]
        parts.append("\n".join([*(f"% {line}" for line in lines), *text]))
    parts += ["\n".join(f"% {line}" for line in left_out(results))] if results.left_out else []
    return "\n\n".join(parts) + "\n"


def _whole(section: recbench.Section) -> Table:
    """All numbers and the costs side by side."""
    columns = [column.flat for metric in shown(section) for column in numbers(section, metric)]
    return [names(section), *seeds(section), *columns, *costs(section)]


def _fitted(section: recbench.Section, width: int) -> list[Table]:
    """The same where there is room; else the costs below, a table for each metric, or more."""
    layouts = list(_layouts(section, width))
    return next((one for one in layouts if all(fits(part, width) for part in one)), layouts[-1])


def _layouts(section: recbench.Section, width: int) -> Iterator[list[Table]]:
    """From the widest to the narrowest."""
    name, took = names(section), costs(section)
    lead = [name, *seeds(section)]
    metrics = [numbers(section, metric) for metric in shown(section)]
    flat = [[column.flat for column in one] for one in metrics]
    every = [column for one in flat for column in one]
    yield [[*lead, *every, *took]]
    if every:
        yield [[*lead, *every], [name, *took]]
        for some in (flat, metrics):
            yield [*([*lead, *one] for one in some), [name, *took]]
        for some in (flat, metrics):
            yield [*(part for one in some for part in packed(lead, one, width)), [name, *took]]


def _split(apart: dict[str, Table], width: int) -> Iterator[Table]:
    """The segments of each metric, where there is no room those by history below the others."""
    for table in apart.values():
        if len(table) > 1 and fits(table, width):
            yield table
        elif len(table) > 1:
            for what in ("target", "history"):
                columns = [one for one in table[1:] if one.head.startswith(what)]
                yield from packed(table[:1], columns, width) if columns else ()


def _tabulated(table: Table, form: str, mark: str) -> str:
    """The table in a form that programs lay out."""
    from tabulate import tabulate

    flat = [column.flat for column in table]
    cells = [
        [
            f"{' '.join(text.split())}{mark if mark_ else ''}"
            for text, mark_ in zip(*pair, strict=True)
        ]
        for pair in ((column.cells, column.marks) for column in flat)
    ]
    return tabulate(
        [list(row) for row in zip(*cells, strict=True)],
        [column.head.replace("\n", " ") for column in table],
        tablefmt=form,
        disable_numparse=True,
        colalign=["left", *["right"] * (len(table) - 1)],
    )


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines).replace("*", "\\*")


def _filled(lines: list[str], width: int) -> str:
    return "\n".join(_wrapped(line, width) for line in lines)


def _wrapped(text: str, width: int) -> str:
    """Lines that a word may be too long for, but that break no word, name or path."""
    most = max(width or 100, 40)
    return textwrap.fill(text, most, break_long_words=False, break_on_hyphens=False)
