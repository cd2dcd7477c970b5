"""Beside the flow: whether one stored model is better than another, on the same users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import UsageError, near
from .result import Value
from .section import RANKED_BY, Row, Section
from .spec import Spec
from .store import Store
from .uncertainty import Paired, paired


@dataclass(frozen=True)
class Comparison:
    """Two models in one section of the store, by one metric at one k.

    a, b: what each has, means over its seeds. paired: of a minus b, over the same users.
    """

    section: Section
    metric: str
    k: int
    first: Row
    second: Row
    a: Value
    b: Value
    paired: Paired


def compare(
    first: str,
    second: str,
    *,
    ks: Sequence[int] | None = None,
    metrics: Sequence[str] = (RANKED_BY,),
    dataset: str | None = None,
    split: str | None = None,
    results: str | Path = "results",
) -> list[Comparison]:
    """Every comparison of the two models that the store allows.

    first, second: names with options, as on the command line. ks, metrics: by default all ks that
    both have. dataset, split: as tables name them, by default all.

    Raises UsageError where no section of the store holds both.
    """
    a, b = str(Spec.parse(first)), str(Spec.parse(second))
    stored = Store(results).all()
    found = []
    for section in stored.sections():
        of = section.setting
        rows = {row.model: row for row in section.rows if row.ok}
        if (dataset or of.dataset) != of.dataset or (split or of.split) != of.split:
            continue
        if a in rows and b in rows:
            shared = set.intersection(*(one.ks for m in (a, b) for one in rows[m].results))
            for metric in metrics:
                for k in sorted(shared if ks is None else shared & set(ks)):
                    found += _compared(section, metric, k, rows[a], rows[b])
    if not found:
        names = {one.model for one in stored}
        lacking = next((one for one in (a, b) if one not in names), None)
        hint = f"{lacking!r} is not: {near(lacking, names)}" if lacking else "but not side by side"
        raise UsageError(
            f"nothing to compare: {first} and {second} must both be stored under {results} with "
            f"one dataset, split, metric and k; {hint}. Run both: recbench run {first} {second}"
        )
    return found


def _compared(section: Section, metric: str, k: int, first: Row, second: Row) -> list[Comparison]:
    """The comparison, or none for a metric that has no value a row."""
    a, b = first.per_row(metric, k), second.per_row(metric, k)
    if a is None or b is None:
        return []
    users = np.asarray(section.columns(first.results[0])["user"])
    values = first.value(metric, k), second.value(metric, k)
    return [Comparison(section, metric, k, first, second, *values, paired(a, b, users))]
