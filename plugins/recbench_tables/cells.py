"""The columns of a table, as mappings from heading to cells for `recbench.draw_table`."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import recbench

from .escapes import line

Columns = dict[str, list[str]]


def names(section: recbench.Section) -> Columns:
    """The models, and the number of seeds of each if some ran with several."""
    columns = {"model": list(map(line, section.names))}
    if any(len(row.results) > 1 for row in section.rows):
        columns["seeds"] = [f"{len(row.seeds) or '-':>5}" for row in section.rows]
    return columns


def numbers(section: recbench.Section, metric: str) -> Columns:
    """One column per cut-off: mean, spread over seeds, and the interval on a second line."""
    return {recbench.metric_label(metric, k): _numbers(section, metric, k) for k in section.ks}


def marks(section: recbench.Section) -> Columns:
    """The mark of each number, by column."""
    return {
        recbench.metric_label(metric, k): section.marks(metric, k)
        for metric in section.shown_metrics
        for k in section.ks
    }


def costs(section: recbench.Section) -> Columns:
    """The time, memory and parameters of each model."""
    rows, n_cases = section.rows, section.setting.n_cases
    return {
        "fit s": [_short(row.cost("fit_seconds")) for row in rows],
        "ms/user": [_short(row.cost("score_seconds") / n_cases * 1000) for row in rows],
        "peak MB": [_short(row.cost("peak_memory") / 2**20) for row in rows],
        "params": [_count(row.cost("parameters")) for row in rows],
    }


FEW = 3
"""With more groups than this, they are the rows of a table and the models its columns."""


@dataclass(frozen=True)
class Table:
    """Groups of columns, of which the first stands on the left, and marks by heading."""

    columns: Sequence[Columns]
    marks: Columns


def by_group(section: recbench.Section) -> list[recbench.GroupValue] | None:
    """The values by groups at the largest cut-off; None if they were not requested."""
    asked_for = section.groupings or section.ungrouped
    return section.by_group(section.ks[-1]) if asked_for else None


def group_tables(values: Sequence[recbench.GroupValue] | None) -> list[Table]:
    """A table for each metric and column that groups are by."""
    parts: dict[tuple[str, str], list[recbench.GroupValue]] = {}
    for value in values or ():
        parts.setdefault((value.by, value.metric), []).append(value)
    return [_group_table(part) for part in parts.values()]


def _group_table(values: Sequence[recbench.GroupValue]) -> Table:
    """The means of groups, and their differences, of one metric."""
    digits = _digits(value.value.mean for value in values)
    models = list(dict.fromkeys(value.model for value in values))
    groups = list(dict.fromkeys(value.group for value in values))
    compared = [group for group in groups if any(_is_compared(each, group) for each in values)]
    label = f"{recbench.metric_label(values[0].metric, values[0].k)}\nby {values[0].by}"
    if len(compared) <= FEW:
        means: Columns = {}
        differences: list[Columns] = []
        marks: Columns = {}
        for group in groups:
            own = [value for value in values if value.group == group]
            means[f"{line(group)}\n({own[0].users:,})"] = _means(own, digits)
            if group in compared:
                head = f"{line(group)} - {line(own[0].versus)}"
                differences.append({head: _differences(own, digits)})
                marks[head] = [value.mark for value in own]
        return Table([{label: list(map(line, models))}, means, *differences], marks)
    first = [value for value in values if value.model == models[0]]
    users = [f"{value.users:,}" for value in first]
    tables: list[Columns] = [{label: list(map(line, groups)), "users": _padded(users, "{:>{}}")}]
    marks = {}
    for model in models:
        own = [value for value in values if value.model == model]
        head = f"{line(model)}\n- others"
        tables.append({line(model): _means(own, digits), head: _differences(own, digits)})
        marks[head] = [value.mark for value in own]
    return Table(tables, marks)


def _is_compared(value: recbench.GroupValue, group: str) -> bool:
    """Whether this is a difference of the group from others."""
    return value.group == group and bool(value.versus)


def _means(values: Sequence[recbench.GroupValue], digits: int) -> list[str]:
    return [_value(value.value.mean, digits) for value in values]


def _differences(values: Sequence[recbench.GroupValue], digits: int) -> list[str]:
    """The differences of one model or group, and their intervals on a second line."""
    differences = _padded([_signed(value.difference, digits) for value in values], "{:>{}}")
    intervals = [
        ""
        if math.isnan(value.low)
        else f"[{_signed(value.low, digits - 1)}, {_signed(value.high, digits - 1)}]"
        for value in values
    ]
    return [
        "".join(parts) for parts in zip(differences, _padded(intervals, "\n{:>{}}"), strict=True)
    ]


def _signed(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:+,.{digits}f}"


def _numbers(section: recbench.Section, metric: str, k: int) -> list[str]:
    """One cell per model, with means, spreads and intervals aligned."""
    values = [row.value(metric, k) for row in section.rows]
    digits = _digits(value.mean for value in values)
    means = _padded([_value(value.mean, digits) for value in values], "{:>{}}")
    spreads = _padded([_spread(row.spread(metric, k), digits) for row in section.rows], "{:<{}}")
    intervals = _padded([_interval(value, digits - 1) for value in values], "\n{:>{}}")
    cells = []
    for row, value, *parts in zip(section.rows, values, means, spreads, intervals, strict=True):
        cell = "-" if math.isnan(value.mean) else "".join(parts)
        cells.append(cell if row.ok else "failed")
    return cells


def _padded(texts: list[str], form: str) -> list[str]:
    """The texts padded to one width; empty if all are empty."""
    width = max(map(len, texts))
    return [form.format(text, width) if width else "" for text in texts]


def _spread(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f" ±{_value(value, digits)}"


def _interval(value: recbench.Value, digits: int) -> str:
    if math.isnan(value.low):
        return ""
    return f"[{_value(value.low, digits)}, {_value(value.high, digits)}]"


def _digits(values: Iterable[float]) -> int:
    """Decimals: four for numbers below 10, fewer for larger ones."""
    largest = max((abs(value) for value in values if not math.isnan(value)), default=0.0)
    return 4 if largest < 10 else 3 if largest < 100 else 2 if largest < 1000 else 1


def _value(value: float, digits: int = 4) -> str:
    return "-" if math.isnan(value) else f"{value:,.{digits}f}"


def _short(number: float) -> str:
    if math.isnan(number):
        return "-"
    return f"{number:.2f}" if number < 10 else f"{number:,.0f}"


def _count(number: float) -> str:
    if math.isnan(number):
        return "-"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"
