"""Beside the flow: whether one stored model is better than another, on the same users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recbench.errors import UsageError, suggest
from recbench.evaluation.referee import PROTOCOL
from recbench.evaluation.uncertainty import Paired, Value, paired
from recbench.results.section import RANKED_BY, Row, Section
from recbench.spec import Spec
from recbench.store.store import Store


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
    both have. dataset, split: as on the command line or as tables name them, by default all.

    Raises UsageError where there is nothing to compare.
    """
    a, b = str(Spec.parse(first)), str(Spec.parse(second))
    if a == b:
        raise UsageError(f"{first} and {second} are the same row; name two")
    stored = Store(results).all().of_protocol(PROTOCOL)
    found = []
    for section in stored.sections():
        if not _is(section, dataset, split):
            continue
        rows = {row.model: row for row in section.rows if row.ok}
        if a in rows and b in rows:
            shared = set.intersection(*(one.ks for m in (a, b) for one in rows[m].results))
            for metric in metrics:
                for k in sorted(shared if ks is None else shared & set(ks)):
                    found += _compared(section, metric, k, rows[a], rows[b])
    if not found:
        names = {one.model for one in stored if one.ok}
        lacking = next((one for one in (a, b) if one not in names), None)
        hint = "but there is none, with values of single users, for what was asked"
        if lacking:
            hint = f"{lacking!r} is not: {suggest(lacking, names)}"
        left = "".join(f"; left out: {one}" for one in stored.left_out)
        raise UsageError(
            f"nothing to compare: {a} and {b} must both be stored under {results} with one "
            f"dataset, split, metric and k, {hint}{left}. Run both: recbench run {a} {b}"
        )
    return found


def _is(section: Section, dataset: str | None, split: str | None) -> bool:
    """Whether a section is of this dataset and split, if one was named."""
    of = section.results[0].setting
    if split is not None and str(Spec.parse(split)) not in (of.split, section.setting.split):
        return False
    if dataset is None:
        return True
    spec = Spec.parse(dataset)
    paths = {str(spec), str(Spec(Path(spec.name).name, spec.options))}
    return bool({of.dataset, section.setting.dataset} & {dataset, *paths})


def _compared(section: Section, metric: str, k: int, first: Row, second: Row) -> list[Comparison]:
    """The comparison, or none for a metric that has no value a row."""
    a, b = first.per_row(metric, k), second.per_row(metric, k)
    if a is None or b is None:
        return []
    values = first.value(metric, k), second.value(metric, k)
    return [Comparison(section, metric, k, first, second, *values, paired(a, b, first.users))]
