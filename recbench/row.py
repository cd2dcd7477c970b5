"""Step 6, result: one model over its seeds, a line of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .columns import Column
from .interactions import Array
from .result import Result, Value
from .uncertainty import numbered, summarise

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
