"""The command line, listings: what plugins offer, what is recommended and why, as text."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Sequence

import numpy as np

from recbench.cli.text import GAP, draw_rows, terminal, wrap_text
from recbench.data.dataset import factory_facts
from recbench.data.interactions import Array
from recbench.explain import Explanation, shortened
from recbench.plugins import Offer, Plugins
from recbench.recommend import Recommendation
from recbench.spec import parameters

N_LAST = 5
"""How many of the user's last items `recommendation` shows."""

N_LEADING = 3
"""How many interactions `explanation` shows for each recommendation."""


def offers(plugins: Plugins, kind: str, data_dir: str | None = None) -> str:
    """Name, summary and plugin of all offers of a kind; of datasets size, licence and presence."""
    rows = []
    for offer in plugins.offers(kind):
        row = {"name": offer.name, "summary": offer.summary}
        if kind == "datasets":
            facts = factory_facts(offer.factory, data_dir)
            row = {"name": offer.name, "size": facts.pop("size") or offer.summary, **facts}
        rows.append({**row, "plugin": offer.plugin})
    return f"{draw_rows(rows)}\n"


def offer_details(offer: Offer) -> str:
    """All about one offer: its docstring and its options with their defaults."""
    known, _ = parameters(offer.factory)
    lines = [
        f"{offer.what} (plugin {offer.plugin} {offer.version})",
        "",
        inspect.getdoc(offer.factory) or "",
    ]
    if offer.kind in ("models", "datasets", "splitters") and known:
        signature = inspect.signature(offer.factory).parameters
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
    return f"{draw_rows(rows)}\n"


def plugins_as_json(installed: Plugins) -> str:
    """The same for programs; `broken` is null where all is well."""
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
    return "; ".join(kinds) or "events"


def recommendation(recommended: Recommendation) -> str:
    """The last items that the model was shown, and what it recommends after them."""
    history = recommended.history_frame()
    shown = history.tail(N_LAST).to_dict("records")
    some = len(history) > N_LAST
    which = f"The last {len(shown)} of {len(history)} items" if some else "The items"
    best = recommended.to_frame()
    best["score"] = best["score"].map("{:.4g}".format, na_action="ignore").fillna("")
    parts = [
        f"{which} of {recommended.recipient} in {recommended.dataset.name}, oldest first",
        draw_rows(shown),
        f"{len(best)} recommendations by {recommended.origin}",
        draw_rows(best.to_dict("records")),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def explanation(explained: Explanation) -> str:
    """The recommendations, what each leaned on most, and how that was found."""
    recommended = explained.recommendation
    n_items, n_events = len(recommended.items), len(recommended.history)
    parts = [
        wrap_text(
            f"{n_items} recommendation{'s' * (n_items != 1)} for {recommended.recipient} in "
            f"{recommended.dataset.name} by {recommended.origin}, and what they leaned on"
        )
    ]
    if n_items:
        method = (
            f"{explained.method.rstrip('.')}. Each recommendation with the events of the history "
            f"({n_events:,} in all) that moved its score most, {N_LEADING} at most; below 0 they "
            "lowered it."
        )
        parts += [draw_rows(_leaned_on(explained)), wrap_text(method)]
    return "\n\n".join(parts) + "\n"


def _leaned_on(explained: Explanation) -> list[dict[str, str]]:
    """A row a recommendation, with a line for each interaction that it leaned on."""
    recommended = explained.recommendation
    scores = _scores(recommended)
    weights = _signed(explained.weights)
    room = _room_beside(["rank"], ["score", *scores], ["weight", *weights.flat])
    rows = []
    for row, item in enumerate(recommended.items):
        name = explained.name(item)
        leading = explained.leading(row, N_LEADING)
        titles = [explained.name(recommended.history[place]) for place in leading]
        if room:  # a recommendation has lines to be broken into, a title beside a weight has not
            name = "\n".join(textwrap.wrap(name, room * 2 // 5))
            titles = [shortened(title, room * 3 // 5) for title in titles]
        rows.append(
            {
                "rank": str(row + 1),
                "recommended": name,
                "score": scores[row],
                "weight": "\n".join(weights[row, leading]),
                "leaned on": "\n".join(titles) or "(nothing in the history)",
            }
        )
    return rows


def _scores(recommended: Recommendation) -> list[str]:
    if recommended.scores is None:
        return [""] * len(recommended.items)
    return [f"{score:.4g}" for score in recommended.scores]


def _signed(weights: Array) -> Array:
    """Numbers with their signs as text, all with as many decimals, three digits of the largest."""
    largest = float(np.abs(weights).max(initial=0))
    if largest and not 1e-4 <= largest < 1e6:
        form = "{:+.2e}"
    else:
        form = f"{{:+.{max(0, 2 - int(np.floor(np.log10(largest or 1))))}f}}"
    return np.array([[form.format(weight) for weight in row] for row in weights], dtype=object)


def _room_beside(*columns: Sequence[str]) -> int:
    """Characters that two more columns may share with these in the terminal; 0 for any."""
    width = sum(max(map(len, column)) + GAP for column in columns)
    return max(terminal() - width - GAP, 40) if terminal() else 0
