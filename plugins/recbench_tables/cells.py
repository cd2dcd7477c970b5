"""What stands in the cells of a table to read."""

import math
from dataclasses import dataclass

import recbench

LEVEL = "*"
"""Marks the best number of a column, and those that cannot be told from it."""

NOT_ABOVE = "!"
"""Marks a model that is not above popularity."""

SHOWN = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP"}


@dataclass(frozen=True)
class Table:
    """A head and rows of text; a cell may have several lines."""

    head: list[str]
    rows: list[list[str]]

    @property
    def widths(self) -> list[int]:
        """Characters that each column takes."""
        lines = [self.head, *self.rows]
        return [
            max(len(part) for line in lines for part in line[i].split("\n"))
            for i in range(len(self.head))
        ]

    @property
    def width(self) -> int:
        """Characters that a line takes."""
        return sum(self.widths) + 2 * (len(self.head) - 1)

    def beside(self, other: "Table") -> "Table":
        """This table and, to its right, the other without its first column."""
        rows = [[*mine, *more[1:]] for mine, more in zip(self.rows, other.rows, strict=True)]
        return Table([*self.head, *other.head[1:]], rows)


def numbers(section: recbench.Section, *, stacked: bool = False) -> Table:
    """A row a model, a column a metric and k: mean, interval, spread over seeds, mark."""
    with_seeds = any(len(row.results) > 1 for row in section.rows)
    columns = [(metric, k) for metric in section.metrics for k in section.ks]
    head = ["model", *(["seeds"] if with_seeds else [])]
    head += [f"{SHOWN.get(metric, metric)}@{k}" for metric, k in columns]
    level = {column: section.level_with_best(*column) for column in columns}
    rows = []
    for row in section.rows:
        mark = f" {NOT_ABOVE}" if row.model in section.not_above_floor else ""
        cells = [f"{row.model}{mark}", *([str(len(row.seeds) or "")] if with_seeds else [])]
        for column in columns:
            text = _number(row, *column, "\n" if stacked else " ") if row.ok else ""
            if any(level.values()):
                text = _marked(text, LEVEL if row.model in level[column] else " ")
            cells.append(text)
        if not row.ok:
            cells[len(cells) - len(columns)] = "failed"
        rows.append(cells)
    return Table(head, rows)


def costs(section: recbench.Section) -> Table:
    """What each model took."""
    rows = []
    for row in section.rows:
        users = row.results[0].setting.rows
        rows.append(
            [
                row.model,
                _short(row.cost("fit_seconds")),
                _short(row.cost("score_seconds") / users * 1000),
                _short(row.cost("peak_memory") / 2**20),
                _count(row.cost("parameters")),
            ]
        )
    return Table(["model", "fit s", "ms/user", "peak MB", "params"], rows)


def segments(section: recbench.Section) -> list[Table]:
    """For each metric a table of models by segments, at the largest k; none if not asked for."""
    tables = []
    for metric in section.metrics if section.segments else ():
        found = section.by_segment(metric, section.ks[-1])
        head = [f"{SHOWN.get(metric, metric)}@{section.ks[-1]}"]
        head += [f"{name}\n({n:,} rows)" for name, (n, _) in found.items()]
        rows = [
            [row.model, *(_value(of.get(row.model, math.nan)) for _, of in found.values())]
            for row in section.rows
            if row.ok
        ]
        tables.append(Table(head, rows))
    return tables


def _number(row: recbench.Row, metric: str, k: int, gap: str) -> str:
    value = row.value(metric, k)
    if math.isnan(value.mean):
        return "-"
    text = _value(value.mean)
    spread = row.spread(metric, k)
    if not math.isnan(spread):
        text += f" ±{_value(spread)}"
    if not math.isnan(value.low):
        text += f"{gap}[{_value(value.low, 3)}, {_value(value.high, 3)}]"
    return text


def _marked(text: str, mark: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([f"{first} {mark}" if text else "", *(f"{line}  " for line in rest)])


def _value(value: float, digits: int = 4) -> str:
    """Four digits behind the point for shares, less for larger numbers."""
    if math.isnan(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 10 else f"{value:.{max(digits - 2, 1)}f}"


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
