"""Tables to read: a section a dataset and split, best model first, a footer that explains."""

import shutil
import sys
import textwrap

import recbench

from .cells import LEVEL, NOT_ABOVE, Table, costs, numbers, segments


def plain(results: recbench.Results) -> str:
    """Columns lined up for a terminal."""
    terminal = sys.__stdout__ is not None and sys.__stdout__.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    parts = []
    for section in results.sections():
        tables = [_fitted(section, width), *(_plain(one, width) for one in segments(section))]
        footer = [
            textwrap.fill(line, max(width or 100, 40), break_long_words=False)
            for line in [*_legend(section), *section.footer]
        ]
        title = textwrap.fill(section.title, width or 100)
        parts.append("\n\n".join([title, *tables, "\n".join([*footer, *_reasons(section)])]))
    return "\n\n".join(parts) + "\n"


def markdown(results: recbench.Results) -> str:
    """A GitHub table with a heading."""
    parts = []
    for section in results.sections():
        lines = [*_legend(section), *section.footer, *_reasons(section)]
        tables = [_text(one, "github") for one in (_whole(section), *segments(section))]
        footer = "\n".join(f"- {line}" for line in lines).replace("*", "\\*")
        parts.append("\n\n".join([f"### {section.title}", *tables, footer]))
    return "\n\n".join(parts).replace(f" {LEVEL} |", r" \* |") + "\n"


def latex(results: recbench.Results) -> str:
    """A booktabs tabular, the footer as comments."""
    parts = []
    for section in results.sections():
        lines = [section.title, *_legend(section), *section.footer, *_reasons(section)]
        comments = [f"% {line}" for line in lines]
        tables = [_text(one, "latex_booktabs") for one in (_whole(section), *segments(section))]
        # tabulate escapes what it is given, so the sign goes in afterwards
        tables = [one.replace("±", r"$\pm$ ") for one in tables]
        parts.append("\n".join([*comments, *tables]))
    return "\n\n".join(parts) + "\n"


def _whole(section: recbench.Section) -> Table:
    """Numbers and costs side by side."""
    return numbers(section).beside(costs(section))


def _fitted(section: recbench.Section, width: int) -> str:
    """The same where there is room; else intervals below their numbers, and costs below all."""
    for parts in (
        [_whole(section)],
        [numbers(section, stacked=True).beside(costs(section))],
        [numbers(section, stacked=True), costs(section)],
    ):
        if not width or max(one.width for one in parts) <= width:
            return "\n\n".join(_plain(one, width) for one in parts)
    return "\n\n".join(_plain(one, width) for one in parts)


def _plain(table: Table, width: int) -> str:
    return _text(table, "simple", width)


def _text(table: Table, form: str, width: int = 0) -> str:
    """The table; in a narrow terminal the model's name is broken, never a number."""
    from tabulate import tabulate

    others = table.width - table.widths[0]
    return tabulate(
        table.rows,
        table.head,
        tablefmt=form,
        disable_numparse=True,
        colalign=["left", *["right"] * (len(table.head) - 1)],
        maxcolwidths=[max(width - others, 12) if width else None, *[None] * (len(table.head) - 1)],
    )


def _legend(section: recbench.Section) -> list[str]:
    """What the marks mean that this table has."""
    lines = []
    if len([row for row in section.rows if row.ok]) > 1:
        lines.append(
            f"{LEVEL} the best of its column, or not to be told from it (paired t-test over users, "
            "Holm's correction, p >= 0.05)."
        )
    if any(len(row.results) > 1 for row in section.rows if row.ok):
        lines.append("Means over seeds; ± is the standard deviation over seeds.")
    if section.not_above_floor:
        lines.append(f"{NOT_ABOVE} not above popular.")
    return lines


def _reasons(section: recbench.Section) -> list[str]:
    return [
        f"{one.model}{'' if one.seed is None else f', seed {one.seed}'}: {one.status}"
        for one in section.results
        if not one.ok
    ]
