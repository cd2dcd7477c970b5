"""The command line, listings: what plugins provide, as text."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from recbench.data.clean import clean
from recbench.data.dataset import factory_facts
from recbench.guard import guarded
from recbench.offers import Offer
from recbench.option_docs import Option, factory_docs
from recbench.plugins import Plugins
from recbench.report.text import draw_rows


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
