"""The columns of a table, as mappings from heading to cells for `recbench.draw_table`."""

import math
from collections.abc import Iterable, Mapping

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


Segments = Mapping[str, Mapping[str, tuple[int, Mapping[str, float]]]]
"""Metric -> segment -> (number of cases, model -> mean)."""


def by_segment(section: recbench.Section) -> Segments | None:
    """The means by segment at the largest cut-off; None if they were not requested."""
    return section.by_segment(section.ks[-1]) if section.segments else None


def segments(section: recbench.Section, means: Segments | None) -> list[list[Columns]]:
    """For each metric with segments, a group with the models and one group per kind of segment."""
    k, rows = section.ks[-1], [row for row in section.rows if row.ok]
    tables = []
    for metric in section.shown_metrics:
        kinds: dict[str, Columns] = {}
        for segment, (n_cases, by_model) in (means or {}).get(metric, {}).items():
            kind, _, which = segment.partition(" ")
            values = [by_model.get(row.model, math.nan) for row in rows]
            digits = _digits(values)
            head = f"{kind}\n{which}\n({n_cases:,})"
            kinds.setdefault(kind, {})[head] = [_value(value, digits) for value in values]
        if kinds:
            tables.append(
                [
                    {recbench.metric_label(metric, k): [line(row.model) for row in rows]},
                    *kinds.values(),
                ]
            )
    return tables


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
