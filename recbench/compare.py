"""Beside the flow: whether one stored model is better than another, on the same users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recbench.errors import UsageError, suggest
from recbench.evaluation.referee import PROTOCOL
from recbench.evaluation.uncertainty import PairedTest, Value, paired_test
from recbench.results.results import Results
from recbench.results.section import RANKED_BY, Row, Section
from recbench.spec import Spec
from recbench.store.store import Store


@dataclass(frozen=True)
class Comparison:
    """Two models in one section of the store, by one metric at one k.

    first_value, second_value: what each has, means over its seeds. paired: of first minus second,
    over the same users.
    """

    section: Section
    metric: str
    k: int
    first_row: Row
    second_row: Row
    first_value: Value
    second_value: Value
    paired: PairedTest


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
    names = str(Spec.parse(first)), str(Spec.parse(second))
    if names[0] == names[1]:
        raise UsageError(f"{first} and {second} are the same row; name two")
    stored = Store(results).all().of_protocol(PROTOCOL)
    comparisons = []
    for section in stored.sections():
        rows = {row.model: row for row in section.rows if row.ok}
        if _is_of(section, dataset, split) and rows.keys() >= set(names):
            first_row, second_row = (rows[name] for name in names)
            shared_ks = first_row.ks & second_row.ks
            for metric in metrics:
                for k in sorted(shared_ks if ks is None else shared_ks & set(ks)):
                    comparisons += _compared(section, metric, k, first_row, second_row)
    if not comparisons:
        raise _nothing_to_compare(names, stored, results)
    return comparisons


def _is_of(section: Section, dataset: str | None, split: str | None) -> bool:
    """Whether a section is of this dataset and split, if one was named."""
    setting = section.results[0].setting  # the section's may have a hash behind its names
    if split is not None and str(Spec.parse(split)) not in (setting.split, section.setting.split):
        return False
    if dataset is None:
        return True
    spec = Spec.parse(dataset)
    named = {dataset, str(spec), str(Spec(Path(spec.name).name, spec.options))}
    return bool({setting.dataset, section.setting.dataset} & named)


def _compared(section: Section, metric: str, k: int, first: Row, second: Row) -> list[Comparison]:
    """The comparison, or none for a metric that has no value a case."""
    cases = first.per_case(metric, k), second.per_case(metric, k)
    if cases[0] is None or cases[1] is None:
        return []
    values = first.value(metric, k), second.value(metric, k)
    paired = paired_test(cases[0], cases[1], first.users)
    return [Comparison(section, metric, k, first, second, *values, paired)]


def _nothing_to_compare(names: tuple[str, str], stored: Results, folder: str | Path) -> UsageError:
    """What is missing, and the command that makes it."""
    first, second = names
    known = {result.model for result in stored if result.ok}
    lacking = next((name for name in names if name not in known), None)
    hint = "but there is none, with values of single users, for what was asked"
    if lacking:
        hint = f"{lacking!r} is not: {suggest(lacking, known)}"
    left_out = "".join(f"; left out: {reason}" for reason in stored.left_out)
    return UsageError(
        f"nothing to compare: {first} and {second} must both be stored under {folder} with one "
        f"dataset, split, metric and k, {hint}{left_out}. Run both: recbench run {first} {second}"
    )
