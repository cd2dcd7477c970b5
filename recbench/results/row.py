"""Step 6, results: one row of a table: a model, averaged over its seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from recbench.data.interactions import Array, Columns
from recbench.evaluation.uncertainty import Value, number_users, summarise
from recbench.results.result import Result

ReadColumns = Callable[[Result], Columns]
"""Returns the stored columns of a result, one row per case; no columns if nothing is stored."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a table: a model, averaged over the seeds that succeeded.

    Parameters
    ----------
    model : str
        Name with options.
    results : tuple of Result
        One per seed; the failed ones if all failed.
    read_columns : callable
        Returns the stored columns of a result, one row per case.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["random"], "synthetic", seed=[0, 1], results=None)
    >>> (row,) = results.sections()[0].rows
    >>> row.model, row.ok, row.seeds
    ('random', True, [0, 1])
    """

    model: str
    results: tuple[Result, ...]
    read_columns: ReadColumns = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether at least one seed succeeded."""
        return self.results[0].ok

    @property
    def label(self) -> str:
        """The model, and how its options were found: `ease:l2=812 (tuned: 30 trials)`."""
        tuned = next((result.tuned for result in self.results if result.tuned is not None), None)
        return self.model if tuned is None else f"{self.model} ({tuned})"

    @property
    def seeds(self) -> list[int]:
        """The seeds, in ascending order."""
        return sorted({result.seed for result in self.results if result.seed is not None})

    @property
    def ks(self) -> set[int]:
        """Every cut-off k that all seeds have."""
        return set.intersection(*(result.ks for result in self.results))

    def per_case(self, metric: str, k: int) -> Array | None:
        """Return the value of each case, a mean over seeds.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        numpy.ndarray of shape (n_cases,), float64, or None
            None if the metric has no values for single cases, such as Coverage, or none are stored.
        """
        return self._cases.values.get(f"{metric}@{k}")

    @property
    def users(self) -> Array:
        """Array of shape (n_cases,), integers: the user of each case, numbered from 0."""
        return self._cases.users

    def mean(self, metric: str, k: int) -> float:
        """Return the mean over seeds and cases.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        float
            NaN if a seed was not measured.
        """
        return float(np.mean([result.value(metric, k).mean for result in self.results]))

    def value(self, metric: str, k: int) -> Value:
        """Return the mean over seeds, with its interval over users.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        Value
            Mean, standard error and 95% interval, computed from each case's mean over seeds.
        """
        values = [result.value(metric, k) for result in self.results]
        if len(values) == 1:
            return values[0]
        return self._values.get(f"{metric}@{k}") or Value(*np.mean(values, axis=0).tolist())

    def spread(self, metric: str, k: int) -> float:
        """Return the standard deviation over seeds.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        float
            NaN for a single seed.
        """
        means = [result.value(metric, k).mean for result in self.results]
        return float(np.std(means, ddof=1)) if len(means) > 1 else math.nan

    def better(self, metric: str, k: int) -> str:
        """Return which values of a metric with a value for each case are better.

        A metric can state it. If it does not, higher values are better if it is 0 for every case
        without a target among the first k items. For Popularity and Novelty, for example, there is
        no best value.

        Parameters
        ----------
        metric : str
            Name of the metric.
        k : int
            Cut-off.

        Returns
        -------
        str
            "higher", "lower", or "" if there is no best value.
        """
        values, above_best = self.per_case(metric, k), self._cases.above_best
        if values is None:
            return ""
        counts_hits = above_best is None or not values[above_best >= k].any()
        return self.results[0].better.get(metric, "higher" if counts_hits else "")

    def cost(self, name: str) -> float:
        """Return the mean over seeds of a cost.

        Parameters
        ----------
        name : str
            Attribute of `Result`: fit_seconds, score_seconds, peak_memory or parameters.

        Returns
        -------
        float
            In the attribute's unit; NaN if unknown.
        """
        costs = [getattr(result, name) for result in self.results]
        return float(np.mean([math.nan if cost is None else cost for cost in costs]))

    @cached_property
    def _cases(self) -> _Cases:
        """The stored columns of the cases, read once."""
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
    """For each case: its user, the number of items above its best target, its values."""

    users: Array
    above_best: Array | None
    values: Mapping[str, Array]


def _above_best(columns: Columns) -> Array | None:
    """(cases,) how many items are ranked above the best target of each case; None if unknown."""
    above = columns.get("above")
    if isinstance(above, tuple):
        ranks, offsets = above
        return np.minimum.reduceat(ranks, offsets[:-1])
    return above
