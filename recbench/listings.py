"""Beside the flow: what the command line's listings say, as text."""

from __future__ import annotations

import inspect
from typing import Any

from .dataset import factory_facts
from .explanation import Explanation
from .grid import grid, paragraph, without_empty
from .plugins import Offer, Plugins
from .recommend import Recommendation
from .spec import parameters

LAST = 5
"""How many of the user's last items `recommendation` shows."""

BECAUSE = 3
"""How many items of the history `explanation` shows for each recommendation."""


def offers(plugins: Plugins, kind: str, data_dir: str | None = None) -> str:
    """Name, summary and plugin of all offers of a kind; of datasets size, licence and presence."""
    rows = []
    for one in plugins.offers(kind):
        row = {"name": one.name, "summary": one.summary}
        if kind == "datasets":
            facts = factory_facts(one.factory, data_dir)
            row = {"name": one.name, "size": facts.pop("size") or one.summary, **facts}
        rows.append({**row, "plugin": one.plugin})
    return grid(rows)


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
    return grid(rows)


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
        f"{grid(without_empty(shown))}\n"
        f"{len(best)} recommendations by {found.origin}\n\n"
        f"{grid(without_empty(best.to_dict('records')))}"
    )


def explanation(told: Explanation) -> str:
    """The recommendations, and beside each the items of the history that counted most for it."""
    lines: dict[int, dict[str, Any]] = {}
    for row in told.to_frame().to_dict("records"):
        recommended = {"rank": row["rank"], "recommended": row["title"] or row["item"]}
        line = lines.setdefault(row["rank"], {**recommended, "because of": [], "weight": []})
        if len(line["weight"]) < BECAUSE:
            line["because of"].append(row["because_title"] or row["because_item"])
            line["weight"].append(f"{row['weight']:+.2g}")
    rows = []
    for line in lines.values():
        for nth, (name, weight) in enumerate(zip(line["because of"], line["weight"], strict=True)):
            first = {key: "" if nth else line[key] for key in ("rank", "recommended")}
            rows.append({**first, "because of": name, "weight": weight})
    found = told.found
    return (
        f"{len(found.items)} recommendations for {found.who} in {found.dataset.name} by "
        f"{found.origin}, and the {BECAUSE} items of the history that counted most for each\n\n"
        f"{grid(rows)}\n"
        f"{paragraph(told.method)}\n"
    )


def _gives(gives: dict[str, list[str]]) -> str:
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in gives.items()) or "events"
