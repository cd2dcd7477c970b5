"""Step 6, results: all values as a tidy table, one row per model, seed, metric and cut-off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from recbench.errors import printable
from recbench.evaluation.uncertainty import Value
from recbench.results.result import Result, metric_and_k
from recbench.results.section import Section

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
"""Columns of `Results.to_frame`. value: mean over cases; stderr, low, high: its standard error and
its 95% interval, both over users; p: p-value of the difference from the best model of the table,
over all seeds; fit_seconds; score_seconds: per case; peak_memory: bytes; parameters; remark: a
warning, if any."""

GROUP_COLUMNS = (
    *("by", "group", "cases", "versus", "difference", "difference_low", "difference_high"),
)
"""Further columns if results are broken down by groups."""

WHOLE = ("seed", "peak_memory", "parameters")
"""The columns of whole numbers that may be missing."""


def frame_of(sections: Sequence[Section], *, with_groups: bool) -> pd.DataFrame:
    """Return the values of all sections. with_groups: whether to add rows for groups."""
    import pandas as pd

    of_all = {"by": "", "group": "", "versus": ""}
    rows: list[dict[str, Any]] = []
    for section in sections:
        n_cases = {**of_all, "cases": section.setting.n_cases} if with_groups else {}
        rows += [{**row, **n_cases} for row in _rows(section)]
        rows += _group_rows(section) if with_groups else ()
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *(GROUP_COLUMNS if with_groups else ())])
    for name in WHOLE:  # exact also beside missing numbers
        frame[name] = pd.array([row.get(name) for row in rows], dtype="Int64")
    whole = dict.fromkeys(("k", "users", *(("cases",) if with_groups else ())), "int64")
    numbers = ("p", "value", "stderr", "low", "high", "fit_seconds", "score_seconds")
    return frame.astype({**whole, **dict.fromkeys(numbers, "float64")})


def _rows(section: Section) -> Iterator[dict[str, Any]]:
    """Yield a row for each result, metric and cut-off."""
    setting, p_of_best = section.setting, dict[tuple[str, int], dict[str, float]]()
    for result in section.results:
        costs = {
            "fit_seconds": result.fit_seconds,
            "score_seconds": result.score_seconds / max(1, setting.n_cases),
            "peak_memory": _int64(result.peak_memory),
            "parameters": _int64(result.parameters),
        }
        for metric, k, value in _in_order(result.values):
            if (metric, k) not in p_of_best:
                p_of_best[metric, k] = section.p_of_best(metric, k)
            yield {
                **_texts(section, result),
                "seed": _int64(result.seed),
                "users": setting.n_judged_users,
                "metric": printable(metric),
                "k": k,
                **_value(value),
                "p": p_of_best[metric, k].get(result.model),
                **costs,
            }


def _group_rows(section: Section) -> Iterator[dict[str, Any]]:
    """Yield a row for each value in a group. Costs are those of the whole model, not of groups."""
    results = {row.model: row.results for row in section.rows}
    for k in section.ks:
        for each in section.by_group(k):
            of_model = results[each.model]
            yield {
                **_texts(section, of_model[0]),
                "seed": None if len(of_model) > 1 else _int64(of_model[0].seed),
                "users": each.users,
                "metric": printable(each.metric),
                "k": k,
                **_value(each.value),
                "by": printable(each.by),
                "group": printable(each.group),
                "cases": each.cases,
                "versus": printable(each.versus),
                "difference": each.difference,
                "difference_low": each.low,
                "difference_high": each.high,
            }


def _texts(section: Section, result: Result) -> dict[str, str]:
    texts = {
        "model": result.model,
        "dataset": section.setting.dataset,
        "split": section.setting.split,
        "status": result.status,
        "remark": _remark(section, result),
    }
    return {name: printable(text) for name, text in texts.items()}


def _value(value: Value) -> dict[str, float]:
    return {"value": value.mean, "stderr": value.stderr, "low": value.low, "high": value.high}


def _in_order(values: Mapping[str, Value]) -> list[tuple[str, int, Value]]:
    """Return metric, k and value, by name and k, whatever was measured first."""
    return sorted((*metric_and_k(key), value) for key, value in values.items())


def _int64(number: int | None) -> int | None:
    """Return the number, or None if a column of integers cannot hold it."""
    return number if number is None or -(2**63) <= number < 2**63 else None


def _remark(section: Section, result: Result) -> str:
    remarks = [] if result.tuned is None else [str(result.tuned)]
    if section.setting.candidates:
        remarks.append(f"sampled: {section.setting.candidates} candidates")
    if result.model in section.not_above_floor:
        remarks.append("not better than popular")
    return "; ".join(remarks)
