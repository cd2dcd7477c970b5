"""Before step 1: import one plugin, check its hooks, and list what it offers."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pluggy

from recbench import hookspecs
from recbench.errors import RecbenchError, describe_error, suggest
from recbench.spec import read_options, unwrapped

HOOKS = {name for name in vars(hookspecs) if name.startswith("recbench_")}

KINDS = ("datasets", "splitters", "models", "metrics", "tables")
"""What plugins offer by name, each with its own hook, such as `recbench_models`."""


@dataclass(frozen=True)
class Offer:
    """A name that a plugin offers, and its factory; `aliases` are other names that find it."""

    kind: str
    name: str
    factory: Callable[..., Any]
    plugin: str
    version: str
    aliases: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """The kind and name, as errors show them: `model transformer`."""
        return f"{self.kind.removesuffix('s')} {self.name}"

    @property
    def summary(self) -> str:
        """The first line of the factory's docstring."""
        text = inspect.getdoc(self.factory) or ""
        return text.partition("\n")[0]

    def build(self, options: Mapping[str, str], filled: Mapping[str, Any]) -> Any:
        """Call the factory with the options, read from text, and the filled-in values."""
        return self.call(**read_options(self.what, self.factory, options, filled))

    def call(self, *args: Any, **options: Any) -> Any:
        """Call the factory. Whatever it raises becomes a RecbenchError that names the plugin."""
        try:
            return self.factory(*args, **options)
        except (RecbenchError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise RecbenchError(
                f"{self.what} (plugin {self.plugin}) failed: {describe_error(error)}"
            ) from error

    def source_version(self) -> str:
        """Return the version and a digest of the plugin's Python files.

        Because of the digest, stored results become outdated when the code of their plugin changes.
        """
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(file.name.encode() + file.read_bytes())
        return f"{self.version}+{digest.hexdigest()[:8]}"

    @property
    def folder(self) -> Path | None:
        """The folder of the plugin's Python files."""
        return self.files[0].parent if self.files else None

    @property
    def files(self) -> list[Path]:
        """The plugin's Python files."""
        factory = unwrapped(self.factory)
        module = inspect.getmodule(factory) or inspect.getmodule(type(factory))
        package = getattr(module, "__package__", "") or ""
        top = sys.modules.get(package.partition(".")[0], module)
        origin = Path(getattr(top, "__file__", None) or getattr(module, "__file__", None) or "")
        files = sorted(origin.parent.rglob("*.py")) if package else [origin]
        return [file for file in files if file.is_file()]


@dataclass
class PluginInfo:
    """One plugin, as `recbench plugins` lists it; `broken` is the reason, or ""."""

    name: str
    version: str
    gives: dict[str, list[str]] = field(default_factory=dict)
    broken: str = ""


def import_plugin(
    manager: pluggy.PluginManager, info: PluginInfo, load: Callable[[], Any]
) -> list[Offer]:
    """Load and register a plugin, and return what it offers. Raises whatever goes wrong."""
    plugin = None
    try:
        with _refuse_hard_exits():
            plugin = load()
            _check_hooks(manager, plugin)
            manager.register(plugin, info.name)
            return list(_offers_of(manager, info, plugin))
    except BaseException:
        if plugin is not None and manager.has_plugin(info.name):
            manager.unregister(name=info.name)
        raise


def _offers_of(manager: pluggy.PluginManager, info: PluginInfo, plugin: Any) -> Iterator[Offer]:
    """Yield the offers of a plugin. Raises RecbenchError for a wrong type."""
    for kind in KINDS:
        hook = f"recbench_{kind}"
        implementations = [
            implementation
            for implementation in getattr(manager.hook, hook).get_hookimpls()
            if implementation.plugin is plugin
        ]
        for implementation in implementations:
            factories = implementation.function()
            if not isinstance(factories, Mapping):
                raise RecbenchError(
                    f"{hook}() returned {type(factories).__name__}; it must return a mapping "
                    "from names to callables"
                )
            for name, factory in factories.items():
                if not isinstance(name, str) or not callable(factory):
                    raise RecbenchError(
                        f"{hook}() returned {name!r}: {factory!r}; it must map names to callables"
                    )
                aliases = _aliases(f"{kind.removesuffix('s')} {name}", factory)
                yield Offer(kind, name, factory, info.name, info.version, aliases)


def _aliases(what: str, factory: Callable[..., Any]) -> tuple[str, ...]:
    """Return the factory's own attribute `aliases`; a subclass does not inherit other names.

    Raises RecbenchError unless it is a tuple or list of names.
    """
    aliases = getattr(factory, "__dict__", {}).get("aliases", ())
    if not isinstance(aliases, (tuple, list)) or not all(isinstance(name, str) for name in aliases):
        raise RecbenchError(f"{what} has the aliases {aliases!r}; they must be a tuple of names")
    return tuple(aliases)


@contextlib.contextmanager
def _refuse_hard_exits() -> Iterator[None]:
    """In this block, os._exit and os.abort, which cannot be caught, raise RecbenchError."""
    exits: dict[str, Callable[..., Any]] = {"_exit": os._exit, "abort": os.abort}
    importing = True

    def refusing(name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if importing:
                raise RecbenchError(f"it calls os.{name} when it is imported; remove that call")
            return exits[name](*args)  # a plugin may have kept it, by `from os import ...`

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
    """Raise RecbenchError for a misspelt hook, which pluggy would ignore."""
    marked = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in marked:
        if name not in HOOKS:
            raise RecbenchError(f"it implements an unknown hook, {name}; {suggest(name, HOOKS)}")
    unmarked = sorted(name for name in dir(plugin) if name in HOOKS and name not in marked)
    if unmarked:
        raise RecbenchError(f"{unmarked[0]} is not marked; add @recbench.hookimpl above it")
    if not marked:
        raise RecbenchError("it implements no hook; mark its functions with @recbench.hookimpl")
