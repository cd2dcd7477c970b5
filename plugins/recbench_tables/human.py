"""Tables to read: one per dataset and split, best model first, with a footer."""

import re
from collections.abc import Callable, Iterable

import recbench

from . import escapes
from .cells import Columns, Table, by_group, costs, group_tables, marks, names, numbers

MARK = "\0"
"""Placed before a mark until the format's own signs can be inserted."""


def plain(results: recbench.Results) -> str:
    """Aligned columns, as wide as the terminal.

    Parameters
    ----------
    results : recbench.Results
        The results to show.

    Returns
    -------
    str
        For each section a title, one or more tables and a footer.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None)
    >>> plain(results).splitlines()[0]
    'synthetic, leave-last-out'
    """
    parts = []
    for section in results.sections():
        groups = by_group(section)
        parts += [
            recbench.wrap_text(section.title),
            *_beside_or_below(section),
            *_drawn(group_tables(groups)),
            _wrapped(recbench.footer_lines(section, groups)),
        ]
    return _paragraphs(*parts, _wrapped(recbench.left_out_lines(results)))


def markdown(results: recbench.Results) -> str:
    """A table in GitHub-flavoured Markdown.

    Parameters
    ----------
    results : recbench.Results
        The results to show.

    Returns
    -------
    str
        For each section a heading, one or more tables and a list of notes.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None)
    >>> markdown(results).splitlines()[0]
    '### synthetic, leave-last-out'
    """
    parts = []
    for section in results.sections():
        groups = by_group(section)
        tables = [
            table.replace(MARK, "\\")
            for table in _tabulated(section, group_tables(groups), "github", escapes.markdown)
        ]
        footer = _bullets(recbench.footer_lines(section, groups))
        parts += [f"### {escapes.markdown(section.title)}", *tables, footer]
    return _paragraphs(*parts, _bullets(recbench.left_out_lines(results)))


def latex(results: recbench.Results) -> str:
    """A LaTeX table for the booktabs package; title and footer are comments.

    Parameters
    ----------
    results : recbench.Results
        The results to show.

    Returns
    -------
    str
        For each section comments and one or more tabular environments.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None)
    >>> latex(results).splitlines()[0]
    '% synthetic, leave-last-out'
    """
    parts = []
    for section in results.sections():
        groups = by_group(section)
        lines = [section.title, *recbench.footer_lines(section, groups)]
        tables = map(
            _for_latex, _tabulated(section, group_tables(groups), "latex_booktabs", escapes.line)
        )
        parts.append("\n".join([_comments(lines), *tables]))
    return _paragraphs(*parts, _comments(recbench.left_out_lines(results)))


def _beside_or_below(section: recbench.Section) -> list[str]:
    """The numbers, with the costs beside them or, if there is no room, below."""
    lead, took, behind = names(section), costs(section), marks(section)
    metrics = [numbers(section, metric) for metric in section.shown_metrics]
    beside = recbench.draw_table(lead, *metrics, took, marks=behind)
    if "\n\n" not in beside:
        return [beside]
    below = recbench.draw_table({"model": lead["model"]}, took)
    return [recbench.draw_table(lead, *metrics, marks=behind), below]


def _drawn(tables: Iterable[Table]) -> list[str]:
    return [recbench.draw_table(*table.columns, marks=table.marks) for table in tables]


def _tabulated(
    section: recbench.Section, groups: Iterable[Table], form: str, escape: Callable[[str], str]
) -> list[str]:
    """One table of all numbers and costs, and those of groups."""
    metrics = [numbers(section, metric) for metric in section.shown_metrics]
    whole = _tabulate([names(section), *metrics, costs(section)], form, escape, marks(section))
    return [whole, *(_tabulate(table.columns, form, escape, table.marks) for table in groups)]


def _tabulate(
    groups: Iterable[Columns], form: str, escape: Callable[[str], str], behind: Columns
) -> str:
    """A table in one of tabulate's formats, which escapes texts: names and headings."""
    from tabulate import tabulate

    columns = {head: cells for group in groups for head, cells in group.items()}
    first = next(iter(columns))
    columns[first] = [escape(name) for name in columns[first]]
    cells = [
        [
            f"{' '.join(cell.split())} {MARK}{mark}" if mark else " ".join(cell.split())
            for cell, mark in zip(cells, behind.get(head, [""] * len(cells)), strict=True)
        ]
        for head, cells in columns.items()
    ]
    return tabulate(
        list(zip(*cells, strict=True)),
        [escape(head) for head in columns],
        tablefmt=form,
        disable_numparse=True,
        colalign=["left", *["right"] * (len(columns) - 1)],
    )


def _for_latex(table: str) -> str:
    """The table with what tabulate, which escapes its input, cannot be given."""
    table = re.sub(rf" {MARK}(\\?.)", r"\\rlap{\1}", table)  # marks have no width
    table = re.sub(r"^ (?=[\[*])", " {}", table, flags=re.MULTILINE)  # no option of the row above
    return table.replace("±", r"$\pm$ ")


def _wrapped(lines: Iterable[str]) -> str:
    return "\n".join(map(recbench.wrap_text, lines))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escapes.markdown(text)}" for text in lines)


def _comments(lines: Iterable[str]) -> str:
    """Lines that do nothing in LaTeX, and can also be copied into a caption."""
    return "\n".join(f"% {escapes.latex(text)}" for text in lines)


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"
