"""Beside the flow: what the command line's listings say, as text."""

from __future__ import annotations

import inspect
import textwrap
from itertools import zip_longest
from typing import Any

import numpy as np

from recbench.cli.text import grid, paragraph, terminal, without_empty
from recbench.data.dataset import factory_facts
from recbench.data.interactions import Array
from recbench.explain import Explanation, shortened
from recbench.plugins import Offer, Plugins
from recbench.recommend import Recommendation
from recbench.spec import parameters

LAST = 5
"""How many of the user's last items `recommendation` shows."""


MOST = 3
"""How many events `explanation` shows for each recommendation."""


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


def explanation(found: Explanation) -> str:
    """The recommendations, the events that each leaned on most, and how that was found."""
    of = found.recommendation
    scores = [""] * len(of.items) if of.scores is None else [f"{one:.4g}" for one in of.scores]
    leading = [found.leading(row, MOST) for row in range(len(of.items))]
    weights = _signed(found.weights)
    taken = 6 + max([7, *map(len, scores)]) + max([8, *(len(one) for one in weights.flat)]) + 8
    room = max(terminal() - taken, 40) if terminal() else 0
    narrow, wide = room * 2 // 5, room * 3 // 5  # a recommendation has lines to be broken into
    rows = []
    for row, (item, its) in enumerate(zip(of.items, leading, strict=True)):
        name = found.name(item)
        names = textwrap.wrap(name, narrow) if room else [name]
        leaned = [(weights[row, one], found.name(of.history[one])) for one in its]
        lines = zip_longest(names, leaned or [("", "(nothing in the history)")])
        for nth, (part, by) in enumerate(lines):
            weight, title = by or ("", "")
            rows.append(
                {
                    "rank": "" if nth else str(row + 1),
                    "recommended": part or "",
                    "score": "" if nth else scores[row],
                    "weight": weight,
                    "leaned on": shortened(title, wide or len(title)),
                }
            )
    count, events = len(of.items), len(of.history)
    what = f"{count} recommendation{'s' * (count != 1)} for {of.who} in {of.dataset.name}"
    told = f"{found.method.rstrip('.')}. Each recommendation with the events of the history "
    told += (
        f"({events:,} in all) that moved its score most, {MOST} at most; below 0 they lowered it."
    )
    head = f"{paragraph(f'{what} by {of.origin}, and what they leaned on')}\n\n"
    return f"{head}{grid(without_empty(rows))}\n{paragraph(told)}\n" if rows else head


def _signed(weights: Array) -> Array:
    """Numbers with their signs as text, all with as many decimals, three digits of the largest."""
    most = float(np.abs(weights).max(initial=0))
    if most and not 1e-4 <= most < 1e6:
        form = "{:+.2e}"
    else:
        form = f"{{:+.{max(0, 2 - int(np.floor(np.log10(most or 1))))}f}}"
    return np.array([[form.format(one) for one in row] for row in weights], dtype=object)


def _gives(gives: dict[str, list[str]]) -> str:
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in gives.items()) or "events"
