"""Outside the flow: stored results and their new runs, number by number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbench.report.report import Block, Lines, ReportOf, Table
from recbench.results.footer import sentence
from recbench.results.result import Result, metric_label

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("model", "dataset", "split", "seed", "number", "stored", "now", "difference", "bound"),
    *("holds", "reason", "path"),
)
"""Columns of `Verification.to_frame`."""


@dataclass(frozen=True)
class NumberCheck:
    """A stored number and its new value.

    Parameters
    ----------
    name : str
        Metric and cut-off, such as "ndcg@10", and "stderr", "low" or "high" for its uncertainty.
    stored : float
        The stored number.
    now : float
        The number of the new run.
    bound : float
        The largest difference that is allowed.

    Examples
    --------
    >>> from recbench.verification import NumberCheck
    >>> check = NumberCheck("ndcg@10", stored=0.1, now=0.125, bound=0.05)
    >>> round(check.off, 3), check.holds
    (0.025, True)
    """

    name: str
    stored: float
    now: float
    bound: float

    @property
    def off(self) -> float:
        """Absolute difference; infinite if only one of the two is NaN."""
        if math.isnan(self.stored) or math.isnan(self.now):
            return 0.0 if math.isnan(self.stored) and math.isnan(self.now) else math.inf
        return abs(self.now - self.stored)

    @property
    def holds(self) -> bool:
        """Whether the difference is within the bound."""
        return self.off <= self.bound

    @property
    def label(self) -> str:
        """Its name as in tables, `NDCG@10` for `ndcg@10`; names of costs are unchanged."""
        metric, at, rest = self.name.partition("@")
        k, _, bound = rest.partition(" ")
        is_metric = at and k.isdigit()
        return f"{metric_label(metric, int(k))} {bound}".strip() if is_metric else self.name


@dataclass(frozen=True)
class CellCheck:
    """A stored result and its new run.

    Parameters
    ----------
    path : pathlib.Path
        The JSON file of the result.
    result : Result or None
        The stored result; None if its files are damaged.
    numbers : list of NumberCheck, default: []
        All its numbers; empty if it could not be run again.
    reason : str, default: ""
        Why it could not be run again, or a remark.
    """

    path: Path
    result: Result | None
    numbers: list[NumberCheck] = field(default_factory=list)
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was run again and every number is within its bound."""
        return bool(self.numbers) and all(number.holds for number in self.numbers)

    @property
    def furthest(self) -> NumberCheck | None:
        """The number with the largest difference relative to its bound; None without numbers."""

        def distance(number: NumberCheck) -> tuple[bool, float]:
            return not number.holds, number.off / (number.bound or 1)

        return max(self.numbers, key=distance, default=None)

    @property
    def label(self) -> str:
        """The model and its seed, or the path of damaged files."""
        return str(self.path) if self.result is None else self.result.label

    @property
    def title(self) -> str:
        """Dataset and split."""
        if self.result is None:
            return "Damaged files"
        setting = self.result.setting
        sample = [f"candidates {setting.candidates}"] if setting.candidates else []
        return ", ".join([setting.dataset, setting.split, *sample])

    def row(self, number: NumberCheck | None) -> dict[str, str]:
        """Return one of the numbers as a row of a table; None for a result without numbers."""
        if number is None:
            status = "NOT RUN" if self.result else "DAMAGED"
            facts = dict.fromkeys(("metric", "stored", "now", "difference", "bound"), "")
        else:
            status = "same" if number.holds else "DIFFERS"
            facts = {
                "metric": number.label,
                "stored": f"{number.stored:.6f}",
                "now": f"{number.now:.6f}",
                "difference": f"{number.off:.1e}",
                "bound": f"{number.bound:.1e}",
            }
        n_numbers = str(len(self.numbers) or "")
        return {"model": self.label, "": status, "numbers": n_numbers, **facts}


class Verification(ReportOf[CellCheck]):
    """Stored results and their new runs: a sequence of checks; returned by `verify`.

    Parameters
    ----------
    parts : iterable of CellCheck
        One per stored result.
    every : bool, default: False
        Whether tables show every number, not only the one of each result that differs most.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(["popular"], "synthetic", results=folder, in_process=True)
    ...     checks = recbench.verify(folder)
    >>> checks.holds, bool(checks.to_frame()["holds"].all())
    (True, True)
    """

    def __init__(self, parts: Iterable[CellCheck], every: bool = False) -> None:
        super().__init__(parts)
        self.every = every

    @property
    def holds(self) -> bool:
        """Whether every result was run again and every number is within its bound."""
        return all(check.holds for check in self)

    def showing(self, *, every: bool) -> Verification:
        """Return the same checks with another setting for tables.

        Parameters
        ----------
        every : bool
            Whether tables show every number, not only the one of each result that differs most.

        Returns
        -------
        Verification
            A new object; this one is unchanged.
        """
        return Verification(self, every)

    def to_frame(self) -> pd.DataFrame:
        """Return all numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row per number, and one for a result that was not run again. Columns: model,
            dataset, split, seed, number (metric and cut-off, such as "ndcg@10", and "stderr", "low"
            or "high" for its uncertainty), stored, now, difference (absolute), bound, holds,
            reason (why it was not run again, or a remark) and path.
        """
        import pandas as pd

        rows = []
        for check in self:
            cell: tuple[Any, ...] = (None, None, None, None)
            if check.result is not None:
                setting = check.result.setting
                cell = (check.result.model, setting.dataset, setting.split, check.result.seed)
            numbers: list[NumberCheck | None] = [*check.numbers]
            for number in numbers or [None]:
                facts: tuple[Any, ...] = ("", math.nan, math.nan, math.nan, math.nan, False)
                if number is not None:
                    facts = (number.name, number.stored, number.now, number.off, number.bound)
                    facts = (*facts, number.holds)
                rows.append((*cell, *facts, check.reason, str(check.path)))
        return pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64", "holds": "bool"})

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        for title in dict.fromkeys(check.title for check in self):
            of_section = [check for check in self if check.title == title]
            rows = []
            for check in of_section:
                numbers = check.numbers if self.every else [check.furthest]
                rows += [check.row(number) for number in numbers or [None]]
            yield Table(rows, numbers=("stored", "now", "difference", "bound"), caption=title)
            yield Lines(
                [sentence(f"{check.label}: {check.reason}") for check in of_section if check.reason]
            )
        n_wrong = sum(not check.holds for check in self)
        n_numbers = sum(len(check.numbers) for check in self)
        results = "1 result" if len(self) == 1 else f"{len(self)} results"
        differ = f"{n_wrong} not reproduced" if n_wrong else "all reproduced"
        yield f"{results} with {n_numbers:,} numbers: {differ}."
