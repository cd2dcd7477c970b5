"""Step 6, result: the results that may stand in one table, and what may be said of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .columns import Column
from .errors import said
from .footer import footer_of
from .metric import Metric, Ranking
from .progress import log
from .result import Result, Setting
from .row import Columns, Row
from .segments import by_segment
from .uncertainty import holm, pvalues

RANKED_BY = "ndcg"
"""The metric that orders tables, best first."""

FLOOR = "popular"
"""The model that every other one must beat."""

ALPHA = 0.05


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
        shared = [row.ks for row in rows if row.ok]
        k = max(set.intersection(*shared), default=0) if shared else 0

        def place(row: Row) -> tuple[bool, float, str]:
            mean = row.mean(RANKED_BY, k)
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
        over all models of the column. Empty where there is nothing to compare, or no best.
        """
        given = [(row, row.per_row(metric, k)) for row in self.rows if row.ok]
        known = [(row, values) for row, values in given if values is not None]
        rows = [row for row, _ in known]
        if len(rows) < 2 or not all(row.measures_hits(metric, k) for row in rows):
            return {}
        table = np.column_stack([values for _, values in known])
        best = int(table.mean(axis=0).argmax())
        p = pvalues(table, best, rows[0].users)
        others = np.arange(len(p)) != best
        p[others] = holm(p[others])
        return {row.model: float(one) for row, one in zip(rows, p, strict=True)}

    def level_with_best(self, metric: str, k: int) -> set[str]:
        """The best model of a column, and those that cannot be told from it."""
        return {model for model, p in self.p_of_best(metric, k).items() if not p < ALPHA}

    def by_segment(self, k: int) -> dict[str, dict[str, tuple[int, dict[str, float]]]]:
        """Metric -> segment -> (its judged rows, model -> mean over seeds).

        By popularity and by history, as in `segments.by_segment`; metrics that cannot be measured
        from ranks alone are not there.
        """
        found: dict[str, dict[str, tuple[int, dict[str, float]]]] = {}
        for row in (one for one in self.rows if one.ok and k in one.ks):
            cells = [_by_segment(self.columns(one), self.segments, k) for one in row.results]
            for metric, parts in cells[0].items():
                for name, (n, _) in parts.items():
                    values = [cell[metric][name][1] for cell in cells if metric in cell]
                    models = found.setdefault(metric, {}).setdefault(name, (n, {}))[1]
                    models[row.model] = float(np.sum(values) / len(values))
        return found

    @cached_property
    def not_above_floor(self) -> set[str]:
        """The models whose NDCG, at the largest k they share with it, is not above popularity's."""
        floor = next((row for row in self.rows if row.ok and row.model == FLOOR), None)
        if floor is None:
            return set()
        found = set()
        for row in self.rows:
            k = max(floor.ks & row.ks, default=0)
            above = row.mean(RANKED_BY, k) > floor.mean(RANKED_BY, k)
            if row.ok and row is not floor and k and not above:
                found.add(row.model)
        return found

    @property
    def footer(self) -> list[str]:
        """What a reader must know to trust the table, a sentence each."""
        return footer_of(self.setting, self.seeds)


def _by_segment(
    columns: Mapping[str, Column], metrics: Mapping[str, Metric], k: int
) -> dict[str, dict[str, tuple[int, float]]]:
    """Metric -> segment -> (its judged rows, mean) of one result."""
    if not {"segment", "history", "above"} <= columns.keys():
        return {}
    segment, history = columns["segment"], np.asarray(columns["history"])
    flat = segment[0] if isinstance(segment, tuple) else segment
    ranking = dataclasses.replace(Ranking.of_columns(columns), lists=None)
    found = {}
    for name, metric in metrics.items():
        try:
            found[name] = by_segment(ranking, flat, history, metric, k)
        except (Exception, SystemExit) as error:
            log.debug("%s by segment: %s", name, said(error))
    return found
