"""What stands below a table to read: what its marks mean, and what a reader must know."""

import math

import recbench

from .cells import LEVEL, NOT_ABOVE, shown
from .layout import Column, Table


def below(section: recbench.Section, tables: list[Table], apart: dict[str, Table]) -> list[str]:
    """A sentence each: the marks that the tables have, the footer, and what failed.

    apart: what `cells.segments` gave.
    """
    return [*_legend(section, tables), *_segments(apart), *section.footer, *_reasons(section)]


def left_out(results: recbench.Results) -> list[str]:
    """What is not shown, and why."""
    return [f"Left out: {one}." for one in results.left_out]


def _legend(section: recbench.Section, tables: list[Table]) -> list[str]:
    lines = []
    columns: list[Column] = [column for table in tables for column in table]
    if any(any(column.marks) for column in columns):
        lines.append(
            f"{LEVEL} the best of its column, or not to be told from it (paired t-test over users, "
            "Holm's correction, p >= 0.05)."
        )
    if any(len(row.results) > 1 for row in section.rows if row.ok):
        lines.append("Means over seeds; ± is the standard deviation over seeds.")
    if section.not_above_floor:
        lines.append(f"{NOT_ABOVE} not above popular, by NDCG at the largest k.")
    whole = [one for one in shown(section) if _is_whole(section, one)]
    if whole:
        lines.append(f"The intervals of {_listed(whole)} are of a jackknife over users.")
    lacking = [one for one in section.metrics if one not in shown(section)]
    if lacking:
        lines.append(f"No result here has {_listed(lacking)}; running again measures what it can.")
    return lines


def _segments(apart: dict[str, Table]) -> list[str]:
    """What segments are."""
    if not apart:
        return []
    lines = []
    if any(len(table) > 1 for table in apart.values()):
        lines.append(
            "Segments: target is where the target's item belongs, each of head, middle and tail "
            "having a third of the training events, the most popular items first; history is how "
            "many events a model is shown; () how many rows are judged there."
        )
    lacking = [metric for metric, table in apart.items() if len(table) < 2]
    if lacking:
        lines.append(f"Not by segment: {_listed(lacking)}, of whole lists or not stored.")
    return lines


def _is_whole(section: recbench.Section, metric: str) -> bool:
    """Whether the metric has an interval, but no value for each row."""
    rows = [row for row in section.rows if row.ok]
    known = [(row, k) for row in rows for k in row.ks if not math.isnan(row.value(metric, k).low)]
    return bool(known) and all(row.per_row(metric, k) is None for row, k in known)


def _listed(words: list[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def _reasons(section: recbench.Section) -> list[str]:
    return [
        f"{one.model}{'' if one.seed is None else f', seed {one.seed}'}: {one.status}"
        for one in section.results
        if not one.ok
    ]
