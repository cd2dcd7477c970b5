"""Step 6, result: the results that may stand in one table, and what may be said of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .columns import Column
from .interactions import Array
from .leakage import Leakage
from .metric import Metric, Ranking
from .result import Result, Setting, Value
from .segments import by_segment
from .uncertainty import holm, intervals, pvalues

RANKED_BY = "ndcg"
"""The metric that orders tables, best first."""

FLOOR = "popular"
"""The model that every other one must beat."""

ALPHA = 0.05

Columns = Callable[[Result], Mapping[str, Column]]
"""The stored columns of a result; none where there are none."""


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a table: a model, over the seeds that gave numbers.

    results: a cell a seed; where every seed failed, what is left of them.
    """

    model: str
    results: tuple[Result, ...]
    columns: Columns = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether there are numbers."""
        return self.results[0].ok

    @property
    def seeds(self) -> list[int]:
        """The seeds it ran with."""
        return sorted({one.seed for one in self.results if one.seed is not None})

    def per_row(self, metric: str, k: int) -> Array | None:
        """(judged rows,) the mean over seeds of each row's value; None if that is not known."""
        found = [self.columns(one).get(f"{metric}@{k}") for one in self.results]
        kept = [one for one in found if isinstance(one, np.ndarray)]
        return np.mean(kept, axis=0) if len(kept) == len(found) else None

    def value(self, metric: str, k: int) -> Value:
        """The mean over seeds; its interval is over users, of what each user has on average."""
        values = [one.value(metric, k) for one in self.results]
        if len(values) == 1:
            return values[0]
        rows = self.per_row(metric, k)
        if rows is None:
            return Value(*np.mean(values, axis=0).tolist())
        low, high = intervals(rows[:, None], np.asarray(self.columns(self.results[0])["user"]))
        stderr = float(rows.std(ddof=1) / math.sqrt(len(rows))) if len(rows) > 1 else math.nan
        return Value(float(rows.mean()), stderr, float(low[0]), float(high[0]))

    def spread(self, metric: str, k: int) -> float:
        """The standard deviation over seeds; NaN for one seed."""
        means = [one.value(metric, k).mean for one in self.results]
        return float(np.std(means, ddof=1)) if len(means) > 1 else math.nan

    def cost(self, name: str) -> float:
        """The mean over seeds of a result's cost, such as `fit_seconds`; NaN if not known."""
        found = [getattr(one, name) for one in self.results]
        return float(np.mean([math.nan if one is None else one for one in found]))


@dataclass(frozen=True, eq=False)
class Section:
    """The results that may stand in one table, best first.

    metrics: what to show. segments: the metrics by name, where users and items are to be shown
        apart, too.
    """

    setting: Setting
    results: tuple[Result, ...]
    columns: Columns = field(repr=False)
    metrics: tuple[str, ...] = (RANKED_BY,)
    segments: Mapping[str, Metric] = field(default_factory=dict, repr=False)

    @cached_property
    def rows(self) -> list[Row]:
        """A row a model, best first by NDCG at the largest k that all have; failures last."""
        groups: dict[str, list[Result]] = {}
        for one in self.results:
            groups.setdefault(one.model, []).append(one)
        rows = [
            Row(model, tuple([one for one in group if one.ok] or group), self.columns)
            for model, group in groups.items()
        ]
        shared = [set.intersection(*(one.ks for one in row.results)) for row in rows if row.ok]
        k = max(set.intersection(*shared), default=0) if shared else 0

        def place(row: Row) -> tuple[bool, float, str]:
            mean = row.value(RANKED_BY, k).mean
            return (not row.ok, math.inf if math.isnan(mean) else -mean, row.model)

        return sorted(rows, key=place)

    @property
    def ks(self) -> list[int]:
        """Every k that some result of the section has."""
        return sorted(set().union(*(one.ks for one in self.results)))

    @property
    def seeds(self) -> list[int]:
        """Every seed that was used."""
        return sorted({one.seed for one in self.results if one.seed is not None})

    @property
    def title(self) -> str:
        """`ml-100k, leave-last-out`."""
        title = f"{self.setting.dataset}, {self.setting.split}"
        if self.setting.candidates:
            title += (
                f", SAMPLED: ranked among {self.setting.candidates} candidates only, "
                "not comparable with full ranking"
            )
        return title

    def p_of_best(self, metric: str, k: int) -> dict[str, float]:
        """Model -> p of its being as good as the best of the column; 1 for the best itself.

        Paired t-tests over users (Smucker, Allan & Carterette, CIKM 2007), by Holm's correction
        over all models of the column. Empty where there is nothing to compare.
        """
        found = {row.model: row.per_row(metric, k) for row in self.rows if row.ok}
        known = {model: one for model, one in found.items() if one is not None}
        if len(known) < 2:
            return {}
        table = np.column_stack(list(known.values()))
        best = int(table.mean(axis=0).argmax())
        first = next(row for row in self.rows if row.model in known)
        p = pvalues(table, best, np.asarray(self.columns(first.results[0])["user"]))
        others = np.arange(len(p)) != best
        p[others] = holm(p[others])
        return dict(zip(known, map(float, p), strict=True))

    def level_with_best(self, metric: str, k: int) -> set[str]:
        """The best model of a column, and those that cannot be told from it."""
        return {model for model, p in self.p_of_best(metric, k).items() if not p < ALPHA}

    def by_segment(self, metric: str, k: int) -> dict[str, tuple[int, dict[str, float]]]:
        """Segment -> (its judged rows, model -> mean over seeds), by popularity and by history."""
        found: dict[str, tuple[int, dict[str, float]]] = {}
        for row in (one for one in self.rows if one.ok):
            cells = [_by_segment(self.columns(one), metric, self.segments, k) for one in row.results]
            for name, (n, _) in cells[0].items():
                values = [cell[name][1] for cell in cells]
                found.setdefault(name, (n, {}))[1][row.model] = float(np.mean(values))
        return found

    @cached_property
    def not_above_floor(self) -> set[str]:
        """The models whose NDCG, at the largest k they share with it, is not above popularity's."""
        floor = next((row for row in self.rows if row.ok and row.model == FLOOR), None)
        if floor is None:
            return set()
        found = set()
        for row in self.rows:
            shared = floor.results[0].ks.intersection(*(one.ks for one in row.results))
            if row.ok and row is not floor and shared:
                k = max(shared)
                if not row.value(RANKED_BY, k).mean > floor.value(RANKED_BY, k).mean:
                    found.add(row.model)
        return found

    @property
    def footer(self) -> list[str]:
        """What a reader must know to trust the table, a sentence each."""
        of = self.setting
        judged = f"{of.users:,} users judged"
        if of.rows != of.users:
            judged = f"{of.rows:,} rows of {judged}"
        if of.targets != of.rows:
            judged += f" on {of.targets:,} targets"
        if of.unjudged:
            judged += f", {of.unjudged:,} are not"
        masked = (
            "a repeated item counts once per user and seen items are masked"
            if of.repeats == "first"
            else "repeats are kept and nothing is masked"
        )
        seeds = ", ".join(map(str, self.seeds)) or "none needed"
        size = f"{of.n_items:,} items in the catalogue, {of.n_events:,} events"
        ranking = "Full ranking"
        if of.candidates:
            ranking = f"Ranked among {of.candidates} candidates, the same for every model"
        return [
            f"{of.dataset}: {judged}; {size}; {masked}.",
            f"Split {of.split}; order {of.order}; seeds: {seeds}.",
            f"{ranking}, ties by exact expectation; [] is the 95% bootstrap interval over users.",
            *Leakage(of.later, of.tied, of.targets).sentences,
            *(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in of.notes),
        ]


def _by_segment(
    columns: Mapping[str, Column], metric: str, metrics: Mapping[str, Metric], k: int
) -> dict[str, tuple[int, float]]:
    """Segment -> (its judged rows, mean) of one result."""
    if not {"segment", "history", "above"} <= columns.keys():
        return {}
    segment, history = columns["segment"], np.asarray(columns["history"])
    flat = segment[0] if isinstance(segment, tuple) else segment
    return by_segment(Ranking.of_columns(columns), flat, history, metrics[metric], k)
