"""Step 6, result: results side by side, and which of them may stand in one table."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .result import Result, Setting

if TYPE_CHECKING:
    import pandas as pd

RANKED_BY = "ndcg"
"""The metric that orders tables, best first."""

COLUMNS = ("model", "dataset", "split", "seed", "users", "metric", "k", "value", "stderr", "status")


@dataclass(frozen=True)
class Section:
    """The results that may stand in one table, best first."""

    setting: Setting
    results: tuple[Result, ...]

    @property
    def ks(self) -> list[int]:
        """Every k that some result of the section has."""
        return sorted({int(key.partition("@")[2]) for one in self.results for key in one.values})

    @property
    def seeds(self) -> list[int]:
        """Every seed that was used."""
        return sorted({one.seed for one in self.results if one.seed is not None})

    @property
    def title(self) -> str:
        """`ml-100k, leave-last-out`."""
        return f"{self.setting.dataset}, {self.setting.split}"

    @property
    def footer(self) -> list[str]:
        """What a reader must know to trust the table, a sentence each."""
        of = self.setting
        judged = f"{of.users:,} users judged"
        if of.rows != of.users:
            judged = f"{of.rows:,} rows of {judged}"
        masked = (
            "a repeated item counts once per user and seen items are masked"
            if of.repeats == "first"
            else "repeats are kept and nothing is masked"
        )
        seeds = ", ".join(map(str, self.seeds)) or "none needed"
        size = f"{of.n_items:,} items in the catalogue, {of.n_events:,} events"
        return [
            f"{of.dataset}: {judged}, {size}; {masked}.",
            f"Split {of.split}; order {of.order}; seeds: {seeds}.",
            "Full ranking, ties by exact expectation; ± is the standard error over judged rows.",
            *(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in of.notes),
        ]


class Results(Sequence[Result]):
    """Results in a row; `to_frame()` makes a tidy table of them."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._results = tuple(results)

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
        """One section a dataset, split and protocol, best first in each: no table mixes them.

        Datasets of one name and other content get the start of their sha256 behind the name.
        """
        groups: dict[Any, list[Result]] = {}
        for one in self:
            groups.setdefault(one.setting.same, []).append(one)
        named = Counter(
            (group[0].setting.dataset, group[0].setting.split) for group in groups.values()
        )
        sections = []
        for _, group in sorted(groups.items()):
            setting = group[0].setting
            if named[setting.dataset, setting.split] > 1:
                name = f"{setting.dataset} ({setting.dataset_sha256[:6]})"
                setting = dataclasses.replace(setting, dataset=name)
            sections.append(Section(setting, tuple(_best_first(group))))
        return sections

    def to_frame(self) -> pd.DataFrame:
        """A line for each model, dataset, split, seed, metric and k; columns as in COLUMNS."""
        import pandas as pd

        lines = []
        for section in self.sections():
            for one in section.results:
                for key, (mean, stderr) in one.values.items():
                    metric, _, k = key.partition("@")
                    of = section.setting
                    cell = (one.model, of.dataset, of.split, one.seed, of.users)
                    lines.append((*cell, metric, int(k), mean, stderr, one.status))
        frame = pd.DataFrame(lines, columns=COLUMNS)
        return frame.astype({"seed": "Int64", "k": "int64", "users": "int64"})


def _best_first(results: Iterable[Result]) -> list[Result]:
    """Ordered by NDCG at the largest k that all have; failures last."""
    shared = [{int(key.partition("@")[2]) for key in one.values} for one in results if one.ok]
    k = max(set.intersection(*shared), default=0) if shared else 0

    def place(one: Result) -> tuple[bool, float, str]:
        value = one.value(RANKED_BY, k)[0]
        return (not one.ok, math.inf if math.isnan(value) else -value, one.model)

    return sorted(results, key=place)
