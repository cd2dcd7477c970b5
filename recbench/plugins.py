"""Before step 1: find what is installed, and keep what is broken from breaking the rest."""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pluggy

from recbench import hookspecs
from recbench.errors import RecbenchError, UsageError, describe_error, suggest
from recbench.progress import log
from recbench.spec import Spec, read_options, unwrapped

_KNOWN = {name for name in vars(hookspecs) if name.startswith("recbench_")}


@contextlib.contextmanager
def refuse_hard_exits() -> Iterator[None]:
    """Meanwhile os._exit and os.abort, which nothing can catch, raise RecbenchError instead."""
    real: dict[str, Callable[..., Any]] = {"_exit": os._exit, "abort": os.abort}
    importing = True

    def refusing(name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            if importing:
                raise RecbenchError(f"it calls os.{name} while it is imported")
            return real[name](*given)  # by a plugin that took it with `from os import ...`

        return call

    try:
        for name in real:
            setattr(os, name, refusing(name))
        yield
    finally:
        importing = False
        for name, function in real.items():
            setattr(os, name, function)


def check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Raise RecbenchError for a misspelt hook, which pluggy would pass over in silence."""
    found = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in found:
        if name not in _KNOWN:
            raise RecbenchError(f"there is no hook {name}; {suggest(name, _KNOWN)}")
    unmarked = sorted(name for name in dir(plugin) if name in _KNOWN and name not in found)
    if unmarked:
        raise RecbenchError(f"{unmarked[0]} is not marked; write @recbench.hookimpl above it")
    if not found:
        raise RecbenchError("it implements no hook; mark one with @recbench.hookimpl")


GROUP = "recbench"


KINDS = ("datasets", "splitters", "models", "metrics", "tables")


@dataclass(frozen=True)
class Offer:
    """One name that one plugin gives."""

    kind: str
    name: str
    factory: Callable[..., Any]
    plugin: str
    version: str

    @property
    def what(self) -> str:
        """How errors call it: `model transformer`."""
        return f"{self.kind.removesuffix('s')} {self.name}"

    @property
    def summary(self) -> str:
        """The first line of the factory's docstring."""
        text = inspect.getdoc(self.factory) or ""
        return text.partition("\n")[0]

    def build(self, options: Mapping[str, str], filled: Mapping[str, Any]) -> Any:
        """Call the factory with options read from text, and what is filled in."""
        return self.call(**read_options(self.what, self.factory, options, filled))

    def call(self, *given: Any, **options: Any) -> Any:
        """Call the factory. Raises RecbenchError, naming the plugin, for whatever it raises."""
        try:
            return self.factory(*given, **options)
        except (RecbenchError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise RecbenchError(
                f"{self.what} (plugin {self.plugin}) failed: {describe_error(error)}"
            ) from error

    def source_version(self) -> str:
        """The version, and a digest of the Python files that the factory comes from.

        So a result is not taken for current once the code of its plugin has been edited.
        """
        digest = hashlib.sha256()
        for one in self.files:
            digest.update(one.name.encode() + one.read_bytes())
        return f"{self.version}+{digest.hexdigest()[:8]}"

    @property
    def folder(self) -> Path | None:
        """Where the Python files are that the factory comes from."""
        return self.files[0].parent if self.files else None

    @property
    def files(self) -> list[Path]:
        """Those Python files."""
        factory = unwrapped(self.factory)
        module = inspect.getmodule(factory) or inspect.getmodule(type(factory))
        package = getattr(module, "__package__", "") or ""
        top = sys.modules.get(package.partition(".")[0], module)
        file = Path(getattr(top, "__file__", None) or getattr(module, "__file__", None) or "")
        files = sorted(file.parent.rglob("*.py")) if package else [file]
        return [one for one in files if one.is_file()]


@dataclass
class PluginInfo:
    """One plugin as `recbench plugins` lists it."""

    name: str
    version: str
    gives: dict[str, list[str]] = field(default_factory=dict)
    broken: str = ""


class Plugins:
    """What is installed: built by `load_plugins` and handed on; there is no global.

    installed: whether every plugin is, so that another process finds the same ones.
    """

    installed = False

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.infos: dict[str, PluginInfo] = {}
        self._offers: dict[str, dict[str, list[Offer]]] = {kind: {} for kind in KINDS}

    def add(self, name: str, version: str, load: Callable[[], Any]) -> None:
        """Load and register one plugin; whatever goes wrong is kept as its reason, not raised."""
        info = self.infos[name] = PluginInfo(name, version)
        plugin = None
        try:
            with refuse_hard_exits():
                plugin = load()
                check_hooks(self.manager, plugin)
                self.manager.register(plugin, name)
                offers = list(self._ask(info, plugin))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            info.broken = describe_error(error)
            if plugin is not None and self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            return
        for offer in offers:
            info.gives.setdefault(offer.kind, []).append(offer.name)
            self._offers[offer.kind].setdefault(offer.name, []).append(offer)

    def _ask(self, info: PluginInfo, plugin: Any) -> Any:
        """The plugin's offers, hook by hook, refused where they are no mapping of callables."""
        for kind in KINDS:
            hook = f"recbench_{kind}"
            answers = [
                one.function()
                for one in getattr(self.manager.hook, hook).get_hookimpls()
                if one.plugin is plugin
            ]
            for given in answers:
                if not isinstance(given, Mapping):
                    raise RecbenchError(f"{hook}() gave {type(given).__name__}, wanted a mapping")
                for name, factory in given.items():
                    if not isinstance(name, str) or not callable(factory):
                        raise RecbenchError(f"{hook}() gave {name!r}: {factory!r}, no callable")
                    yield Offer(kind, name, factory, info.name, info.version)

    @property
    def broken(self) -> list[PluginInfo]:
        """The plugins that could not be taken in."""
        return [info for info in self.infos.values() if info.broken]

    def names(self, kind: str) -> list[str]:
        """All names of a kind, sorted."""
        return sorted(self._offers[kind])

    def offers(self, kind: str) -> list[Offer]:
        """All offers of a kind, by name; a name that two plugins claim is there twice."""
        return [offer for name in self.names(kind) for offer in self._offers[kind][name]]

    def find(self, kind: str, name: str) -> Offer:
        """The one offer of this name. Raises UsageError where there is none, or are several."""
        offers = self._offers[kind].get(name, [])
        if len(offers) == 1:
            return offers[0]
        what = kind.removesuffix("s")
        if offers:
            claims = " and ".join(offer.plugin for offer in offers)
            raise UsageError(f"{what} {name!r} is claimed by {claims}; uninstall one of them")
        broken = ", ".join(info.name for info in self.broken)
        more = f". Broken, so perhaps there: {broken} (see: recbench plugins)" if broken else ""
        raise UsageError(f"no {what} {name!r}; {suggest(name, self._offers[kind])}{more}")

    def why_missing(self, model: str) -> str:
        """Why there is no such model, where a broken plugin must have had it; "" otherwise.

        That is one of a like name, or any, where the name is like that of no other model.
        """
        if model in self._offers["models"] or not self.broken:
            return ""
        like = [info for info in self.broken if _alike(info.name, model)]
        if not like and difflib.get_close_matches(model, self._offers["models"], cutoff=0.5):
            return ""
        why = "; ".join(f"plugin {one.name} is broken: {one.broken}" for one in like or self.broken)
        return f"{model}: {why}"

    def build(self, kind: str, spec: Spec, **filled: Any) -> Any:
        """Make the thing that a spec names; `filled` are values for parameters such as seed."""
        offer = self.find(kind, spec.name)
        return offer.build(spec.options, filled)

    def check(self, kind: str, spec: Spec) -> Offer:
        """Raise UsageError now for a name or option that would not build later."""
        offer = self.find(kind, spec.name)
        read_options(offer.what, offer.factory, spec.options)
        return offer

    def metrics(self) -> dict[str, Callable[..., Any]]:
        """Every metric that exactly one plugin gives."""
        return {
            offer.name: offer.factory
            for offer in self.offers("metrics")
            if len(self._offers["metrics"][offer.name]) == 1
        }  # a name that two plugins claim is refused by `find`, and measured by neither

    def notify(self, result: Any) -> None:
        """Fire `recbench_run_finished`; a listener that fails is said and passed over."""
        for listener in self.manager.hook.recbench_run_finished.get_hookimpls():
            try:
                listener.function(**dict.fromkeys(listener.argnames, result))
            except (Exception, SystemExit) as error:
                log.warning(
                    "plugin %s: recbench_run_finished: %s",
                    listener.plugin_name,
                    describe_error(error),
                )


def load_plugins(**extra: Any) -> Plugins:
    """Everything installed under the entry-point group `recbench`, each loaded in its own try.

    extra: plugins that are not installed, name=module or object, for notebooks and tests.
    """
    plugins = Plugins()
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda one: one.name):
        package, version = (point.dist.name, point.dist.version) if point.dist else ("?", "?")
        name = point.name if point.name not in plugins.infos else f"{point.name} ({package})"
        plugins.add(name, version, point.load)
    plugins.installed = not extra
    for name, plugin in extra.items():
        plugins.add(name, getattr(plugin, "__version__", "0"), functools.partial(_given, plugin))
    return plugins


def _alike(plugin: str, model: str) -> bool:
    one, other = (re.sub(r"^recbench|[^a-z0-9]", "", name.lower()) for name in (plugin, model))
    return bool(one) and bool(other) and (one in other or other in one)


def _given(plugin: Any) -> Any:
    return plugin
