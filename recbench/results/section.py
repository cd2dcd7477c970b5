"""Step 6, results: the results that may stand in one table, and what may be said of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from recbench.data.interactions import Array, Column
from recbench.errors import describe_error
from recbench.evaluation.ranking import Metric, Ranking
from recbench.evaluation.uncertainty import Value, holm, numbered, pvalues, summarise
from recbench.progress import log
from recbench.results.footer import footer_of
from recbench.results.result import Result, Setting
from recbench.results.segments import by_segment

Columns = Callable[[Result], Mapping[str, Column]]
"""The stored columns of a result; none where there are none."""


@dataclass(frozen=True, eq=False)
class _Known:
    """Of each judged row: whose it is, how many items are above its best target, its values."""

    users: Array
    best: Array | None
    values: Mapping[str, Array]


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

    @property
    def ks(self) -> set[int]:
        """Every k that all seeds have."""
        return set.intersection(*(one.ks for one in self.results))

    def per_row(self, metric: str, k: int) -> Array | None:
        """(judged rows,) the mean over seeds of each row's value; None if that is not known."""
        return self._known.values.get(f"{metric}@{k}")

    @property
    def users(self) -> Array:
        """(judged rows,) integers: whose each row is."""
        return self._known.users

    def mean(self, metric: str, k: int) -> float:
        """The mean over seeds, and over judged rows; NaN where a seed has none."""
        return float(np.mean([one.value(metric, k).mean for one in self.results]))

    def value(self, metric: str, k: int) -> Value:
        """The mean over seeds; its interval is over users, of what each user has on average."""
        values = [one.value(metric, k) for one in self.results]
        if len(values) == 1:
            return values[0]
        return self._summary.get(f"{metric}@{k}") or Value(*np.mean(values, axis=0).tolist())

    def spread(self, metric: str, k: int) -> float:
        """The standard deviation over seeds; NaN for one seed."""
        means = [one.value(metric, k).mean for one in self.results]
        return float(np.std(means, ddof=1)) if len(means) > 1 else math.nan

    def measures_hits(self, metric: str, k: int) -> bool:
        """Whether a judged row without a target in the first k is worth nothing by the metric.

        Only then is more better: popularity and novelty, say, have no best.
        """
        values, best = self.per_row(metric, k), self._known.best
        return values is not None and (best is None or not values[best >= k].any())

    @cached_property
    def _known(self) -> _Known:
        """What is stored of the judged rows, read once."""
        users, values = np.zeros(0, dtype=np.int64), dict[str, Array]()
        best: Array | None = None
        for number, one in enumerate(self.results):
            columns = self.columns(one)
            mine = {key: np.asarray(columns[key]) for key in one.values if key in columns}
            own = _best(columns)
            if number:
                values = {key: values[key] + mine[key] for key in values.keys() & mine.keys()}
                best = None if best is None or own is None else np.minimum(best, own)
            else:
                values, best = mine, own
                if "user" in columns:
                    users = numbered(np.asarray(columns["user"]))[0]
        return _Known(users, best, {key: one / len(self.results) for key, one in values.items()})

    @cached_property
    def _summary(self) -> dict[str, Value]:
        return summarise(self._known.values, self.users)

    def cost(self, name: str) -> float:
        """The mean over seeds of a result's cost, such as `fit_seconds`; NaN if not known."""
        found = [getattr(one, name) for one in self.results]
        return float(np.mean([math.nan if one is None else one for one in found]))


def _best(columns: Mapping[str, Column]) -> Array | None:
    """(judged rows,) how many items are above the best target of each, where that is known."""
    above = columns.get("above")
    if isinstance(above, tuple):
        return np.minimum.reduceat(above[0], above[1][:-1])
    return above


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
            log.debug("%s by segment: %s", name, describe_error(error))
    return found
