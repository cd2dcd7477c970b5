"""What stands in the cells of a table to read."""

import math
from collections.abc import Iterable

import recbench

from .layout import Column, Table

LEVEL = "*"
"""Marks the best number of a column, and those that cannot be told from it."""

NOT_ABOVE = "!"
"""Marks a model that is not above popularity."""

SHOWN = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP"}


def shown(section: recbench.Section) -> list[str]:
    """The metrics to show that some result of the section has."""
    found = {key.rpartition("@")[0] for one in section.results for key in one.values}
    return [metric for metric in section.metrics if metric in found]


def names(section: recbench.Section) -> Column:
    """The models."""
    below = section.not_above_floor
    return Column.of(
        "model",
        [f"{row.model} {NOT_ABOVE}" if row.model in below else row.model for row in section.rows],
    )


def seeds(section: recbench.Section) -> Table:
    """How many seeds each model ran with; no column where none ran with several."""
    if all(len(row.results) < 2 for row in section.rows):
        return []
    return [Column.of("seeds", [str(len(row.seeds) or "-") for row in section.rows])]


def numbers(section: recbench.Section, metric: str) -> Table:
    """A column a k: mean, spread over seeds, mark, and the interval in a second line."""
    columns = []
    for k in section.ks:
        level = section.level_with_best(metric, k)
        marks = [LEVEL if row.model in level else "" for row in section.rows]
        columns.append(
            Column(f"{SHOWN.get(metric, metric)}@{k}", _numbers(section, metric, k), marks)
        )
    return columns


def costs(section: recbench.Section) -> Table:
    """What each model took."""
    rows, judged = section.rows, section.setting.n_cases
    seconds = [row.cost("score_seconds") / judged * 1000 for row in rows]
    return [
        Column.of("fit s", [_short(row.cost("fit_seconds")) for row in rows]),
        Column.of("ms/user", map(_short, seconds)),
        Column.of("peak MB", [_short(row.cost("peak_memory") / 2**20) for row in rows]),
        Column.of("params", [_count(row.cost("parameters")) for row in rows]),
    ]


def segments(section: recbench.Section) -> dict[str, Table]:
    """For each metric models by segments, at the largest k; none if not asked for.

    A metric that cannot be told by segment has no columns.
    """
    if not section.segments:
        return {}
    k = section.ks[-1]
    found = section.by_segment(k)
    tables = {}
    for metric in shown(section):
        rows = [row for row in section.rows if row.ok]
        name = Column.of(f"{SHOWN.get(metric, metric)}@{k}", [row.model for row in rows])
        table = [name]
        for segment, (n, of) in found.get(metric, {}).items():
            what, _, which = segment.partition(" ")
            values = [of.get(row.model, math.nan) for row in rows]
            digits = _digits(values)
            cells = [_value(one, digits) for one in values]
            table.append(Column.of(f"{what}\n{which}\n({n:,})", cells))
        tables[metric] = table
    return tables


def _numbers(section: recbench.Section, metric: str, k: int) -> list[str]:
    """A cell a model, with means, spreads and intervals below each other."""
    values = [row.value(metric, k) for row in section.rows]
    spreads = [row.spread(metric, k) for row in section.rows]
    digits = _digits(one.mean for one in values)
    means = _padded([_value(one.mean, digits) for one in values], left=False)
    spread = _padded([f" ±{_value(one, digits)}" if not math.isnan(one) else "" for one in spreads])
    bounds = _padded([_interval(one, digits - 1) for one in values], left=False)
    cells = []
    for row, *parts, value in zip(section.rows, means, spread, bounds, values, strict=True):
        cell = "-" if math.isnan(value.mean) else "".join(parts)
        cells.append(cell if row.ok else "failed")
    return cells


def _interval(value: recbench.Value, digits: int) -> str:
    if math.isnan(value.low):
        return ""
    return f"\n[{_value(value.low, digits)}, {_value(value.high, digits)}]"


def _padded(texts: list[str], *, left: bool = True) -> list[str]:
    """Texts of one length; a line's end stays in front."""
    width = max(map(len, texts))
    if left:
        return [one.ljust(width) for one in texts]
    ends = ["\n" if one.startswith("\n") else "" for one in texts]
    return [
        end + one[len(end) :].rjust(width - len(end)) for end, one in zip(ends, texts, strict=True)
    ]


def _digits(values: Iterable[float]) -> int:
    """Digits behind the point: four for shares, less for larger numbers."""
    largest = max((abs(one) for one in values if not math.isnan(one)), default=0.0)
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
