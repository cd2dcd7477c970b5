"""Step 6, results: the values of models in groups of users or targets, and their differences."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbench.data.interactions import Array
from recbench.errors import describe_error
from recbench.evaluation.differences import Sample, difference_intervals
from recbench.evaluation.measure import Metric, measure
from recbench.evaluation.ranking import Ranking
from recbench.evaluation.uncertainty import Value, number_users, summarise
from recbench.progress import log
from recbench.results.groups import Grouping
from recbench.results.row import Row

DIFFERS_MARK = "#"
"""Marks a difference between groups whose interval excludes 0."""


@dataclass(frozen=True)
class GroupValue:
    """A metric of one model in one group of users or targets, and its difference from others.

    Parameters
    ----------
    by : str
        What the groups are by: a column of users or items, "history" or "popularity".
    group : str
        The group, such as "F" or "<= 25"; "unknown" for users or targets without a value.
    users, cases : int
        How many users and cases the group has.
    model : str
        Name with options.
    metric : str
        Name of the metric.
    k : int
        Cut-off.
    value : Value
        Mean over the cases of the group and over seeds, with its 95% interval over users.
    versus : str, default: ""
        What the group is compared with: "others", which are all other groups together, or if there
        are only two groups, the first of them. "" if it is not compared.
    difference : float, default: NaN
        The mean of the group minus that of `versus`.
    low, high : float, default: NaN
        95% interval of the difference, from a bootstrap over users.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular"], "synthetic", results=None, by="popularity")
    >>> head = results.sections()[0].by_group(10)[0]
    >>> head.group, head.versus, head.difference > 0, head.differs
    ('head', 'others', True, True)
    """

    by: str
    group: str
    users: int
    cases: int
    model: str
    metric: str
    k: int
    value: Value
    versus: str = ""
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.low > 0 or self.high < 0

    @property
    def mark(self) -> str:
        """The mark of the difference: "#" if it `differs`, else ""."""
        return DIFFERS_MARK if self.differs else ""


def values_by_group(
    rows: Sequence[Row], grouping: Grouping, metrics: Mapping[str, Metric], k: int
) -> list[GroupValue]:
    """Return the values of each metric that has one per case, by metric, group and row.

    A case with several targets counts in the group of each, with its targets in that group only. If
    groups are of such targets, a metric is computed again for them, and must need ranks only.
    """
    masks = {group.name: group.chosen for group in grouping.groups}
    contrasts = grouping.contrasts
    against = {name: chosen for name, (_, chosen) in contrasts.items()}
    columns: dict[tuple[str, str], list[Array]] = {}
    for metric, function in metrics.items():
        for row in rows:
            measured = _measured(
                row, metric, function, k, grouping, [*masks.values(), *against.values()]
            )
            if measured is not None:
                columns[metric, row.model] = measured
    if not columns:
        return []
    _, measured_model = next(iter(columns))
    users = next(row.users for row in rows if row.model == measured_model)

    def sample(nth: int, chosen: Array) -> Sample:
        return Sample(
            grouping.cases(chosen), np.column_stack([each[nth] for each in columns.values()])
        )

    inside = [sample(nth, chosen) for nth, chosen in enumerate(masks.values())]
    outside = {
        name: sample(nth, chosen) for nth, (name, chosen) in enumerate(against.items(), len(masks))
    }
    of_group = dict(zip(masks, inside, strict=True))
    bounds = difference_intervals([(of_group[name], outside[name]) for name in outside], users)
    intervals = dict(zip(outside, bounds, strict=True))
    found: dict[str, list[GroupValue]] = {metric: [] for metric in metrics}
    for name, own in of_group.items():
        numbered = number_users(users[own.cases])
        means = summarise(
            {str(place): column for place, column in enumerate(own.values.T)}, numbered
        )
        versus, differences = "", np.full((3, len(columns)), math.nan)
        if name in outside:
            versus = contrasts[name][0]
            difference = own.values.mean(axis=0) - outside[name].values.mean(axis=0)
            differences = np.vstack([difference, intervals[name]])
        for place, (metric, model) in enumerate(columns):
            found[metric].append(
                GroupValue(
                    by=grouping.by,
                    group=name,
                    users=int(numbered.max()) + 1,
                    cases=len(own.cases),
                    model=model,
                    metric=metric,
                    k=k,
                    value=means[str(place)],
                    versus=versus,
                    difference=float(differences[0, place]),
                    low=float(differences[1, place]),
                    high=float(differences[2, place]),
                )
            )
    return [value for values in found.values() for value in values]


def _measured(
    row: Row, metric: str, function: Metric, k: int, grouping: Grouping, masks: Sequence[Array]
) -> list[Array] | None:
    """Return the values of the cases of each mask, a mean over seeds; None if there are none."""
    column = row.per_case(metric, k)
    if column is None:
        return None
    if grouping.offsets is None:
        return [column[mask] for mask in masks]
    values = []
    try:
        for result in row.results:
            ranking = Ranking.of_columns(row.read_columns(result))
            ranking = dataclasses.replace(ranking, lists=None)
            parts = (ranking.only(mask)[0] for mask in masks)
            values.append([measure(part, "it", function, [k])[f"it@{k}"] for part in parts])
    except (Exception, SystemExit) as error:
        log.debug("%s by %s: %s", metric, grouping.by, describe_error(error))
        return None
    return [np.mean(of_mask, axis=0) for of_mask in zip(*values, strict=True)]
