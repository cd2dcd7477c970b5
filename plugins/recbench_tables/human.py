"""Tables to read: a section a dataset and split, best model first, a footer that explains."""

import math
import shutil
import sys
import textwrap

import recbench


def plain(results: recbench.Results) -> str:
    """Columns lined up for a terminal."""
    parts = []
    terminal = sys.__stdout__ is not None and sys.__stdout__.isatty()
    width = shutil.get_terminal_size().columns if terminal else 0
    for section in results.sections():
        table = _tabulate(section, "simple", "±", width)
        footer = [textwrap.fill(line, max(width or 100, 40)) for line in section.footer]
        parts.append("\n".join([section.title, "", table, "", *footer, *_reasons(section)]))
    return "\n\n".join(parts) + "\n"


def markdown(results: recbench.Results) -> str:
    """A GitHub table with a heading."""
    parts = []
    for section in results.sections():
        footer = [f"- {line}" for line in [*section.footer, *_reasons(section)]]
        table = _tabulate(section, "github", "±")
        parts.append("\n".join([f"### {section.title}", "", table, "", *footer]))
    return "\n\n".join(parts) + "\n"


def latex(results: recbench.Results) -> str:
    """A booktabs tabular, the footer as comments."""
    parts = []
    for section in results.sections():
        lines = [section.title, *section.footer, *_reasons(section)]
        comments = [f"% {line}" for line in lines]
        # tabulate escapes what it is given, so the sign goes in afterwards
        table = _tabulate(section, "latex_booktabs", "±").replace("±", r"$\pm$ ")
        parts.append("\n".join([*comments, table]))
    return "\n\n".join(parts) + "\n"


def _tabulate(section: recbench.Section, form: str, sign: str, width: int = 0) -> str:
    """The section's rows; in a narrow terminal the model's name is broken, never a number."""
    from tabulate import tabulate

    with_seed = len(section.seeds) > 1
    ks = section.ks
    head = [
        "model",
        *(["seed"] if with_seed else []),
        *(f"NDCG@{k}" for k in ks),
        "fit s",
        "score s",
    ]
    rows = []
    for one in section.results:
        seed = "" if one.seed is None else str(one.seed)
        numbers = [_number(*one.value("ndcg", k), sign) for k in ks]
        if not one.ok:
            numbers = ["failed", *[""] * (len(ks) - 1)]
        seconds = [_seconds(one.fit_seconds), _seconds(one.score_seconds)]
        rows.append([one.model, *([seed] if with_seed else []), *numbers, *seconds])
    others = [max(len(row[i]) for row in [head, *rows]) + 2 for i in range(1, len(head))]
    room = max(width - sum(others), 12) if width else None
    return tabulate(
        rows,
        head,
        tablefmt=form,
        disable_numparse=True,
        colalign=["left", *["right"] * (len(head) - 1)],
        maxcolwidths=[room, *[None] * (len(head) - 1)],
    )


def _number(mean: float, stderr: float, sign: str) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.4f}" if math.isnan(stderr) else f"{mean:.4f} {sign}{stderr:.4f}"


def _seconds(seconds: float) -> str:
    if math.isnan(seconds):
        return "-"
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:.0f}"


def _reasons(section: recbench.Section) -> list[str]:
    return [f"{one.model}: {one.status}" for one in section.results if not one.ok]
