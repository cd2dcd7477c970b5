"""The command line, reports: comparisons, checks and inspections as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from recbench.text import draw_rows, draw_table, wrap_text
from recbench.compare import Comparison
from recbench.data.interactions import Array
from recbench.inspect_user import StoredRanking, UserInspection
from recbench.results.footer import sentence
from recbench.results.result import metric_label
from recbench.selfcheck import Check
from recbench.verify import CellCheck, NumberCheck

N_LAST = 20
"""How many of the history's last items `inspection` shows."""


def comparison(comparisons: Sequence[Comparison]) -> str:
    """Show both models and their difference, for each dataset, split, metric and cut-off."""
    parts = []
    for section in dict.fromkeys(each.section for each in comparisons):
        of_section = [each for each in comparisons if each.section is section]
        parts.append(wrap_text(section.title))
        for metric in dict.fromkeys(each.metric for each in of_section):
            columns = {
                metric_label(metric, each.k): _compared(each)
                for each in of_section
                if each.metric == metric
            }
            labels = list(next(iter(columns.values())))
            numbers = {head: list(column.values()) for head, column in columns.items()}
            parts.append(draw_table({"": labels}, numbers))
        first, second = of_section[0].first_row, of_section[0].second_row
        means = [
            f" {row.model} is the mean of {len(row.seeds)} seeds."
            for row in (first, second)
            if row.seeds[1:]
        ]
        parts.append(
            wrap_text(
                f"Difference: {first.model} minus {second.model}, on the same users. Interval: "
                "bootstrap over users. p: two-sided paired t-test over users." + "".join(means)
            )
        )
    return _paragraphs(parts)


def _compared(comparison: Comparison) -> dict[str, str]:
    first, second = comparison.first_row.model, comparison.second_row.model
    paired = comparison.paired
    return {
        first: f"{comparison.first_value.mean:.4f}",
        second: f"{comparison.second_value.mean:.4f}",
        "difference": f"{paired.difference:+.4f}",
        "95% interval": f"[{paired.low:+.4f}, {paired.high:+.4f}]",
        "p": f"{paired.p:.2g}",
        f"users for whom {first} is better": f"{paired.wins:,}",
        f"users for whom {second} is better": f"{paired.losses:,}",
        "users without a difference": f"{paired.ties:,}",
    }


def selfcheck(checks: Sequence[Check]) -> str:
    """Show the expected and the actual value of each check."""
    rows = [
        {
            "check": check.name,
            "expected": check.expected,
            "actual": check.actual,
            "": "ok" if check.holds else "WRONG",
        }
        for check in checks
    ]
    n_wrong = sum(not check.holds for check in checks)
    legend = wrap_text(
        "Shuffled targets: by chance, a deviation of more than ± occurs in at most one of 10,000 "
        "checks (Bernstein's inequality). All other expected values are exact."
    )
    count = f"{len(checks)} checks, {n_wrong or 'none'} wrong."
    return _paragraphs([draw_rows(rows), legend, count])


def verification(checks: Sequence[CellCheck], every: bool = False) -> str:
    """Show, for each result, the number that differs most and its bound, or every number."""
    parts = []
    for title in dict.fromkeys(map(_title, checks)):
        in_section = [check for check in checks if _title(check) == title]
        rows = [row for check in in_section for row in _verified(check, every)]
        parts += [title, draw_rows(rows, numbers=("stored", "now", "difference", "bound"))]
        remarks = [
            wrap_text(sentence(f"{_label(check)}: {check.reason}"))
            for check in in_section
            if check.reason
        ]
        parts.append("\n".join(remarks))
    n_wrong = sum(not check.holds for check in checks)
    n_numbers = sum(len(check.numbers) for check in checks)
    results = "1 result" if len(checks) == 1 else f"{len(checks)} results"
    differ = f"{n_wrong} not reproduced" if n_wrong else "all reproduced"
    count = f"{results} with {n_numbers:,} numbers: {differ}."
    return _paragraphs([*parts, count])


def _title(check: CellCheck) -> str:
    if check.result is None:
        return "Damaged files"
    setting = check.result.setting
    sample = [f"candidates {setting.candidates}"] if setting.candidates else []
    return ", ".join([setting.dataset, setting.split, *sample])


def _label(check: CellCheck) -> str:
    return str(check.path) if check.result is None else check.result.label


def _verified(check: CellCheck, every: bool) -> list[dict[str, str]]:
    """Return one row per number, or only one for the number that differs most.

    A result without numbers gets one row with empty columns.
    """
    numbers: list[NumberCheck | None] = [*check.numbers] if every else [check.furthest]
    return [_verified_number(check, number) for number in numbers or [None]]


def _metric(name: str) -> str:
    """Return `NDCG@10` for `ndcg@10`, and other names, such as those of costs, unchanged."""
    metric, at, rest = name.partition("@")
    k, _, bound = rest.partition(" ")
    return f"{metric_label(metric, int(k))} {bound}".strip() if at and k.isdigit() else name


def _verified_number(check: CellCheck, number: NumberCheck | None) -> dict[str, str]:
    if number is None:
        status = "NOT RUN" if check.result else "DAMAGED"
        facts = dict.fromkeys(("metric", "stored", "now", "difference", "bound"), "")
    else:
        status = "same" if number.holds else "DIFFERS"
        facts = {
            "metric": _metric(number.name),
            "stored": f"{number.stored:.6f}",
            "now": f"{number.now:.6f}",
            "difference": f"{number.off:.1e}",
            "bound": f"{number.bound:.1e}",
        }
    n_numbers = str(len(check.numbers) or "")
    return {"model": _label(check), "": status, "numbers": n_numbers, **facts}


def inspection(cases: Sequence[UserInspection]) -> str:
    """Show the history, the targets, and the ranks and first items of each model."""
    parts = []
    for number, case in enumerate(cases, 1):
        n_items = len(case.history)
        some = f" (last {N_LAST} of {n_items:,})" if n_items > N_LAST else ""
        which = f", case {number} of {len(cases)}" if len(cases) > 1 else ""
        parts += [
            wrap_text(f"History of user {case.user} in {case.title}{which}, oldest first{some}"),
            draw_rows(_numbered(case, case.history, "place")[-N_LAST:]),
            *_held_out(case),
        ]
        for ranking in case.rankings:
            rows = _numbered(case, ranking.top_items, "rank")
            for row, item in zip(rows, ranking.top_items, strict=True):
                row["held out"] = "<" if item in case.targets else ""
            parts += [ranking.result.label, draw_rows(rows) or "(no list is stored)"]
        if not case.rankings:
            parts.append(
                "No results are stored for this dataset and split. Add one with: recbench run MODEL"
            )
    return _paragraphs(parts)


def _held_out(case: UserInspection) -> list[str]:
    """Return targets and ranks: one row per model for one target, else one column per model."""
    targets = [_item(case, item) for item in case.targets]
    if len(targets) == 1 or not case.rankings:
        by_model = [
            {
                "model": ranking.result.model,
                "seed": "" if ranking.result.seed is None else str(ranking.result.seed),
                f"rank of {targets[0]['item']}": _rank(case, ranking, 0),
            }
            for ranking in case.rankings
        ]
        ranks = ["Its rank by model", draw_rows(by_model)] if by_model else []
        heading = "Held-out item" if len(targets) == 1 else "Held-out items"
        return [heading, draw_rows(targets), *ranks]
    labels = [ranking.result.label for ranking in case.rankings]
    rows = [
        {
            **target,
            **{ranking.result.label: _rank(case, ranking, nth) for ranking in case.rankings},
        }
        for nth, target in enumerate(targets)
    ]
    return ["Held-out items, with their rank by model", draw_rows(rows, numbers=labels)]


def _numbered(case: UserInspection, items: Array, head: str) -> list[dict[str, Any]]:
    """One row per item, numbered from 1."""
    return [{head: number, **_item(case, item)} for number, item in enumerate(items, 1)]


def _item(case: UserInspection, item: int) -> dict[str, str]:
    if item < 0:
        return {"item": "(not in the dataset)", "title": ""}
    return {"item": str(case.dataset.item_ids[item]), "title": case.dataset.title(int(item))}


def _rank(case: UserInspection, ranking: StoredRanking, target: int) -> str:
    """The rank of a target, or the range of ranks if it is tied."""
    above, tied = int(ranking.above[target]), int(ranking.tied[target])
    if above >= case.dataset.interactions.n_items:
        return "not listed"
    return f"{above + 1:,}" if tied == 1 else f"{above + 1:,} to {above + tied:,}"


def _paragraphs(parts: Iterable[str]) -> str:
    """The parts that are not empty, separated by empty lines."""
    return "\n\n".join(filter(None, parts)) + "\n"
