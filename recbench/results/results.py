"""Step 6, result: results side by side, and which of them may stand in one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from recbench.data.interactions import Columns
from recbench.evaluation.ranking import Metric
from recbench.results.result import Result, Setting
from recbench.results.section import RANKED_BY, ReadColumns, Section

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
"""Of `to_frame`: value is a mean over cases, stderr its standard error, low and high its
95% interval over users, p that of the model's being as good as the best of its table (over all
seeds); what the cell took, score_seconds for one case and peak_memory in bytes; remark is
what a reader must be told."""


class Results(Sequence[Result]):
    """Results in a row; `to_frame()` makes a tidy table of them.

    read_columns: what gives the stored columns of a result, for comparisons.
    metrics: those that tables for people show. segments: all metrics by name, where users and
        items are to be shown apart, too.
    not_stored: those that the disk had no room for. left_out: what is not here and why, a sentence
        each.
    """

    def __init__(
        self,
        results: Iterable[Result],
        read_columns: ReadColumns | None = None,
        metrics: Sequence[str] = (RANKED_BY,),
        segments: Mapping[str, Metric] | None = None,
        not_stored: Sequence[Result] = (),
        left_out: Sequence[str] = (),
    ) -> None:
        self._results = tuple(results)
        self.read_columns = read_columns or _no_columns
        self.not_stored, self.left_out = tuple(not_stored), tuple(left_out)
        self.metrics, self.segments = tuple(metrics), segments or {}

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __repr__(self) -> str:
        return f"Results({', '.join(f'{result.model}: {result.status}' for result in self)})"

    @property
    def failed(self) -> list[Result]:
        """Those without numbers."""
        return [result for result in self if not result.ok]

    def showing(
        self, metrics: Sequence[str], segments: Mapping[str, Metric] | None = None
    ) -> Results:
        """The same results, with other metrics in tables for people."""
        return Results(self, self.read_columns, metrics, segments, self.not_stored, self.left_out)

    def of_protocol(self, protocol: int) -> Results:
        """Those that the referee judged by this version of its rules; the others are left out."""
        kept = [result for result in self if result.setting.protocol == protocol]
        left_out = list(self.left_out)
        for other in sorted({result.setting.protocol for result in self} - {protocol}):
            number = sum(result.setting.protocol == other for result in self)
            left_out.append(
                f"{number} results by version {other} of the referee's rules, which now are at "
                f"{protocol}; run them again to compare"
            )
        return Results(
            kept, self.read_columns, self.metrics, self.segments, self.not_stored, left_out
        )

    def sections(self) -> list[Section]:
        """One section a dataset, split, sample and protocol, best first: no table mixes them.

        Sections come in the order of the first result of each. Where two of one name differ in
        content, its name has the start of the content's sha256 behind it.
        """
        groups: dict[Any, list[Result]] = {}
        for result in self:
            groups.setdefault(result.setting.comparison_key, []).append(result)
        settings = _told_apart([group[0].setting for group in groups.values()])
        sections = []
        for setting, group in zip(settings, groups.values(), strict=True):
            section = Section(setting, tuple(group), self.read_columns, self.metrics, self.segments)
            sections.append(dataclasses.replace(section, results=_best_first(section)))
        return sections

    def to_frame(self) -> pd.DataFrame:
        """A row for each model, dataset, split, seed, metric and k; columns as in COLUMNS."""
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for section in self.sections():
            setting, p_of_best = section.setting, dict[str, dict[str, float]]()
            for result in section.results:
                cell = (result.model, setting.dataset, setting.split, result.seed)
                costs = (
                    result.fit_seconds,
                    result.score_seconds / setting.n_cases,
                    result.peak_memory,
                    result.parameters,
                )
                remark = _remark(section, result)
                for key, value in result.values.items():
                    metric, _, k = key.partition("@")
                    if key not in p_of_best:
                        p_of_best[key] = section.p_of_best(metric, int(k))
                    p = p_of_best[key].get(result.model)
                    measured = (setting.n_judged_users, metric, int(k), *value, p)
                    rows.append((*cell, *measured, *costs, result.status, remark))
        frame = pd.DataFrame(rows, columns=COLUMNS)
        whole = dict.fromkeys(("seed", "peak_memory", "parameters"), "Int64")
        return frame.astype({**whole, "k": "int64", "users": "int64", "p": "float64"})


def _best_first(section: Section) -> tuple[Result, ...]:
    models = [row.model for row in section.rows]
    return tuple(
        sorted(
            section.results,
            key=lambda result: (models.index(result.model), result.seed or 0),
        )
    )


def _told_apart(settings: Sequence[Setting]) -> list[Setting]:
    """The settings, with other names where two of one name are not of one content."""
    for part in ("dataset", "split", "candidates"):
        contents: dict[tuple[str, ...], set[str]] = {}
        for setting in settings:
            contents.setdefault(_names(setting), set()).add(getattr(setting, f"{part}_sha256"))
        settings = [
            _with_digest(setting, part) if len(contents[_names(setting)]) > 1 else setting
            for setting in settings
        ]
    return list(settings)


def _with_digest(setting: Setting, part: str) -> Setting:
    digest = getattr(setting, f"{part}_sha256")[:6]
    name: dict[str, Any] = {part: f"{getattr(setting, part)} ({digest})"}
    return dataclasses.replace(setting, **name)


def _names(setting: Setting) -> tuple[str, str, str, str]:
    return setting.dataset, setting.split, setting.candidates, str(setting.protocol)


def _remark(section: Section, result: Result) -> str:
    remarks = []
    if section.setting.candidates:
        remarks.append(f"sampled: {section.setting.candidates} candidates")
    if result.model in section.not_above_floor:
        remarks.append("not above popular")
    return "; ".join(remarks)


def _no_columns(_: Result) -> Columns:
    return {}
