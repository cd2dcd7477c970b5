"""The command line, listings: what plugins provide, recommendations and explanations, as text."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Sequence

import numpy as np

from recbench.text import GAP, draw_rows, terminal, wrap_text
from recbench.data.clean import clean
from recbench.data.dataset import factory_facts
from recbench.data.interactions import Array
from recbench.explain import Explanation
from recbench.guard import guarded
from recbench.heatmap import shortened
from recbench.offers import Offer
from recbench.option_docs import Option, factory_docs
from recbench.plugins import Plugins
from recbench.recommend import Recommendation
from recbench.results.footer import sentence

N_LAST = 5
"""How many of the latest items of the history `recommendation` shows."""

N_LEADING = 3
"""How many items of the history `explanation` shows per recommendation."""


def offers(plugins: Plugins, kind: str, data_dir: str | None = None) -> str:
    """List the name, summary and plugin of each offer; for datasets, size and licence instead."""
    rows = []
    for offer in plugins.offers(kind):
        row = {"name": offer.name, "summary": offer.summary}
        if kind == "datasets":
            with guarded(offer.where):
                facts = factory_facts(offer.factory, data_dir)
            row = {"name": offer.name, "size": facts.pop("size") or offer.summary, **facts}
        rows.append({**row, "plugin": offer.plugin})
    return f"{draw_rows(rows)}\n"


def offer_details(offer: Offer) -> str:
    """Describe one name: its other names, the text of its docstring, and its options in groups."""
    docs = factory_docs(offer.factory)
    parts = [f"{offer.what} (plugin {offer.plugin} {offer.version})"]
    parts += [f"Also called: {', '.join(offer.aliases)}"] if offer.aliases else []
    parts += [docs.text]
    if offer.kind in ("models", "datasets", "splitters"):
        options, own_names = list(docs.options), {option.name for option in docs.options}
        if offer.kind == "datasets":
            options += [
                dataclasses.replace(option, group="every dataset")
                for option in factory_docs(clean).options
                if option.name not in own_names
            ]
        parts += _options(offer.name, options)
    parts += [f"{heading}\n\n{text}" for heading, text in docs.sections.items()]
    return "\n\n".join(filter(None, parts)) + "\n"


def _options(name: str, options: Sequence[Option]) -> list[str]:
    """Return how options are written, and a table of options with a heading for each group."""
    if not options:
        return ["It has no options."]
    rows = []
    for group in dict.fromkeys(option.group for option in options):
        if group:
            rows.append(dict.fromkeys(("option", "type", "default", "what it does"), ""))
            rows[-1]["option"] = f"{group[:1].upper()}{group[1:]}"
        rows += [
            {
                "option": f"  {option.name}" if group else option.name,
                "type": option.type,
                "default": option.default,
                "what it does": option.description,
            }
            for option in options
            if option.group == group
        ]
    return [f"To set options, write {name}:OPTION=VALUE,OPTION=VALUE", draw_rows(rows)]


def plugins(installed: Plugins) -> str:
    """List name, version and contents of each plugin, or why it is broken."""
    rows = [
        {
            "plugin": info.name,
            "version": info.version,
            "provides": f"BROKEN: {info.broken}" if info.broken else _gives(info.gives),
        }
        for info in installed.infos.values()
    ]
    return f"{draw_rows(rows)}\n"


def plugins_as_json(installed: Plugins) -> str:
    """Return the same as JSON; `broken` is null for a working plugin."""
    plugins = [
        {
            "name": info.name,
            "version": info.version,
            "gives": info.gives,
            "broken": info.broken or None,
        }
        for info in installed.infos.values()
    ]
    return f"{json.dumps(plugins, indent=2)}\n"


def _gives(names_by_kind: dict[str, list[str]]) -> str:
    kinds = [f"{kind}: {', '.join(names)}" for kind, names in names_by_kind.items()]
    return "; ".join(kinds) or "hook: recbench_run_finished"


def recommendation(recommended: Recommendation) -> str:
    """Show the last items of the history, and the recommendations."""
    history = recommended.history_frame()
    shown = history.tail(N_LAST).to_dict("records")
    some = len(history) > N_LAST
    which = f"The last {len(shown)} of {len(history)} items" if some else "The items"
    best = recommended.to_frame()
    best["score"] = best["score"].map("{:.4g}".format, na_action="ignore").fillna("")
    parts = [
        f"{which} of {recommended.recipient} in {recommended.dataset.short_name}, oldest first",
        draw_rows(shown),
        f"{len(best)} recommendation{'s' * (len(best) != 1)} by {recommended.origin}",
        draw_rows(best.to_dict("records")),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def explanation(explained: Explanation) -> str:
    """Show the recommendations, the items that influenced each most, and the method."""
    recommended = explained.recommendation
    n_items, n_interactions = len(recommended.items), len(recommended.history)
    parts = [
        wrap_text(
            f"{n_items} recommendation{'s' * (n_items != 1)} for {recommended.recipient} in "
            f"{recommended.dataset.short_name} by {recommended.origin}, and the items "
            "that changed their scores most"
        )
    ]
    if n_items:
        method = (
            f"{sentence(f'Weights: {explained.method}')} Each recommendation is shown with up to "
            f"{N_LEADING} of the {n_interactions:,} items of the history: those that changed its "
            "score most. A negative weight lowered the score."
        )
        parts += [draw_rows(_leaned_on(explained)), wrap_text(method)]
    return "\n\n".join(parts) + "\n"


def _leaned_on(explained: Explanation) -> list[dict[str, str]]:
    """Return one row per recommendation, with a line for each item that led to it."""
    recommended = explained.recommendation
    scores = _scores(recommended)
    weights = _signed(explained.weights)
    room = _room_beside(["rank"], ["score", *scores], ["weight", *weights.flat])
    rows = []
    for row, item in enumerate(recommended.items):
        name = explained.name(item)
        leading = explained.leading(row, N_LEADING)
        titles = [explained.name(recommended.history[place]) for place in leading]
        if room:  # a title beside a weight must stay on its line
            name = "\n".join(textwrap.wrap(name, room * 2 // 5))
            titles = [shortened(title, room * 3 // 5) for title in titles]
        rows.append(
            {
                "rank": str(row + 1),
                "recommended": name,
                "score": scores[row],
                "weight": "\n".join(weights[row, leading]),
                "item of the history": "\n".join(titles) or "(nothing in the history)",
            }
        )
    return rows


def _scores(recommended: Recommendation) -> list[str]:
    if recommended.scores is None:
        return [""] * len(recommended.items)
    return [f"{score:.4g}" for score in recommended.scores]


def _signed(weights: Array) -> Array:
    """Format numbers with a sign and equal decimals; the largest has three significant digits."""
    largest = float(np.abs(weights).max(initial=0))
    if largest and not 1e-4 <= largest < 1e6:
        form = "{:+.2e}"
    else:
        form = f"{{:+.{max(0, 2 - int(np.floor(np.log10(largest or 1))))}f}}"
    return np.array([[form.format(weight) for weight in row] for row in weights], dtype=object)


def _room_beside(*columns: Sequence[str]) -> int:
    """Characters left for two more columns in the terminal; 0 for no limit."""
    width = sum(max(map(len, column)) + GAP for column in columns)
    return max(terminal() - width - GAP, 24) if terminal() else 0
