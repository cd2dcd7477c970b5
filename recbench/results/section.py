"""Step 6, results: the results of one table, and which differences are significant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from recbench.evaluation.measure import Metric
from recbench.evaluation.uncertainty import ROUNDING, holm_correction, pvalues
from recbench.results.by_group import GroupValue, values_by_group
from recbench.results.groups import Grouping
from recbench.results.result import Result, Setting, metrics_of
from recbench.results.row import ReadColumns, Row

RANKED_BY = "ndcg"
"""The metric that tables are sorted by, best first."""

FLOOR = "popular"
"""The model that every other model should beat."""

ALPHA = 0.05

BEST_MARK = "*"
"""Marks the best value of a column, and those not significantly different from it."""

FLOOR_MARK = "!"
"""Marks a model that is not better than `popular`."""


@dataclass(frozen=True, eq=False)
class Section:
    """The results of one table: one dataset, split and protocol, best model first.

    Parameters
    ----------
    setting : Setting
        What the results share.
    results : tuple of Result
        Best model first, by seed within a model.
    read_columns : callable
        Returns the stored columns of a result, one row per case.
    metrics : tuple of str, default: ("ndcg",)
        The metrics to show.
    groupings : sequence of Grouping, default: ()
        The groups of users or targets by which results are broken down; see `by_group`.
    functions : mapping of str to callable, default: {}
        The metrics by name, if results are broken down.
    ungrouped : sequence of str, default: ()
        Why the table lacks groups that were asked for, one sentence each.
    verbose : bool, default: False
        Whether the footer shows everything.
    title_dataset : str, default: ""
        Name of the dataset in the title, if it is not the name without options, because another
        section has the same one.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular", "random"], "synthetic", results=None)
    >>> (section,) = results.sections()
    >>> section.title
    'synthetic, leave-last-out'
    >>> section.ks, section.seeds
    ([3, 5, 10], [0])
    """

    setting: Setting
    results: tuple[Result, ...]
    read_columns: ReadColumns = field(repr=False)
    metrics: tuple[str, ...] = (RANKED_BY,)
    groupings: Sequence[Grouping] = field(default=(), repr=False)
    functions: Mapping[str, Metric] = field(default_factory=dict, repr=False)
    ungrouped: Sequence[str] = ()
    verbose: bool = False
    title_dataset: str = ""

    @cached_property
    def rows(self) -> list[Row]:
        """One row per model, best first by NDCG at the largest k that all have; failures last.

        Models whose numbers are equal but for rounding are in the order of their names.
        """
        by_model: dict[str, list[Result]] = {}
        for result in sorted(self.results, key=by_seed):
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
            mean = row.mean(RANKED_BY, k) if row.ok else math.nan
            return (not row.ok, math.inf if math.isnan(mean) else -mean, row.model)

        ordered, levels = sorted(rows, key=place), [0]
        for (failed_before, before, _), (failed, value, _) in pairwise(map(place, ordered)):
            differs = failed != failed_before or value - before > ROUNDING
            levels.append(levels[-1] + differs)
        by_name = sorted(zip(levels, ordered, strict=False), key=lambda row: (row[0], row[1].model))
        return [row for _, row in by_name]

    @property
    def shown_metrics(self) -> list[str]:
        """The metrics to show that at least one result of the section has."""
        measured = metrics_of(key for result in self.results for key in result.values)
        return [metric for metric in self.metrics if metric in measured]

    @property
    def ks(self) -> list[int]:
        """Every cut-off k that at least one result of the section has."""
        return sorted(set().union(*(result.ks for result in self.results)))

    @property
    def seeds(self) -> list[int]:
        """Every seed that was used, in ascending order."""
        return sorted({result.seed for result in self.results if result.seed is not None})

    @property
    def dataset_name(self) -> str:
        """The dataset's name in the title, with its options only where titles need them."""
        return self.title_dataset or self.setting.dataset_title

    @property
    def title(self) -> str:
        """Dataset and split: `ml-100k, leave-last-out`."""
        setting = self.setting
        title = f"{self.dataset_name}, {setting.split}"
        if setting.candidates:
            title += (
                f", SAMPLED: ranked among only {setting.sample}, not comparable with full ranking"
            )
        return title

    def p_of_best(self, metric: str, k: int) -> dict[str, float]:
        """Return, for each model, the p-value of its difference from the best of the column.

        Paired t-tests over users (Smucker, Allan & Carterette, CIKM 2007) with Holm's correction
        over the models of the column.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        dict of str to float
            Model -> p; 1 for the best itself. Empty if there are fewer than two models, or if the
            metric has no best value.
        """
        columns = [(row, row.per_case(metric, k)) for row in self.rows if row.ok]
        known = [(row, values) for row, values in columns if values is not None]
        rows = [row for row, _ in known]
        better = {row.better(metric, k) for row in rows}
        if len(rows) < 2 or len(better) > 1 or "" in better:
            return {}
        table = np.column_stack([values for _, values in known])
        means = table.mean(axis=0)
        best = int(means.argmin() if "lower" in better else means.argmax())
        p = pvalues(table, best, rows[0].users)
        others = np.arange(len(p)) != best
        p[others] = holm_correction(p[others])
        return {row.model: float(p_of_row) for row, p_of_row in zip(rows, p, strict=True)}

    def level_with_best(self, metric: str, k: int) -> set[str]:
        """Return the best model of a column, and those not significantly different from it.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        set of str
            Models with p >= 0.05; see `p_of_best`.
        """
        return {model for model, p in self.p_of_best(metric, k).items() if not p < ALPHA}

    def marks(self, metric: str, k: int) -> list[str]:
        """Return the mark of each row in one column.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        list of str
            "*" for the models that `level_with_best` returns, "" for others.
        """
        best = self.level_with_best(metric, k)
        return [BEST_MARK if row.model in best else "" for row in self.rows]

    @property
    def names(self) -> list[str]:
        """The name of each row: the model, how it was tuned, and "!" if not above `popular`."""
        below = self.not_above_floor
        return [row.label + (f" {FLOOR_MARK}" if row.model in below else "") for row in self.rows]

    def by_group(self, k: int) -> list[GroupValue]:
        """Return the values in groups of users or targets, and the differences between groups.

        Parameters
        ----------
        k : int
            Cut-off.

        Returns
        -------
        list of GroupValue
            For each column that was asked for with `by`, each shown metric that has a value for
            each case, each group and each model, in this order. Empty if no column was asked for.
        """
        rows = [row for row in self.rows if row.ok and k in row.ks]
        functions = {name: self.functions[name] for name in self.shown_metrics if self.groupings}
        return [
            value
            for grouping in self.groupings
            for value in values_by_group(rows, grouping, functions, k)
        ]

    @cached_property
    def not_above_floor(self) -> set[str]:
        """The models whose NDCG is not above that of `popular`, at the largest k that both have."""
        floor = next((row for row in self.rows if row.ok and row.model == FLOOR), None)
        if floor is None:
            return set()
        found = set()
        for row in self.rows:
            k = max(floor.ks & row.ks, default=0)
            above = row.mean(RANKED_BY, k) > floor.mean(RANKED_BY, k) + ROUNDING
            if row.ok and row is not floor and k and not above:
                found.add(row.model)
        return found


def by_seed(result: Result) -> tuple[int, str]:
    """Return the place of a result among those of its model, whatever order they were read in."""
    return (-1 if result.seed is None else result.seed, result.key)
