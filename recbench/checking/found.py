"""Outside the flow: what a name stands for that is to be checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recbench.code.python_file import file_and_member, is_python_file
from recbench.errors import RecbenchError, UsageError, suggest_name
from recbench.given.files import has_hooks, loaded
from recbench.given.functions import with_dataset, with_table
from recbench.given.metrics import with_metrics
from recbench.given.models import with_models
from recbench.given.services import with_executor, with_trackers
from recbench.given.splitters import with_splitters
from recbench.offers import EVENTS, KINDS, NOUNS, Offer, check_noun
from recbench.plugins import Plugins, load_plugins
from recbench.spec import Spec

PLUGIN = "plugin"
"""The kind of a plugin that is broken, so that it offers nothing."""

WITH: dict[str, Callable[[Plugins, Any], tuple[Plugins, Any]]] = {
    "models": with_models,
    "splitters": with_splitters,
    "metrics": with_metrics,
    "tables": with_table,
    "trackers": with_trackers,
    "executors": with_executor,
    "datasets": with_dataset,
}
"""Kind -> what finds it in a file. A function whose parameters do not say more may be a dataset, so
that is the last, or an executor."""


@dataclass(frozen=True)
class Target:
    """Something to check.

    kind: "model" and so on. spec: its name and options. offer: of a plugin; None for a plugin that
    has event hooks, which is in tracker, and for a plugin that is broken, which says why.
    """

    kind: str
    spec: Spec
    plugin: str
    version: str = ""
    offer: Offer | None = None
    tracker: Any = None
    broken: str = ""

    @property
    def title(self) -> str:
        """What it is, as in `model popular (plugin popular 0.1.0)` or `model Mine (mine.py)`."""
        is_file = is_python_file(self.plugin)
        home = self.plugin if is_file else f"plugin {self.plugin} {self.version}"
        return home if self.kind == PLUGIN else f"{self.kind} {self.spec} ({home})"


def find(plugins: Plugins, text: str, kind: str | None) -> tuple[Plugins, list[Target]]:
    """Return what a name stands for: everything that a plugin offers, or what has the name.

    Raises UsageError if nothing has the name, or no such kind.
    """
    if kind is not None:
        check_noun(kind)
    spec = Spec.parse(text)
    if is_python_file(spec.name):
        return _in_file(plugins, text, kind)
    found = [] if spec.options else _of_plugin(plugins, spec.name)
    found += [target for target in _named(plugins, spec) if target not in found]
    if kind is not None:
        found = [target for target in found if target.kind in (kind, PLUGIN)]
    if not found:
        known = {name for each in KINDS for name in plugins.names(each)} | plugins.infos.keys()
        what = f"{kind or 'plugin'} {spec.name!r}"
        hint = suggest_name(spec.name, known - {spec.name})
        raise UsageError(f"there is no {what} to check; {hint}")
    return plugins, _with_options(plugins, found)


def _of_plugin(plugins: Plugins, name: str) -> list[Target]:
    """Return everything that a plugin offers."""
    info = plugins.infos.get(name)
    if info is None:
        return []
    if info.broken:
        return [Target(PLUGIN, Spec(name), name, info.version, broken=info.broken)]
    offers = [offer for kind in NOUNS for offer in plugins.offers(kind)]
    found = [_of_offer(offer, Spec(offer.name)) for offer in offers if offer.plugin == name]
    if EVENTS.keys() & set(info.hooks):
        tracker = plugins.manager.get_plugin(name)
        found.append(Target(NOUNS["trackers"], Spec(name), name, info.version, tracker=tracker))
    return found


def _of_offer(offer: Offer, spec: Spec) -> Target:
    return Target(NOUNS[offer.kind], spec, offer.plugin, offer.version, offer)


def _named(plugins: Plugins, spec: Spec) -> list[Target]:
    """Return what is offered under a name, in every kind."""
    found = []
    for kind in NOUNS:
        offers = plugins.offers(kind)
        if any(spec.name in (offer.name, *offer.aliases) for offer in offers):
            offer = plugins.find(kind, spec.name)
            found.append(_of_offer(offer, offer.spec(spec.options)))
    return found


def _with_options(plugins: Plugins, targets: Sequence[Target]) -> list[Target]:
    """Return those whose options exist. Raises UsageError if there are none."""
    valid: list[Target] = []
    wrong: list[UsageError] = []
    for target in targets:
        try:
            if target.offer is not None and target.spec.options:
                plugins.check(target.offer.kind, target.spec)
        except UsageError as error:
            wrong.append(error)
        else:
            valid.append(target)
    if not valid:
        raise wrong[0]
    return valid


def _in_file(plugins: Plugins, text: str, kind: str | None) -> tuple[Plugins, list[Target]]:
    """Return what a .py file has: what its hooks offer, or else what looks like a plugin."""
    file, member = file_and_member(Spec.parse(text).name)
    module = loaded(plugins, file)
    if has_hooks(plugins, module) and not member and not Spec.parse(text).options:
        plugins = load_plugins(**plugins.given, **{file: module})
        found = _of_plugin(plugins, file)
        return plugins, [each for each in found if kind in (None, each.kind) or each.broken]
    found, errors = [], []
    for each, with_kind in WITH.items():
        if kind not in (None, NOUNS[each]) or (each == "datasets" and found):
            continue
        try:
            plugins, texts = with_kind(plugins, text)
        except RecbenchError as error:
            errors.append(error)
            continue
        for spec in map(Spec.parse, [texts] if isinstance(texts, str) else texts):
            offer = plugins.find(each, spec.name)
            if each != "executors" or kind or inspect.isclass(offer.factory):
                found.append(_of_offer(offer, spec))
    if not found:
        raise errors[0]
    return plugins, found
