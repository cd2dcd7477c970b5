"""Beside the flow: what the command line's listings say, as text."""

from __future__ import annotations

import inspect
import shutil
import sys
from typing import Any

from .dataset import factory_facts
from .plugins import Offer, Plugins
from .recommend import Recommendation
from .spec import parameters

LAST = 5
"""How many of the user's last items `recommendation` shows."""


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
