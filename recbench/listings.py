"""Beside the flow: what the command line's listings say, as text."""

from __future__ import annotations

import functools
import inspect
import math
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from .compare import Comparison
from .dataset import Dataset, factory_facts
from .inspection import Inspection
from .plugins import Offer, Plugins
from .recommend import Recommendation
from .selfcheck import Check
from .spec import parameters
from .verify import Verified

LAST = 5
"""How many of the user's last items `recommendation` shows."""

SHOWN = 20
"""How many of the history's last items `inspection` shows."""


def offers(plugins: Plugins, kind: str, data_dir: str | None = None) -> str:
    """Name, summary and plugin of all offers of a kind; of datasets size, licence and presence."""
    rows = []
    for one in plugins.offers(kind):
        row = {"name": one.name, "summary": one.summary}
        if kind == "datasets":
            facts = factory_facts(one.factory, data_dir)
            row = {"name": one.name, "size": facts.pop("size") or one.summary, **facts}
        rows.append({**row, "plugin": one.plugin})
    return _columns(rows)


def offer(one: Offer) -> str:
    """All about one offer: its docstring and its options with their defaults."""
    known, _ = parameters(one.factory)
    lines = [
        f"{one.what} (plugin {one.plugin} {one.version})",
        "",
        inspect.getdoc(one.factory) or "",
    ]
    if one.kind in ("models", "datasets", "splitters") and known:
        signature = inspect.signature(one.factory).parameters
        lines += ["", "options:"]
        for key in known:
            default = signature[key].default
            needed = default is inspect.Parameter.empty
            lines.append(f"  {key}=... (needed)" if needed else f"  {key}={default}")
    return "\n".join(lines) + "\n"


def plugins(installed: Plugins) -> str:
    """Name, version and what each plugin gives, or why it is broken."""
    rows = [
        {
            "plugin": info.name,
            "version": info.version,
            "gives": f"BROKEN: {info.broken}" if info.broken else _gives(info.gives),
        }
        for info in installed.infos.values()
    ]
    return _columns(rows)


def plugins_as_json(installed: Plugins) -> list[dict[str, Any]]:
    """The same for programs; `broken` is null where all is well."""
    return [
        {
            "name": info.name,
            "version": info.version,
            "gives": info.gives,
            "broken": info.broken or None,
        }
        for info in installed.infos.values()
    ]


def recommendation(found: Recommendation) -> str:
    """The last items that the model was shown, and what it recommends after them."""
    history = found.history_frame()
    shown = history.tail(LAST).to_dict("records")
    of = f"the last {len(shown)} of {len(history)} items" if len(history) > LAST else "the items"
    best = found.to_frame()
    best["score"] = best["score"].map("{:.4g}".format, na_action="ignore").fillna("")
    return (
        f"{of[:1].upper()}{of[1:]} of {found.who} in {found.dataset.name}, oldest first\n\n"
        f"{_columns(_without_empty(shown))}\n"
        f"{len(best)} recommendations by {found.origin}\n\n"
        f"{_columns(_without_empty(best.to_dict('records')))}"
    )


def comparison(found: Sequence[Comparison]) -> str:
    """For each dataset and split what the two models have, and how they differ."""
    parts = []
    for title in dict.fromkeys(one.section.title for one in found):
        of = [one for one in found if one.section.title == title]
        first, second = of[0].first, of[0].second
        rows = [
            {
                "": f"{one.metric}@{one.k}",
                first.model: f"{one.a.mean:.4f}",
                second.model: f"{one.b.mean:.4f}",
                "difference": f"{one.paired.difference:+.4f}",
                "95% interval": f"[{one.paired.low:+.4f}, {one.paired.high:+.4f}]",
                "p": f"{one.paired.p:.2g}",
                f"better with {first.model}": f"{one.paired.first:,}",
                f"with {second.model}": f"{one.paired.second:,}",
                "neither": f"{one.paired.neither:,}",
            }
            for one in of
        ]
        seeds = [
            f"{row.model} over {len(row.seeds)} seeds" for row in (first, second) if row.seeds[1:]
        ]
        parts.append(
            f"{title}\n\n{_columns(rows)}\nDifference: {first.model} minus {second.model}, on the "
            "same users; its interval is a bootstrap over users, p is of a two-sided paired t-test "
            "over users, the last three columns count users."
            + (f" Means: {', '.join(seeds)}." if seeds else "")
        )
    return "\n\n".join(parts) + "\n"


def checks(found: Sequence[Check]) -> str:
    """What was wanted and what was got, line by line."""
    rows = [
        {"check": one.name, "wanted": one.wanted, "got": one.got, "": "ok" if one.holds else "WRONG"}
        for one in found
    ]
    wrong = sum(not one.holds for one in found)
    return f"{_columns(rows)}\n{len(found)} checks, {wrong or 'none'} wrong\n"


def verification(found: Sequence[Verified]) -> str:
    """For each cell the number that is furthest off, and the bound it was held to."""
    rows = []
    for one in found:
        name, old, new, bound = one.worst or ("", math.nan, math.nan, math.nan)
        rows.append(
            {
                "model": one.result.model,
                "seed": "" if one.result.seed is None else str(one.result.seed),
                "dataset": one.result.setting.dataset,
                "split": one.result.setting.split,
                "": "same" if one.holds else "DIFFERS" if one.worst else "NOT RUN",
                "numbers": str(one.compared),
                "furthest": name,
                "stored": f"{old:.6f}" if one.worst else "",
                "now": f"{new:.6f}" if one.worst else "",
                "bound": f"{bound:.1e}" if one.worst else "",
                "remark": one.reason,
            }
        )
    wrong = sum(not one.holds for one in found)
    return f"{_columns(_without_empty(rows))}\n{len(found)} cells, {wrong or 'none'} not the same\n"


def inspection(found: Sequence[Inspection]) -> str:
    """The history, what was held out, and the rank and first items that each model gave it."""
    parts = []
    for one in found:
        named = functools.partial(_named, one.dataset)
        shown = one.history[-SHOWN:]
        of = f"the last {len(shown)} of {len(one.history)}" if len(one.history) > SHOWN else "all"
        history = [{"place": i, **named(item)} for i, item in _numbered(one.history)][-SHOWN:]
        ranks = [
            {
                "model": opinion.result.model,
                "seed": "" if opinion.result.seed is None else str(opinion.result.seed),
                **{
                    f"rank of {one.dataset.item_ids[target]}": _rank(above, tied, one.dataset)
                    for target, above, tied in zip(
                        one.targets, opinion.above, opinion.tied, strict=True
                    )
                },
            }
            for opinion in one.opinions
        ]
        lists = [
            f"{opinion.result.model}{'' if opinion.result.seed is None else f', seed {opinion.result.seed}'}\n\n"
            + _columns(
                _without_empty(
                    [
                        {"rank": i, **named(item), "held out": "<" if item in one.targets else ""}
                        for i, item in _numbered(opinion.best)
                    ]
                )
            )
            for opinion in one.opinions
        ]
        parts += [
            f"History of user {one.user} in {one.title}, oldest first, {of}\n\n"
            f"{_columns(_without_empty(history))}",
            f"Held out\n\n{_columns(_without_empty([named(item) for item in one.targets]))}",
            *([f"Where the models have it\n\n{_columns(_without_empty(ranks))}"] if ranks else []),
            *lists,
        ]
        if not one.opinions:
            parts.append("No model is stored for this dataset and split; recbench run adds some.\n")
    return "\n".join(parts)


def _numbered(items: Any) -> list[tuple[int, int]]:
    return [(i, int(item)) for i, item in enumerate(items, 1)]


def _named(dataset: Dataset, item: int) -> dict[str, str]:
    return {"item": str(dataset.item_ids[item]), "title": dataset.title(item)}


def _rank(above: int, tied: int, dataset: Dataset) -> str:
    """The rank, or the ranks that a tie may take."""
    if above >= dataset.interactions.n_items:
        return "not listed"
    return f"{above + 1:,}" if tied == 1 else f"{above + 1:,} to {above + tied:,}"


def _gives(gives: dict[str, list[str]]) -> str:
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in gives.items()) or "events"


def _without_empty(rows: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """Rows without the columns that are empty everywhere (titles, scores)."""
    full = [key for key in (rows[0] if rows else {}) if any(row[key] != "" for row in rows)]
    return [{key: row[key] for key in full} for row in rows]


def _columns(rows: list[dict[Any, Any]]) -> str:
    """Rows lined up under their keys; in a narrow terminal the widest columns are broken."""
    from tabulate import tabulate

    if not rows:
        return ""
    widths = [max(len(str(one)) for one in (key, *(row[key] for row in rows))) for key in rows[0]]
    if sys.__stdout__ is not None and sys.__stdout__.isatty():
        room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
        while sum(widths) > room and max(widths) > 12:
            widths[widths.index(max(widths))] -= 1
    cells = [list(map(str, row.values())) for row in rows]
    text = tabulate(cells, list(rows[0]), disable_numparse=True, maxcolwidths=widths)
    return f"{text}\n"
