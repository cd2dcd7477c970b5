"""Tuning: how much better the tuned options are than the default ones on the test targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recbench.errors import printable
from recbench.evaluation.uncertainty import PairedTest, Value, holm_correction, paired_test
from recbench.report.report import Block, Table
from recbench.results.result import metric_and_k, metric_label
from recbench.results.results import Results
from recbench.results.section import RANKED_BY
from recbench.tuning.study import Study


@dataclass(frozen=True)
class Gain:
    """What tuning has gained for one model: both values, and the paired test of their difference.

    p of `paired` is corrected for the number of models (Holm).
    """

    model: str
    metric: str
    k: int
    default: Value
    tuned: Value
    paired: PairedTest


def gains_of(studies: Sequence[Study], results: Results) -> list[Gain]:
    """Return the gains of the models whose best options are not the default ones.

    results: those of the default and of the best options. Gains are those of the metric that the
    models were tuned by or, if it has no value per case, of the one that tables are sorted by.
    """
    found = []
    (section,) = results.sections()
    rows = {row.model: row for row in section.rows if row.ok}
    for study in studies:
        default = rows.get(study.model)
        tuned = None if study.best is None else rows.get(study.best.model)
        if default is None or tuned is None or default is tuned:
            continue
        metric, k = metric_and_k(study.metric)
        first, second = tuned.per_case(metric, k), default.per_case(metric, k)
        if first is None or second is None:
            metric = RANKED_BY
            first, second = tuned.per_case(metric, k), default.per_case(metric, k)
        if first is None or second is None:
            continue
        paired = paired_test(first, second, tuned.users)
        values = default.value(metric, k), tuned.value(metric, k)
        found.append(Gain(study.model, metric, k, *values, paired))
    corrected = holm_correction(np.array([gain.paired.p for gain in found]))
    return [
        dataclasses.replace(gain, paired=dataclasses.replace(gain.paired, p=float(p)))
        for gain, p in zip(found, corrected, strict=True)
    ]


def gain_blocks(gains: Sequence[Gain], studies: Sequence[Study]) -> Iterator[Block]:
    """Yield the table of gains, what its columns mean, and which models cannot be in it.

    studies: of all models.
    """
    rows = [
        {
            "model": printable(gain.model),
            f"{metric_label(gain.metric, gain.k)} default": f"{gain.default.mean:.4f}",
            f"{metric_label(gain.metric, gain.k)} tuned": f"{gain.tuned.mean:.4f}",
            "difference": f"{gain.paired.difference:+.4f}",
            "95% interval": f"[{gain.paired.low:+.4f}, {gain.paired.high:+.4f}]",
            "p": f"{gain.paired.p:.2g}",
        }
        for gain in gains
    ]
    numbers = [heading for heading in (rows[0] if rows else ()) if heading != "model"]
    yield Table(rows, numbers, "What tuning gained on the test targets")
    compared = {gain.model for gain in gains}
    unknown = [
        study.model
        for study in studies
        if study.model not in compared and (study.best is None or study.best.number)
    ]
    said = []
    if rows:
        said.append(
            "Difference: tuned minus default options, on the same users. Interval: bootstrap over "
            "users. p: two-sided paired t-test over users, Holm-corrected over the models."
        )
    elif len(unknown) < len(studies):
        others = " of the other models" if unknown else ""
        said.append(f"No trial{others} was better than the default options of its model.")
    if unknown:
        names = ", ".join(map(printable, unknown))
        said.append(f"Not compared, because the default or the best options failed: {names}.")
    yield " ".join(said)
