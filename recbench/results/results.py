"""Step 6, result: results side by side, and which of them may stand in one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from recbench.data.interactions import Column
from recbench.evaluation.ranking import Metric
from recbench.results.result import Result, Setting
from recbench.results.section import RANKED_BY, Columns, Section

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
    "fit_seconds",
    "score_seconds",
    "peak_memory",
    "parameters",
    "status",
    "remark",
)
"""Of `to_frame`: value is a mean over judged rows, stderr its standard error, low and high its
95% interval over users, p that of the model's being as good as the best of its table (over all
seeds); what the cell took, score_seconds for one judged row and peak_memory in bytes; remark is
what a reader must be told."""


class Results(Sequence[Result]):
    """Results in a row; `to_frame()` makes a tidy table of them.

    columns: what gives the stored columns of a result, for comparisons.
    metrics: those that tables for people show. segments: all metrics by name, where users and
        items are to be shown apart, too.
    unstored: those that the disk had no room for. left_out: what is not here and why, a sentence
        each.
    """

    def __init__(
        self,
        results: Iterable[Result],
        columns: Columns | None = None,
        metrics: Sequence[str] = (RANKED_BY,),
        segments: Mapping[str, Metric] | None = None,
        unstored: Sequence[Result] = (),
        left_out: Sequence[str] = (),
    ) -> None:
        self._results = tuple(results)
        self.columns = columns or _none
        self.unstored, self.left_out = tuple(unstored), tuple(left_out)
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

    def showing(
        self, metrics: Sequence[str], segments: Mapping[str, Metric] | None = None
    ) -> Results:
        """The same results, with other metrics in tables for people."""
        return Results(self, self.columns, metrics, segments, self.unstored, self.left_out)

    def of_protocol(self, protocol: int) -> Results:
        """Those that the referee judged by this version of its rules; the others are left out."""
        kept = [one for one in self if one.setting.protocol == protocol]
        left = list(self.left_out)
        for other in sorted({one.setting.protocol for one in self} - {protocol}):
            number = sum(one.setting.protocol == other for one in self)
            left.append(
                f"{number} results by version {other} of the referee's rules, which now are at "
                f"{protocol}; run them again to compare"
            )
        return Results(kept, self.columns, self.metrics, self.segments, self.unstored, left)

    def sections(self) -> list[Section]:
        """One section a dataset, split, sample and protocol, best first: no table mixes them.

        Sections come in the order of the first result of each. Where two of one name differ in
        content, its name has the start of the content's sha256 behind it.
        """
        groups: dict[Any, list[Result]] = {}
        for one in self:
            groups.setdefault(one.setting.comparison_key, []).append(one)
        settings = _told_apart([group[0].setting for group in groups.values()])
        sections = []
        for setting, group in zip(settings, groups.values(), strict=True):
            section = Section(setting, tuple(group), self.columns, self.metrics, self.segments)
            sections.append(dataclasses.replace(section, results=_best_first(section)))
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
                    cell = (
                        one.model,
                        of.dataset,
                        of.split,
                        one.seed,
                        of.n_judged_users,
                        metric,
                        int(k),
                    )
                    best = p[key].get(one.model)
                    costs = (one.fit_seconds, one.score_seconds / of.n_cases)
                    size = (one.peak_memory, one.parameters)
                    lines.append((*cell, *value, best, *costs, *size, one.status, remark))
        frame = pd.DataFrame(lines, columns=COLUMNS)
        whole = dict.fromkeys(("seed", "peak_memory", "parameters"), "Int64")
        return frame.astype({**whole, "k": "int64", "users": "int64", "p": "float64"})


def _best_first(section: Section) -> tuple[Result, ...]:
    place = [row.model for row in section.rows]
    return tuple(sorted(section.results, key=lambda one: (place.index(one.model), one.seed or 0)))


def _told_apart(settings: Sequence[Setting]) -> list[Setting]:
    """The settings, with other names where two of one name are not of one content."""
    for name in ("dataset", "split", "candidates"):
        contents: dict[tuple[str, ...], set[str]] = {}
        for one in settings:
            contents.setdefault(_name(one), set()).add(getattr(one, f"{name}_sha256"))
        settings = [
            _renamed(one, name) if len(contents[_name(one)]) > 1 else one for one in settings
        ]
    return list(settings)


def _renamed(of: Setting, name: str) -> Setting:
    more: dict[str, Any] = {name: f"{getattr(of, name)} ({getattr(of, f'{name}_sha256')[:6]})"}
    return dataclasses.replace(of, **more)


def _name(of: Setting) -> tuple[str, str, str, str]:
    return of.dataset, of.split, of.candidates, str(of.protocol)


def _remark(section: Section, result: Result) -> str:
    remarks = []
    if section.setting.candidates:
        remarks.append(f"sampled: {section.setting.candidates} candidates")
    if result.model in section.not_above_floor:
        remarks.append("not above popular")
    return "; ".join(remarks)


def _none(_: Result) -> Mapping[str, Column]:
    return {}
