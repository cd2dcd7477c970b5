"""Step 6, result: results side by side, and which of them may stand in one table."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .columns import Column
from .metric import Metric
from .result import Result
from .section import RANKED_BY, Columns, Section

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "model",
    "dataset",
    "split",
    "seed",
    "users",
    "metric",
    "k",
    "value",
    "stderr",
    "low",
    "high",
    "p",
    "status",
    "remark",
)
"""Of `to_frame`: value is a mean over judged rows, stderr its standard error, low and high its
95% interval over users, p that of the model's being as good as the best of its table (over all
seeds), remark what a reader must be told."""


class Results(Sequence[Result]):
    """Results in a row; `to_frame()` makes a tidy table of them.

    columns: what gives the stored columns of a result, for comparisons.
    metrics: those that tables for people show. segments: all metrics by name, where users and
        items are to be shown apart, too. unstored: those that the disk had no room for.
    """

    def __init__(
        self,
        results: Iterable[Result],
        columns: Columns | None = None,
        metrics: Sequence[str] = (RANKED_BY,),
        segments: Mapping[str, Metric] | None = None,
        unstored: Sequence[Result] = (),
    ) -> None:
        self._results = tuple(results)
        self.columns = _remembered(columns) if columns else _none
        self.unstored = tuple(unstored)
        self.metrics, self.segments = tuple(metrics), segments or {}

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __repr__(self) -> str:
        return f"Results({', '.join(f'{one.model}: {one.status}' for one in self)})"

    @property
    def failed(self) -> list[Result]:
        """Those without numbers."""
        return [one for one in self if not one.ok]

    def sections(self) -> list[Section]:
        """One section a dataset, split, sample and protocol, best first: no table mixes them.

        Datasets of one name and other content get the start of their sha256 behind the name.
        """
        groups: dict[Any, list[Result]] = {}
        for one in self:
            groups.setdefault(one.setting.same, []).append(one)
        named = Counter(_name(group[0]) for group in groups.values())
        sections = []
        for _, group in sorted(groups.items()):
            setting = group[0].setting
            if named[_name(group[0])] > 1:
                name = f"{setting.dataset} ({setting.dataset_sha256[:6]})"
                setting = dataclasses.replace(setting, dataset=name)
            section = Section(setting, tuple(group), self.columns, self.metrics, self.segments)
            place = {row.model: number for number, row in enumerate(section.rows)}
            group.sort(key=lambda one, place=place: (place[one.model], one.seed or 0))
            sections.append(dataclasses.replace(section, results=tuple(group)))
        return sections

    def to_frame(self) -> pd.DataFrame:
        """A line for each model, dataset, split, seed, metric and k; columns as in COLUMNS."""
        import pandas as pd

        lines = []
        for section in self.sections():
            of, p = section.setting, {}
            for one in section.results:
                remark = _remark(section, one)
                for key, value in one.values.items():
                    metric, _, k = key.partition("@")
                    if key not in p:
                        p[key] = section.p_of_best(metric, int(k))
                    cell = (one.model, of.dataset, of.split, one.seed, of.users, metric, int(k))
                    best = p[key].get(one.model)
                    lines.append((*cell, *value, best, one.status, remark))
        frame = pd.DataFrame(lines, columns=COLUMNS)
        return frame.astype({"seed": "Int64", "k": "int64", "users": "int64", "p": "float64"})


def _name(result: Result) -> tuple[str, str, str]:
    return result.setting.dataset, result.setting.split, result.setting.candidates


def _remark(section: Section, result: Result) -> str:
    remarks = []
    if section.setting.candidates:
        remarks.append(f"sampled: {section.setting.candidates} candidates")
    if result.model in section.not_above_floor:
        remarks.append("not above popular")
    return "; ".join(remarks)


def _remembered(columns: Columns) -> Columns:
    """The same, reading what it gives once."""
    known: dict[str, Mapping[str, Column]] = {}

    def remembered(result: Result) -> Mapping[str, Column]:
        if result.key not in known:
            known[result.key] = columns(result)
        return known[result.key]

    return remembered


def _none(_: Result) -> Mapping[str, Column]:
    return {}
