"""The command line, reports: what comparing, checking, verifying and inspecting say, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from recbench.cli.text import draw_rows, draw_table, wrap_text
from recbench.compare import Comparison
from recbench.data.interactions import Array
from recbench.inspect_user import StoredRanking, UserInspection
from recbench.selfcheck import Check
from recbench.verify import CellCheck, NumberCheck

N_LAST = 20
"""How many of the history's last items `inspection` shows."""


def comparison(comparisons: Sequence[Comparison]) -> str:
    """For each dataset, split and metric what the two models have, and how they differ."""
    parts = []
    for section in dict.fromkeys(each.section for each in comparisons):
        of_section = [each for each in comparisons if each.section is section]
        parts.append(wrap_text(section.title))
        for metric in dict.fromkeys(each.metric for each in of_section):
            columns = {
                f"{metric}@{each.k}": _compared(each)
                for each in of_section
                if each.metric == metric
            }
            labels = list(next(iter(columns.values())))
            numbers = {head: list(column.values()) for head, column in columns.items()}
            parts.append(draw_table({"": labels}, numbers))
        first, second = of_section[0].first_row, of_section[0].second_row
        means = [
            f" {row.model} is a mean over {len(row.seeds)} seeds."
            for row in (first, second)
            if row.seeds[1:]
        ]
        parts.append(
            wrap_text(
                f"Difference: {first.model} minus {second.model}, on the same users; the 95% "
                "interval is a bootstrap over users, p of a two-sided paired t-test over users."
                + "".join(means)
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
        f"users better off with {first}": f"{paired.wins:,}",
        f"users better off with {second}": f"{paired.losses:,}",
        "users as well off with either": f"{paired.ties:,}",
    }


def selfcheck(checks: Sequence[Check]) -> str:
    """What was wanted and what was got, line by line."""
    rows = [
        {
            "check": check.name,
            "wanted": check.expected,
            "got": check.actual,
            "": "ok" if check.holds else "WRONG",
        }
        for check in checks
    ]
    n_wrong = sum(not check.holds for check in checks)
    legend = wrap_text(
        "Shuffled targets: ± is how far chance alone goes in all but one of 10,000 cases, by "
        "Bernstein's inequality; all else is exact."
    )
    count = f"{len(checks)} checks, {n_wrong or 'none'} wrong"
    return _paragraphs([draw_rows(rows), legend, count])


def verification(checks: Sequence[CellCheck], every: bool = False) -> str:
    """For each cell the number that is furthest off and its bound, or every number and bound."""
    parts = []
    for title in dict.fromkeys(map(_title, checks)):
        in_section = [check for check in checks if _title(check) == title]
        rows = [row for check in in_section for row in _verified(check, every)]
        parts += [title, draw_rows(rows, numbers=("stored", "now", "off", "bound"))]
        remarks = [
            wrap_text(f"{_label(check)}: {check.reason}.") for check in in_section if check.reason
        ]
        parts.append("\n".join(remarks))
    n_wrong = sum(not check.holds for check in checks)
    n_numbers = sum(len(check.numbers) for check in checks)
    count = f"{len(checks)} cells with {n_numbers:,} numbers, {n_wrong or 'none'} not the same"
    return _paragraphs([*parts, count])


def _title(check: CellCheck) -> str:
    if check.result is None:
        return "Not to be trusted"
    setting = check.result.setting
    sample = [f"candidates {setting.candidates}"] if setting.candidates else []
    return ", ".join([setting.dataset, setting.split, *sample])


def _label(check: CellCheck) -> str:
    return str(check.path) if check.result is None else check.result.label


def _verified(check: CellCheck, every: bool) -> list[dict[str, str]]:
    """A row for each number of a cell or the furthest off, one without a number if there is none.

    The columns of a row are empty where there is nothing to say.
    """
    numbers: list[NumberCheck | None] = [*check.numbers] if every else [check.furthest]
    return [_verified_number(check, number) for number in numbers or [None]]


def _verified_number(check: CellCheck, number: NumberCheck | None) -> dict[str, str]:
    if number is None:
        status = "NOT RUN" if check.result else "DAMAGED"
        facts = dict.fromkeys(("furthest", "stored", "now", "off", "bound"), "")
    else:
        status = "same" if number.holds else "DIFFERS"
        facts = {
            "furthest": number.name,
            "stored": f"{number.stored:.6f}",
            "now": f"{number.now:.6f}",
            "off": f"{number.off:.1e}",
            "bound": f"{number.bound:.1e}",
        }
    n_numbers = str(len(check.numbers) or "")
    return {"model": _label(check), "": status, "numbers": n_numbers, **facts}


def inspection(cases: Sequence[UserInspection]) -> str:
    """The history, what was held out, and the rank and first items that each model gave it."""
    parts = []
    for number, case in enumerate(cases, 1):
        n_items = len(case.history)
        some = f"the last {N_LAST} of {n_items}" if n_items > N_LAST else "all"
        which = f", row {number} of {len(cases)}" if len(cases) > 1 else ""
        parts += [
            wrap_text(f"History of user {case.user} in {case.title}{which}, oldest first, {some}"),
            draw_rows(_numbered(case, case.history, "place")[-N_LAST:]),
            *_held_out(case),
        ]
        for ranking in case.rankings:
            rows = _numbered(case, ranking.top_items, "rank")
            for row, item in zip(rows, ranking.top_items, strict=True):
                row["held out"] = "<" if item in case.targets else ""
            parts += [ranking.result.label, draw_rows(rows) or "(no list was kept)"]
        if not case.rankings:
            parts.append(
                "No model is stored for this dataset and split; recbench run NAME adds one."
            )
    return _paragraphs(parts)


def _held_out(case: UserInspection) -> list[str]:
    """The targets, and where the models have them: a row a model for one target, else a column."""
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
        ranks = ["Where the models have it", draw_rows(by_model)] if by_model else []
        return ["Held out", draw_rows(targets), *ranks]
    labels = [ranking.result.label for ranking in case.rankings]
    rows = [
        {
            **target,
            **{ranking.result.label: _rank(case, ranking, nth) for ranking in case.rankings},
        }
        for nth, target in enumerate(targets)
    ]
    return ["Held out, and its rank by model", draw_rows(rows, numbers=labels)]


def _numbered(case: UserInspection, items: Array, head: str) -> list[dict[str, Any]]:
    """A row an item with its number."""
    return [{head: number, **_item(case, item)} for number, item in enumerate(items, 1)]


def _item(case: UserInspection, item: int) -> dict[str, str]:
    return {"item": str(case.dataset.item_ids[item]), "title": case.dataset.title(int(item))}


def _rank(case: UserInspection, ranking: StoredRanking, target: int) -> str:
    """The rank of a target, or the ranks that a tie may take."""
    above, tied = int(ranking.above[target]), int(ranking.tied[target])
    if above >= case.dataset.interactions.n_items:
        return "not listed"
    return f"{above + 1:,}" if tied == 1 else f"{above + 1:,} to {above + tied:,}"


def _paragraphs(parts: Iterable[str]) -> str:
    """The parts that are not empty, with a line between them."""
    return "\n\n".join(filter(None, parts)) + "\n"
