"""Beside the flow: what comparing, checking, verifying and inspecting say, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recbench.cli.text import grid, paragraph, without_empty
from recbench.compare import Comparison
from recbench.data.dataset import Dataset
from recbench.inspect_user import UserInspection
from recbench.results.result import Result
from recbench.selfcheck import Check
from recbench.verify import Number, Verified

SHOWN = 20
"""How many of the history's last items `inspection` shows."""


def comparison(found: Sequence[Comparison]) -> str:
    """For each dataset, split and metric what the two models have, and how they differ."""
    parts = []
    for section in dict.fromkeys(one.section for one in found):
        of = [one for one in found if one.section is section]
        first, second = of[0].first, of[0].second
        parts.append(paragraph(section.title))
        for metric in dict.fromkeys(one.metric for one in of):
            columns = {
                f"{one.metric}@{one.k}": _compared(one) for one in of if one.metric == metric
            }
            labels = next(iter(columns.values()))
            rows = [
                {"": label, **{name: column[label] for name, column in columns.items()}}
                for label in labels
            ]
            parts.append(grid(rows).rstrip())
        means = [
            f" {row.model} is a mean over {len(row.seeds)} seeds."
            for row in (first, second)
            if row.seeds[1:]
        ]
        parts.append(
            paragraph(
                f"Difference: {first.model} minus {second.model}, on the same users; the 95% "
                "interval is a bootstrap over users, p of a two-sided paired t-test over users."
                + "".join(means)
            )
        )
    return "\n\n".join(parts) + "\n"


def _compared(one: Comparison) -> dict[str, str]:
    a, b, paired = one.first.model, one.second.model, one.paired
    return {
        a: f"{one.a.mean:.4f}",
        b: f"{one.b.mean:.4f}",
        "difference": f"{paired.difference:+.4f}",
        "95% interval": f"[{paired.low:+.4f}, {paired.high:+.4f}]",
        "p": f"{paired.p:.2g}",
        f"users better off with {a}": f"{paired.first:,}",
        f"users better off with {b}": f"{paired.second:,}",
        "users as well off with either": f"{paired.neither:,}",
    }


def checks(found: Sequence[Check]) -> str:
    """What was wanted and what was got, line by line."""
    rows = [
        {
            "check": one.name,
            "wanted": one.expected,
            "got": one.actual,
            "": "ok" if one.holds else "WRONG",
        }
        for one in found
    ]
    wrong = sum(not one.holds for one in found)
    legend = paragraph(
        "Shuffled targets: ± is how far chance alone goes in all but one of 10,000 cases, by "
        "Bernstein's inequality; all else is exact."
    )
    return f"{grid(rows)}\n{legend}\n\n{len(found)} checks, {wrong or 'none'} wrong\n"


def verification(found: Sequence[Verified], every: bool = False) -> str:
    """For each cell the number that is furthest off and its bound, or every number and bound."""
    titles = [_title(one) for one in found]
    parts = []
    for title in dict.fromkeys(titles):
        of = [one for one, its in zip(found, titles, strict=True) if its == title]
        rows = []
        for one in of:
            shown: list[Number | None] = [*one.numbers] if every else [one.furthest]
            rows += [_verified(one, number) for number in shown or [None]]
        parts += [title, grid(without_empty(rows)).rstrip()]
        remarks = [paragraph(f"{_of(one)}: {one.reason}.") for one in of if one.reason]
        parts += ["\n".join(remarks)] if remarks else []
    wrong = sum(not one.holds for one in found)
    numbers = sum(len(one.numbers) for one in found)
    parts.append(f"{len(found)} cells with {numbers:,} numbers, {wrong or 'none'} not the same")
    return "\n\n".join(parts) + "\n"


def _title(one: Verified) -> str:
    if one.result is None:
        return "Not to be trusted"
    of = one.result.setting
    sample = [f"candidates {of.candidates}"] if of.candidates else []
    return ", ".join([of.dataset, of.split, *sample])


def _of(one: Verified) -> str:
    return str(one.path) if one.result is None else _called(one.result)


def _verified(one: Verified, number: Number | None) -> dict[str, str]:
    """A line about one number of a cell, None where there is none."""
    holds = one.holds if number is None else number.holds
    line = {
        "model": _of(one),
        "": "same" if holds else "DIFFERS" if number else "NOT RUN" if one.result else "DAMAGED",
        "numbers": str(len(one.numbers) or ""),
    }
    if number is None:
        return {**line, **dict.fromkeys(("furthest", "stored", "now", "off", "bound"), "")}
    return {
        **line,
        "furthest": number.name,
        "stored": f"{number.stored:.6f}",
        "now": f"{number.now:.6f}",
        "off": f"{number.off:.1e}",
        "bound": f"{number.bound:.1e}",
    }


def inspection(found: Sequence[UserInspection]) -> str:
    """The history, what was held out, and the rank and first items that each model gave it."""
    parts = []
    for number, one in enumerate(found, 1):
        shown = _items(one.dataset, one.history, "place")[-SHOWN:]
        of = f"the last {len(shown)} of {len(one.history)}" if len(one.history) > SHOWN else "all"
        which = f", row {number} of {len(found)}" if len(found) > 1 else ""
        history = f"History of user {one.user} in {one.title}{which}, oldest first, {of}"
        parts += [paragraph(history), grid(without_empty(shown)).rstrip()]
        if len(one.targets) > 1 and one.opinions:
            parts += ["Held out, and its rank by model", grid(without_empty(_by_target(one)))]
        else:
            held = [_named(one.dataset, int(item)) for item in one.targets]
            parts += ["Held out", grid(without_empty(held))]
            ranks = [
                {
                    "model": opinion.result.model,
                    "seed": "" if opinion.result.seed is None else str(opinion.result.seed),
                    f"rank of {held[0]['item']}": _rank(opinion.above[0], opinion.tied[0], one),
                }
                for opinion in one.opinions
            ]
            parts += ["Where the models have it", grid(without_empty(ranks))] if ranks else []
        for opinion in one.opinions:
            best = _items(one.dataset, opinion.best, "rank")
            for row, item in zip(best, opinion.best, strict=True):
                row["held out"] = "<" if item in one.targets else ""
            listed = grid(without_empty(best)) or "(no list was kept)"
            parts += [_called(opinion.result), listed]
        if not one.opinions:
            parts.append(
                "No model is stored for this dataset and split; recbench run NAME adds one."
            )
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _called(of: Result) -> str:
    return of.model if of.seed is None else f"{of.model}, seed {of.seed}"


def _by_target(one: UserInspection) -> list[dict[str, str]]:
    """A line a target, a column a model."""
    return [
        {
            **_named(one.dataset, int(item)),
            **{
                _called(opinion.result): _rank(opinion.above[nth], opinion.tied[nth], one)
                for opinion in one.opinions
            },
        }
        for nth, item in enumerate(one.targets)
    ]


def _items(dataset: Dataset, items: Any, what: str) -> list[dict[str, Any]]:
    """Numbered items with their names."""
    return [{what: i, **_named(dataset, int(item))} for i, item in enumerate(items, 1)]


def _named(dataset: Dataset, item: int) -> dict[str, str]:
    return {"item": str(dataset.item_ids[item]), "title": dataset.title(item)}


def _rank(above: int, tied: int, one: UserInspection) -> str:
    """The rank, or the ranks that a tie may take."""
    if above >= one.dataset.interactions.n_items:
        return "not listed"
    return f"{above + 1:,}" if tied == 1 else f"{above + 1:,} to {above + tied:,}"
