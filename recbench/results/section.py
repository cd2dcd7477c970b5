"""Step 6, results: the results that may stand in one table, and what may be said of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from recbench.data.interactions import Array, Column, Columns
from recbench.errors import describe_error
from recbench.evaluation.ranking import Metric, Ranking
from recbench.evaluation.uncertainty import (
    Value,
    holm_correction,
    number_users,
    pvalues,
    summarise,
)
from recbench.progress import log
from recbench.results.result import Result, Setting
from recbench.results.segments import by_segment

ReadColumns = Callable[[Result], Columns]
"""What gives the stored columns of a result, a row for each case; none where there are none."""

RANKED_BY = "ndcg"
"""The metric that orders tables, best first."""

FLOOR = "popular"
"""The model that every other one must beat."""

ALPHA = 0.05

BEST_MARK = "*"
"""Stands behind the best number of a column, and those that cannot be told from it."""

FLOOR_MARK = "!"
"""Stands behind a model that is not above popularity."""


@dataclass(frozen=True, eq=False)
class Section:
    """The results that may stand in one table, best first.

    metrics: what to show. segments: the metrics by name, where users and items are to be shown
        apart, too.
    """

    setting: Setting
    results: tuple[Result, ...]
    read_columns: ReadColumns = field(repr=False)
    metrics: tuple[str, ...] = (RANKED_BY,)
    segments: Mapping[str, Metric] = field(default_factory=dict, repr=False)

    @cached_property
    def rows(self) -> list[Row]:
        """A row a model, best first by NDCG at the largest k that all have; failures last."""
        by_model: dict[str, list[Result]] = {}
        for result in self.results:
            by_model.setdefault(result.model, []).append(result)
        rows = [
            Row(
                model,
                tuple([result for result in results if result.ok] or results),
                self.read_columns,
            )
            for model, results in by_model.items()
        ]
        ks_of_rows = [row.ks for row in rows if row.ok]
        k = max(set.intersection(*ks_of_rows), default=0) if ks_of_rows else 0

        def place(row: Row) -> tuple[bool, float, str]:
            mean = row.mean(RANKED_BY, k)
            return (not row.ok, math.inf if math.isnan(mean) else -mean, row.model)

        return sorted(rows, key=place)

    @property
    def shown_metrics(self) -> list[str]:
        """The metrics to show that some result of the section has."""
        measured = {key.partition("@")[0] for result in self.results for key in result.values}
        return [metric for metric in self.metrics if metric in measured]

    @property
    def ks(self) -> list[int]:
        """Every k that some result of the section has."""
        return sorted(set().union(*(result.ks for result in self.results)))

    @property
    def seeds(self) -> list[int]:
        """Every seed that was used."""
        return sorted({result.seed for result in self.results if result.seed is not None})

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
        columns = [(row, row.per_case(metric, k)) for row in self.rows if row.ok]
        known = [(row, values) for row, values in columns if values is not None]
        rows = [row for row, _ in known]
        if len(rows) < 2 or not all(row.measures_hits(metric, k) for row in rows):
            return {}
        table = np.column_stack([values for _, values in known])
        best = int(table.mean(axis=0).argmax())
        p = pvalues(table, best, rows[0].users)
        others = np.arange(len(p)) != best
        p[others] = holm_correction(p[others])
        return {row.model: float(p_of_row) for row, p_of_row in zip(rows, p, strict=True)}

    def level_with_best(self, metric: str, k: int) -> set[str]:
        """The best model of a column, and those that cannot be told from it."""
        return {model for model, p in self.p_of_best(metric, k).items() if not p < ALPHA}

    def marks(self, metric: str, k: int) -> list[str]:
        """What stands behind the number of each row in a column: BEST_MARK or nothing."""
        best = self.level_with_best(metric, k)
        return [BEST_MARK if row.model in best else "" for row in self.rows]

    @property
    def names(self) -> list[str]:
        """What the rows are called: the models, with FLOOR_MARK where it belongs."""
        below = self.not_above_floor
        return [
            f"{row.model} {FLOOR_MARK}" if row.model in below else row.model for row in self.rows
        ]

    def by_segment(self, k: int) -> dict[str, dict[str, tuple[int, dict[str, float]]]]:
        """Metric -> segment -> (its cases, model -> mean over seeds).

        By popularity and by history, as in `segments.by_segment`; metrics that cannot be measured
        from ranks alone are not there.
        """
        found: dict[str, dict[str, tuple[int, dict[str, float]]]] = {}
        for row in (row for row in self.rows if row.ok and k in row.ks):
            seeds = [
                _by_segment(self.read_columns(result), self.segments, k) for result in row.results
            ]
            for metric, segments in seeds[0].items():
                for segment, (n_cases, _) in segments.items():
                    values = [seed[metric][segment][1] for seed in seeds if metric in seed]
                    models = found.setdefault(metric, {}).setdefault(segment, (n_cases, {}))[1]
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


@dataclass(frozen=True, eq=False)
class Row:
    """One line of a table: a model, over the seeds that gave numbers.

    results: a cell a seed; where every seed failed, what is left of them.
    """

    model: str
    results: tuple[Result, ...]
    read_columns: ReadColumns = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether there are numbers."""
        return self.results[0].ok

    @property
    def seeds(self) -> list[int]:
        """The seeds it ran with."""
        return sorted({result.seed for result in self.results if result.seed is not None})

    @property
    def ks(self) -> set[int]:
        """Every k that all seeds have."""
        return set.intersection(*(result.ks for result in self.results))

    def per_case(self, metric: str, k: int) -> Array | None:
        """(cases,) the mean over seeds of each case's value; None if that is not known."""
        return self._cases.values.get(f"{metric}@{k}")

    @property
    def users(self) -> Array:
        """(cases,) integers: whose each case is."""
        return self._cases.users

    def mean(self, metric: str, k: int) -> float:
        """The mean over seeds, and over cases; NaN where a seed has none."""
        return float(np.mean([result.value(metric, k).mean for result in self.results]))

    def value(self, metric: str, k: int) -> Value:
        """The mean over seeds; its interval is over users, of what each user has on average."""
        values = [result.value(metric, k) for result in self.results]
        if len(values) == 1:
            return values[0]
        return self._values.get(f"{metric}@{k}") or Value(*np.mean(values, axis=0).tolist())

    def spread(self, metric: str, k: int) -> float:
        """The standard deviation over seeds; NaN for one seed."""
        means = [result.value(metric, k).mean for result in self.results]
        return float(np.std(means, ddof=1)) if len(means) > 1 else math.nan

    def measures_hits(self, metric: str, k: int) -> bool:
        """Whether a case without a target in the first k is worth nothing by the metric.

        Only then is more better: popularity and novelty, say, have no best.
        """
        values, above_best = self.per_case(metric, k), self._cases.above_best
        return values is not None and (above_best is None or not values[above_best >= k].any())

    def cost(self, name: str) -> float:
        """The mean over seeds of a result's cost, such as `fit_seconds`; NaN if not known."""
        costs = [getattr(result, name) for result in self.results]
        return float(np.mean([math.nan if cost is None else cost for cost in costs]))

    @cached_property
    def _cases(self) -> _Cases:
        """What is stored of the cases, read once."""
        users, values = np.zeros(0, dtype=np.int64), dict[str, Array]()
        above_best: Array | None = None
        for number, result in enumerate(self.results):
            columns = self.read_columns(result)
            of_seed = {key: np.asarray(columns[key]) for key in result.values if key in columns}
            above = _above_best(columns)
            if number:
                values = {key: values[key] + of_seed[key] for key in values.keys() & of_seed.keys()}
                above_best = (
                    None if above_best is None or above is None else np.minimum(above_best, above)
                )
            else:
                values, above_best = of_seed, above
                if "user" in columns:
                    users = number_users(np.asarray(columns["user"]))
        means = {key: total / len(self.results) for key, total in values.items()}
        return _Cases(users, above_best, means)

    @cached_property
    def _values(self) -> dict[str, Value]:
        return summarise(self._cases.values, self.users)


@dataclass(frozen=True, eq=False)
class _Cases:
    """Of each case: whose it is, how many items are above its best target, its values."""

    users: Array
    above_best: Array | None
    values: Mapping[str, Array]


def _above_best(columns: Columns) -> Array | None:
    """(cases,) how many items are above the best target of each, where that is known."""
    above = columns.get("above")
    if isinstance(above, tuple):
        ranks, offsets = above
        return np.minimum.reduceat(ranks, offsets[:-1])
    return above


def _by_segment(
    columns: Mapping[str, Column], metrics: Mapping[str, Metric], k: int
) -> dict[str, dict[str, tuple[int, float]]]:
    """Metric -> segment -> (its cases, mean) of one result."""
    if not {"segment", "history", "above"} <= columns.keys():
        return {}
    segment, history = columns["segment"], np.asarray(columns["history"])
    of_target = segment[0] if isinstance(segment, tuple) else segment
    ranking = dataclasses.replace(Ranking.of_columns(columns), lists=None)
    found = {}
    for name, metric in metrics.items():
        try:
            found[name] = by_segment(ranking, of_target, history, metric, k)
        except (Exception, SystemExit) as error:
            log.debug("%s by segment: %s", name, describe_error(error))
    return found
