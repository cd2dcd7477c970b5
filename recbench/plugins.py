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

DISTRIBUTION = "recbench-toolkit"
"""What pip calls recbench: the name `recbench` is another project's on the public index."""

GROUP = "recbench"
"""The group of entry points that plugins are found by."""

HOOKS = {name for name in vars(hookspecs) if name.startswith("recbench_")}

KINDS = ("datasets", "splitters", "models", "metrics", "tables")
"""What plugins give by name; the hook `recbench_models` gives the models."""


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

    def call(self, *args: Any, **options: Any) -> Any:
        """Call the factory. Raises RecbenchError, naming the plugin, for whatever it raises."""
        try:
            return self.factory(*args, **options)
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
        for file in self.files:
            digest.update(file.name.encode() + file.read_bytes())
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
        origin = Path(getattr(top, "__file__", None) or getattr(module, "__file__", None) or "")
        files = sorted(origin.parent.rglob("*.py")) if package else [origin]
        return [file for file in files if file.is_file()]


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
            with _refuse_hard_exits():
                plugin = load()
                _check_hooks(self.manager, plugin)
                self.manager.register(plugin, name)
                offers = list(self._offers_of(info, plugin))
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

    def _offers_of(self, info: PluginInfo, plugin: Any) -> Iterator[Offer]:
        """The plugin's offers, hook by hook, refused where they are no mapping of callables."""
        for kind in KINDS:
            hook = f"recbench_{kind}"
            implementations = [
                implementation
                for implementation in getattr(self.manager.hook, hook).get_hookimpls()
                if implementation.plugin is plugin
            ]
            for implementation in implementations:
                factories = implementation.function()
                if not isinstance(factories, Mapping):
                    raise RecbenchError(
                        f"{hook}() gave {type(factories).__name__}, wanted a mapping"
                    )
                for name, factory in factories.items():
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
        singular = kind.removesuffix("s")
        if offers:
            claims = " and ".join(offer.plugin for offer in offers)
            raise UsageError(f"{singular} {name!r} is claimed by {claims}; uninstall one of them")
        broken = ", ".join(info.name for info in self.broken)
        hint = f". Broken, so perhaps there: {broken} (see: recbench plugins)" if broken else ""
        raise UsageError(f"no {singular} {name!r}; {suggest(name, self._offers[kind])}{hint}")

    def why_missing(self, model: str) -> str:
        """Why there is no such model, where a broken plugin must have had it; "" otherwise.

        That is one of a like name, or any, where the name is like that of no other model.
        """
        if model in self._offers["models"] or not self.broken:
            return ""
        suspects = [info for info in self.broken if _alike(info.name, model)]
        if not suspects and difflib.get_close_matches(model, self._offers["models"], cutoff=0.5):
            return ""
        reasons = [
            f"plugin {info.name} is broken: {info.broken}" for info in suspects or self.broken
        ]
        return f"{model}: {'; '.join(reasons)}"

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
    _warn_of_namesake()
    plugins = Plugins()
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        package, version = (point.dist.name, point.dist.version) if point.dist else ("?", "?")
        name = point.name if point.name not in plugins.infos else f"{point.name} ({package})"
        plugins.add(name, version, point.load)
    plugins.installed = not extra
    for name, plugin in extra.items():
        plugins.add(name, getattr(plugin, "__version__", "0"), functools.partial(_itself, plugin))
    return plugins


@functools.cache
def _warn_of_namesake() -> None:
    """Say once, in one line, that a distribution called `recbench` is installed.

    The one on the public index has a `recbench/__init__.py`, as ours has: whichever pip installs
    last writes over the other's, and uninstalling either removes it.
    """
    if any(metadata.distributions(name="recbench")):
        log.warning(
            "the distribution `recbench` is not %s and may have written over its files: "
            "pip uninstall recbench, then pip install --force-reinstall --no-deps %s",
            DISTRIBUTION,
            DISTRIBUTION,
        )


@contextlib.contextmanager
def _refuse_hard_exits() -> Iterator[None]:
    """Meanwhile os._exit and os.abort, which nothing can catch, raise RecbenchError instead."""
    exits: dict[str, Callable[..., Any]] = {"_exit": os._exit, "abort": os.abort}
    importing = True

    def refusing(name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if importing:
                raise RecbenchError(f"it calls os.{name} while it is imported")
            return exits[name](*args)  # by a plugin that took it with `from os import ...`

        return call

    try:
        for name in exits:
            setattr(os, name, refusing(name))
        yield
    finally:
        importing = False
        for name, function in exits.items():
            setattr(os, name, function)


def _check_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Raise RecbenchError for a misspelt hook, which pluggy would pass over in silence."""
    marked = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in marked:
        if name not in HOOKS:
            raise RecbenchError(f"there is no hook {name}; {suggest(name, HOOKS)}")
    unmarked = sorted(name for name in dir(plugin) if name in HOOKS and name not in marked)
    if unmarked:
        raise RecbenchError(f"{unmarked[0]} is not marked; write @recbench.hookimpl above it")
    if not marked:
        raise RecbenchError("it implements no hook; mark one with @recbench.hookimpl")


def _alike(plugin: str, model: str) -> bool:
    """Whether one name, but for punctuation and the prefix `recbench`, is part of the other."""
    plugin, model = (re.sub(r"^recbench|[^a-z0-9]", "", name.lower()) for name in (plugin, model))
    return bool(plugin and model) and (plugin in model or model in plugin)


def _itself(plugin: Any) -> Any:
    return plugin
