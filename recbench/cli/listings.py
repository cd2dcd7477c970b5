"""The command line, listings: what plugins provide, as text."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence

from recbench.code.installed import LIMIT, left_out, limit
from recbench.data.clean import clean
from recbench.data.dataset import factory_facts
from recbench.evaluation.measure import better_of
from recbench.guard import guarded
from recbench.offers import EVENTS, ORDER, Offer, PluginInfo
from recbench.option_docs import Option, factory_docs
from recbench.plugins import Plugins
from recbench.report.text import draw_rows, terminal, wrap_text

HEADINGS = ("option", "type", "default", "tuned over", "what it does")
"""Columns of the table of options."""


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


def offer_details(offer: Offer, typed: str = "") -> str:
    """Describe one name: its other names, the text of its docstring, and its options in groups.

    typed: how users type the name, if it is in a file.
    """
    docs = factory_docs(offer.configured)
    parts = [f"{offer.what} (plugin {offer.plugin} {offer.version})"]
    parts += [f"Also called: {', '.join(offer.aliases)}"] if offer.aliases else []
    parts += [_fitted(docs.text)]
    if offer.kind == "metrics":
        better = better_of(offer.factory)
        parts += [f"{better.capitalize()} values are better."] if better else []
    if offer.kind != "tables":
        options, own_names = list(docs.options), {option.name for option in docs.options}
        if offer.kind == "datasets":
            options += [
                dataclasses.replace(option, group="every dataset")
                for option in factory_docs(clean).options
                if option.name not in own_names
            ]
        parts += _options(typed or offer.name, options)
    parts += [f"{heading}\n\n{_fitted(text)}" for heading, text in docs.sections.items()]
    return "\n\n".join(filter(None, parts)) + "\n"


def _fitted(text: str) -> str:
    """Return paragraphs that fit the terminal; those with lists or code keep their lines."""
    if not terminal():
        return text
    parts = []
    for part in text.split("\n\n"):
        lines = part.splitlines()
        is_prose = not any(line.startswith((" ", "- ", ">>>")) for line in lines)
        is_wide = max(map(len, lines), default=0) > terminal()
        parts.append(wrap_text(" ".join(lines)) if is_prose and is_wide else part)
    return "\n\n".join(parts)


def _options(name: str, options: Sequence[Option]) -> list[str]:
    """Return how options are written, and a table of options with a heading for each group."""
    if not options:
        return ["It has no options."]
    rows = []
    for group in dict.fromkeys(option.group for option in options):
        if group:
            rows.append(
                {**dict.fromkeys(HEADINGS, ""), "option": f"{group[:1].upper()}{group[1:]}"}
            )
        rows += [
            {
                "option": f"  {option.name}" if group else option.name,
                "type": option.type,
                "default": option.default,
                "tuned over": option.tuned_over,
                "what it does": option.description,
            }
            for option in options
            if option.group == group
        ]
    return [f"To set options, write {name}:OPTION=VALUE,OPTION=VALUE", draw_rows(rows)]


def plugins(installed: Plugins) -> str:
    """List name, version and contents of each plugin, or why it is broken; then who answers hooks.

    If RECBENCH_PLUGINS limits the plugins, the last line says so.
    """
    rows = [
        {
            "plugin": info.name,
            "version": info.version,
            "provides": f"BROKEN: {info.broken}" if info.broken else _gives(info),
        }
        for info in installed.infos.values()
    ]
    answers = [
        {"hook": hook, "implemented by": ", ".join(names) or "no plugin"}
        for hook, names in _hooks(installed).items()
    ]
    parts = [draw_rows(rows), draw_rows(answers)]
    if limit():
        others = ", ".join(left_out(installed.infos)) or "none"
        limited = f"{LIMIT}={os.environ[LIMIT]} limits the plugins. Not loaded: {others}."
        parts.append(wrap_text(limited))
    return "\n\n".join(parts) + "\n"


def plugins_as_json(installed: Plugins) -> str:
    """Return the same as JSON; `broken` is null for a working plugin."""
    plugins = [
        {
            "name": info.name,
            "version": info.version,
            "gives": info.gives,
            "hooks": info.hooks,
            "broken": info.broken or None,
        }
        for info in installed.infos.values()
    ]
    others = left_out(installed.infos)
    listed = {"plugins": plugins, "hooks": _hooks(installed), "left_out": others}
    return f"{json.dumps(listed, indent=2)}\n"


def _hooks(installed: Plugins) -> dict[str, list[str]]:
    """Return the names of the plugins that answer each hook."""
    return {
        hook: [info.name for info in installed.infos.values() if hook in info.hooks]
        for hook in ORDER
    }


def _gives(info: PluginInfo) -> str:
    kinds = [f"{kind}: {', '.join(names)}" for kind, names in info.gives.items()]
    return "; ".join([*kinds, *["a tracker"] * bool(EVENTS.keys() & set(info.hooks))]) or "nothing"
