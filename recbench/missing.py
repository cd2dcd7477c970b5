"""Before step 1: why there is no offer of a name, and what to write instead."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping, Sequence

from recbench.code.installed import LIMIT, left_out
from recbench.errors import UsageError, suggest_name
from recbench.offers import PluginInfo


def unknown(
    singular: str, name: str, known: Collection[str], infos: Mapping[str, PluginInfo]
) -> UsageError:
    """Return the error for a name that no plugin offers.

    singular: what it should be the name of, such as "model". known: the names that there are.
    infos: the plugins that are loaded; a broken one, or one that is left out, may offer the name.
    """
    message, hints = f"no {singular} {name!r}; {suggest_name(name, known)}", []
    broken = [info.name for info in infos.values() if info.broken]
    if broken:
        hints.append(
            f"It may belong to a broken plugin ({', '.join(broken)}); see: recbench plugins"
        )
    others = left_out(infos)
    if others:
        hints.append(
            f"{LIMIT}={os.environ[LIMIT]} leaves out the plugins {', '.join(others)}, one of "
            "which may offer it"
        )
    for hint in hints:
        message += f"{'' if message.endswith('?') else '.'} {hint}"
    return UsageError(message)


def why_broken(model: str, others: Collection[str], broken: Sequence[PluginInfo]) -> str:
    """Return which broken plugins may offer a model, with their errors; "" if none may.

    A plugin is suspected if its name resembles the model's. If there is no such plugin, and no
    other model has a similar name, every broken plugin is suspected.
    """
    suspects = [info for info in broken if _alike(info.name, model)]
    if not broken or (not suspects and difflib.get_close_matches(model, others, cutoff=0.5)):
        return ""
    reasons = [f"plugin {info.name} is broken: {info.broken}" for info in suspects or broken]
    return f"{model}: {'; '.join(reasons)}"


def _alike(plugin: str, model: str) -> bool:
    """Whether one name contains the other, ignoring punctuation and the prefix `recbench`."""
    plugin, model = (re.sub(r"^recbench|[^a-z0-9]", "", name.lower()) for name in (plugin, model))
    return bool(plugin and model) and (plugin in model or model in plugin)
