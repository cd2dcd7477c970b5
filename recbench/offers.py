"""Before step 1: import one plugin, check its hooks, and list what it offers."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pluggy

from recbench import hookspecs
from recbench.code.source import NO_SOURCE, Source, source_of
from recbench.errors import RecbenchError, UsageError, suggest
from recbench.guard import CRASHED, guarded, noted
from recbench.space import check_space
from recbench.spec import Spec, read_options, unwrapped, with_own_names

EVENTS = {
    "recbench_progress": ("cell", "step", "values"),
    "recbench_run_finished": ("result",),
    "recbench_all_finished": ("results",),
}
"""Hooks that recbench calls while models run -> their parameters."""

ORDER = tuple(name for name in vars(hookspecs) if name.startswith("recbench_"))

HOOKS = set(ORDER)

KINDS = ("datasets", "splitters", "models", "metrics", "tables", "executors", "trackers")
"""What plugins offer by name, each with its own hook, such as `recbench_models`."""

NOUNS = {kind: kind.removesuffix("s") for kind in ("models", *KINDS)}
"""Kind, or the hook of a tracker -> one of it, as `recbench plugin` calls it."""

NAME = re.compile(r"[^\W_][\w.+-]{0,99}")

FILED = re.compile(rf"[^\W_][\w.+-]*\.py:{NAME.pattern}", re.IGNORECASE)
"""What offers of two files are called if they have the same name: `a.py:Mine`."""

CALLED_WITH = {"metrics": 2, "tables": 1}
"""Kind -> how many arguments recbench calls its functions with; what follows them are options."""

MOST = 1000
"""How many names of one kind a plugin may offer."""


@dataclass(frozen=True)
class Offer:
    """A name that a plugin offers, and its factory.

    aliases: other names that find it. home: the module of the hook that returned it.
    """

    kind: str
    name: str
    factory: Callable[..., Any]
    plugin: str
    version: str
    aliases: tuple[str, ...] = ()
    home: str = ""

    @property
    def what(self) -> str:
        """The kind and name, as errors show them: `model transformer`."""
        return f"{NOUNS[self.kind]} {self.name}"

    @property
    def where(self) -> str:
        """The same with its plugin: `model transformer (plugin transformer)`."""
        return f"{self.what} (plugin {self.plugin})"

    @property
    def summary(self) -> str:
        """The first line of the factory's docstring."""
        text = inspect.getdoc(unwrapped(self.factory)) or ""
        return text.partition("\n")[0]

    @property
    def configured(self) -> Callable[..., Any]:
        """What has the options, which is the factory of most kinds."""
        return configured(self.kind, self.factory)

    def spec(self, options: Mapping[str, str]) -> Spec:
        """Return a spec as results have it: no alias, neither of the offer nor of an option.

        Raises UsageError if an option is given under two names.
        """
        return Spec(self.name, with_own_names(self.what, options, self.configured))

    def metric(self, options: Mapping[str, str]) -> Callable[..., Any]:
        """Return the metric with its options, read from text. Raises UsageError for wrong ones."""
        values = read_options(self.what, self.configured, options)
        return functools.partial(self.factory, **values) if values else self.factory

    def build(self, options: Mapping[str, str], filled: Mapping[str, Any]) -> Any:
        """Call the factory with the options, read from text, and the filled-in values.

        Raises UsageError if an option is wrong, or the factory says so.
        """
        values = read_options(self.what, self.factory, options, filled)
        try:
            return self.call(**values)
        except UsageError as error:
            if str(error).startswith((f"{self.name}: ", f"{self.what}: ")):
                raise
            raise UsageError(f"{self.where}: {error}") from error

    def call(self, *args: Any, **options: Any) -> Any:
        """Call the factory. Other errors than RecbenchError become one that names the plugin."""
        with guarded(self.where):
            return self.factory(*args, **options)

    @property
    def source(self) -> Source:
        """The files that the model's code is in."""
        return source_of(self.factory, self.home)

    def source_version(self) -> str:
        """Return the version of the plugin and a digest of its source.

        Because of the digest, stored results become outdated when the code of their plugin changes.
        """
        return self.version_of(self.source)

    def version_of(self, source: Source) -> str:
        """Return the same for a source that is known."""
        digest = source.digest()
        return f"{self.version}+{digest[:8]}" if digest else f"{self.version}{NO_SOURCE}"


@dataclass
class PluginInfo:
    """One plugin, as `recbench plugins` lists it.

    gives: kind -> names. hooks: those that it implements. broken: the reason, or "".
    """

    name: str
    version: str
    gives: dict[str, list[str]] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()
    broken: str = ""


def import_plugin(
    manager: pluggy.PluginManager, info: PluginInfo, load: Callable[[], Any]
) -> list[Offer]:
    """Load and register a plugin, and return what it offers. Raises whatever goes wrong."""
    plugin = None
    try:
        with loading(f"plugin {info.name}", info.name):
            plugin = load()
            hooks = _hooks_of(manager, plugin)
            manager.register(plugin, info.name)
            check_events(manager, plugin)
            offers = list(_offers_of(manager, info, plugin))
            info.hooks = hooks
            return offers
    except BaseException:
        if plugin is not None and manager.has_plugin(info.name):
            manager.unregister(name=info.name)
        raise


def configured(kind: str, factory: Callable[..., Any]) -> Callable[..., Any]:
    """Return what has the options: a factory, or a metric or table after what it is called with."""
    if kind not in CALLED_WITH:
        return factory
    made = functools.partial(factory, *[None] * CALLED_WITH[kind])
    made.option_values = getattr(factory, "option_values", {})  # type: ignore[attr-defined]
    return made


def check_noun(noun: Any) -> None:
    """Raise UsageError unless this is one of NOUNS."""
    if noun not in NOUNS.values():
        raise UsageError(f"no kind of plugin {noun!r}; {suggest(str(noun), NOUNS.values())}")


@contextlib.contextmanager
def loading(what: str, name: str) -> Iterator[None]:
    """In this block, code of a plugin or file is imported; it must not end or change the process.

    Raises RecbenchError if it has done so before.
    """
    if name in CRASHED:
        raise RecbenchError(CRASHED[name])
    with noted(f"the import of {what}", importing=name), _undone_changes(), _refuse_hard_exits():
        yield


def _implementations(
    manager: pluggy.PluginManager, hook: str, plugin: Any
) -> list[pluggy.HookImpl]:
    """Return a plugin's functions for a hook."""
    implementations = getattr(manager.hook, hook).get_hookimpls()
    return [implementation for implementation in implementations if implementation.plugin is plugin]


def _offers_of(manager: pluggy.PluginManager, info: PluginInfo, plugin: Any) -> Iterator[Offer]:
    """Yield the offers of a plugin. Raises RecbenchError for a wrong type or name."""
    for kind in KINDS:
        hook = f"recbench_{kind}"
        for implementation in _implementations(manager, hook, plugin):
            factories = implementation.function()
            if not isinstance(factories, Mapping):
                raise RecbenchError(
                    f"{hook}() returned {_kind(factories)}; it must return a mapping from names to "
                    "classes or functions, as in {'mine': Mine}"
                )
            for number, (name, factory) in enumerate(factories.items()):
                if number == MOST:
                    raise RecbenchError(f"{hook}() returned more than {MOST} names; return fewer")
                if not callable(factory):
                    raise RecbenchError(
                        f"{hook}() returned {_kind(factory)} for the name {name!r}; it must map "
                        "names to classes or functions, as in {'mine': Mine}"
                    )
                _check_name(f"{hook}() returned the name", name)
                home = implementation.function.__module__ or ""
                offer = Offer(kind, name, factory, info.name, info.version, home=home)
                yield dataclasses.replace(offer, aliases=_check_attributes(offer))


def _kind(value: Any) -> str:
    """Return what a hook returned, for errors."""
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _check_name(what: str, name: Any) -> None:
    """Raise RecbenchError for a name that cannot be typed, or could be mistaken for an option."""
    if not isinstance(name, str) or not (NAME.fullmatch(name) or FILED.fullmatch(name)):
        raise RecbenchError(
            f"{what} {name!r}; a name has 1 to 100 letters, digits and characters of '-_.+', and "
            "begins with a letter or digit"
        )


def _check_attributes(offer: Offer) -> tuple[str, ...]:
    """Return the factory's own attribute `aliases`; a subclass does not inherit other names.

    Raises RecbenchError if it or another attribute has a wrong type.
    """
    factory = offer.factory
    aliases = getattr(factory, "__dict__", {}).get("aliases", ())
    if not isinstance(aliases, (tuple, list)) or not all(isinstance(name, str) for name in aliases):
        raise RecbenchError(
            f"{offer.what} has the aliases {aliases!r}; they must be a tuple of names"
        )
    for alias in aliases:
        _check_name(f"{offer.what} has the alias", alias)
    for attribute in ("renamed_options", "option_aliases", "option_groups"):
        value = getattr(unwrapped(factory), attribute, {})
        if not isinstance(value, Mapping):
            raise RecbenchError(f"{offer.what} has the {attribute} {value!r}; it must be a dict")
    check_space(offer.what, getattr(unwrapped(factory), "search_space", {}), factory)
    _ = offer.summary  # a docstring that cannot be read is found here
    return tuple(aliases)


def check_events(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Raise RecbenchError for an event hook that would not get what it is called with, or not run.

    Such a hook may have fewer parameters than it can have, but one at least.
    """
    for event, known in EVENTS.items():
        for hook in _implementations(manager, event, plugin):
            function, names = hook.function, hook.argnames
            runs = not (
                inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function)
            )
            if not names or not set(names) <= set(known) or not runs:
                wanted = f"one parameter, `{known[0]}`, that has no default"
                if len(known) > 1:
                    wanted = f"the parameters {', '.join(known)} or some of them, without defaults"
                raise RecbenchError(
                    f"{event} must be a function, without async and yield, with {wanted}"
                )


@contextlib.contextmanager
def _undone_changes() -> Iterator[None]:
    """Undo what the code in this block changes in the process and could harm what runs later."""
    folder = None
    with contextlib.suppress(OSError):  # it may be deleted
        folder = os.getcwd()
    mask = os.umask(0o077)
    os.umask(mask)
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    seconds = socket.getdefaulttimeout()
    streams, words = (sys.stdout, sys.stderr), list(sys.argv)
    try:
        with np.errstate():
            yield
    finally:
        with contextlib.suppress(OSError):
            os.chdir(folder or os.curdir)
        os.umask(mask)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler and handler is not None:
                signal.signal(number, handler)
        socket.setdefaulttimeout(seconds)
        (sys.stdout, sys.stderr), sys.argv[:] = streams, words


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


def _hooks_of(manager: pluggy.PluginManager, plugin: Any) -> tuple[str, ...]:
    """Return the hooks that a plugin implements.

    Raises RecbenchError for a misspelt one, which pluggy would ignore.
    """
    marked = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in marked:
        if name not in HOOKS:
            raise RecbenchError(f"it implements an unknown hook, {name}; {suggest(name, HOOKS)}")
    unmarked = sorted(name for name in dir(plugin) if name in HOOKS and name not in marked)
    if unmarked:
        raise RecbenchError(f"{unmarked[0]} is not marked; add @recbench.hookimpl above it")
    if not marked:
        raise RecbenchError("it implements no hook; mark its functions with @recbench.hookimpl")
    return tuple(name for name in ORDER if name in marked)
