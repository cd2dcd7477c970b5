"""Before step 1: find the installed plugins, without letting a broken one affect the others."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pluggy

from recbench import hookspecs
from recbench.code.installed import GROUP, chosen_plugins, warn_of_namesake
from recbench.code.raised import describe_raised
from recbench.errors import UsageError
from recbench.guard import noted
from recbench.missing import unknown, why_broken
from recbench.offers import KINDS, NOUNS, Offer, PluginInfo, import_plugin
from recbench.progress import log
from recbench.spec import Spec, needed, read_options


class Plugins:
    """The available plugins and what they offer. `load_plugins` creates it.

    Attributes
    ----------
    infos : dict of str to PluginInfo
        Every plugin by name, with its version, its offers and, if it is broken, the reason.
    given : dict of str to object
        The plugins that are not installed but were given as objects, by name.
    files : dict of path to module
        The .py files that were named in place of a name, each loaded once.
    typed : dict of tuple to str
        How users type what is in such files: ("splitters", "Mine") -> "mine.py:Mine".
    measured : list of Spec
        Metrics with options that are measured besides all others.
    asked : set of str
        Metrics that were asked for by name, so that the log says why one is left out.

    Examples
    --------
    >>> import recbench
    >>> plugins = recbench.load_plugins()
    >>> plugins.names("splitters")
    ['given', 'leave-last-basket', 'leave-last-out', 'leave-n-out', 'random', 'sessions', ...]
    """

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.files: dict[Path, types.ModuleType] = {}
        self.typed: dict[tuple[str, str], str] = {}
        self.measured: list[Spec] = []
        self.asked: set[str] = set()
        self._warned: set[str] = set()
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.infos: dict[str, PluginInfo] = {}
        self._offers: dict[str, dict[str, list[Offer]]] = {kind: {} for kind in KINDS}
        self._by_alias: dict[str, dict[str, list[Offer]]] = {kind: {} for kind in KINDS}

    def add(self, name: str, version: str, load: Callable[[], Any]) -> None:
        """Load and register a plugin. If that fails, record the reason instead of raising it.

        Parameters
        ----------
        name : str
            Name of the plugin.
        version : str
            Its version, as stored with results.
        load : callable
            Function without arguments that returns the module or object with the hooks.

        Examples
        --------
        >>> from recbench.plugins import Plugins
        >>> plugins = Plugins()
        >>> plugins.add("empty", "1.0", lambda: object())
        >>> plugins.broken[0].broken
        'it implements no hook; mark its functions with @recbench.hookimpl'
        """
        info = self.infos[name] = PluginInfo(name, version)
        try:
            offers = import_plugin(self.manager, info, load)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            log.debug("plugin %s is broken", name, exc_info=True)
            info.broken = describe_raised(error)
            return
        for offer in offers:
            info.gives.setdefault(offer.kind, []).append(offer.name)
            self._offers[offer.kind].setdefault(offer.name, []).append(offer)
            for alias in offer.aliases:
                self._by_alias[offer.kind].setdefault(alias, []).append(offer)

    @property
    def broken(self) -> list[PluginInfo]:
        """The plugins that could not be loaded, as a list of PluginInfo."""
        return [info for info in self.infos.values() if info.broken]

    def names(self, kind: str) -> list[str]:
        """Return all names of one kind, sorted.

        Parameters
        ----------
        kind : {"datasets", "splitters", "models", "metrics", "tables", "executors", "trackers"}
            Kind of plugin.

        Returns
        -------
        list of str

        Examples
        --------
        >>> import recbench
        >>> "popular" in recbench.load_plugins().names("models")
        True
        """
        return sorted(self._offers[kind])

    def offers(self, kind: str) -> list[Offer]:
        """Return all offers of one kind, sorted by name.

        Parameters
        ----------
        kind : {"datasets", "splitters", "models", "metrics", "tables", "executors", "trackers"}
            Kind of plugin.

        Returns
        -------
        list of Offer
            A name that two plugins use is listed twice.

        Examples
        --------
        >>> import recbench
        >>> [offer.name for offer in recbench.load_plugins().offers("splitters")]
        ['given', 'leave-last-basket', 'leave-last-out', 'leave-n-out', 'random', 'sessions', ...]
        """
        return [offer for name in self.names(kind) for offer in self._offers[kind][name]]

    def find(self, kind: str, name: str) -> Offer:
        """Return the offer with the given name or, if there is none, with such an alias.

        Parameters
        ----------
        kind : {"datasets", "splitters", "models", "metrics", "tables", "executors", "trackers"}
            Kind of plugin.
        name : str
            Name or alias of the offer, without options.

        Returns
        -------
        Offer
            With `name`, `plugin`, `version`, `summary`, `factory` and `aliases`.

        Raises
        ------
        UsageError
            If no plugin uses the name, or more than one does.

        Examples
        --------
        >>> import recbench
        >>> recbench.load_plugins().find("models", "popular").plugin
        'popular'
        >>> recbench.load_plugins().find("splitters", "leave-one-out").name
        'leave-last-out'
        """
        offers = self._offers[kind].get(name, [])
        aliased = self._by_alias[kind].get(name, [])
        if len(offers or aliased) == 1:
            return (offers or aliased)[0]
        singular = NOUNS[kind]
        if offers:
            claims = " and ".join(offer.plugin for offer in offers)
            raise UsageError(
                f"{singular} {name!r} is offered by the plugins {claims}; uninstall one of them"
            )
        if aliased:
            names = " or ".join(sorted(repr(offer.name) for offer in aliased))
            raise UsageError(f"{singular} {name!r} can mean {names}; write one of these names")
        raise unknown(singular, name, {**self._offers[kind], **self._by_alias[kind]}, self.infos)

    def why_missing(self, model: str) -> str:
        """Explain why a model is missing, if a broken plugin is the likely cause.

        A broken plugin is suspected if its name resembles the model's. If there is no such plugin,
        and no other model has a similar name, every broken plugin is suspected.

        Parameters
        ----------
        model : str
            Name of the model, without options.

        Returns
        -------
        str
            The broken plugins and their errors; "" if the model exists or no plugin is suspected.

        Examples
        --------
        >>> import recbench
        >>> class Unfinished: ...
        >>> recbench.load_plugins(my_model=Unfinished).why_missing("my-model")
        'my-model: plugin my_model is broken: it implements no hook; mark its functions with @...'
        """
        if model in self._offers["models"] or model in self._by_alias["models"]:
            return ""
        return why_broken(model, self._offers["models"], self.broken)

    def build(self, kind: str, spec: Spec, **filled: Any) -> Any:
        """Call the factory that a spec names, with the options in the spec.

        Parameters
        ----------
        kind : {"datasets", "splitters", "models", "metrics", "tables", "executors", "trackers"}
            Kind of plugin.
        spec : recbench.spec.Spec
            Name and options, such as `Spec.parse("transformer:dim=128")`.
        **filled : object
            Values for parameters such as `seed`, used if the factory has them and the spec does
            not set them.

        Returns
        -------
        object
            The factory's return value, such as a model.

        Raises
        ------
        UsageError
            If the name or an option is unknown, or a value has the wrong type.
        RecbenchError
            If the factory fails.

        Examples
        --------
        >>> import recbench
        >>> from recbench.spec import Spec
        >>> recbench.load_plugins().build("models", Spec.parse("popular")).fit
        <bound method Popular.fit of ...>
        """
        offer = self.find(kind, spec.name)
        return offer.build(spec.options, filled)

    def check(self, kind: str, spec: Spec) -> Offer:
        """Check a name and its options without calling the factory.

        Parameters
        ----------
        kind : {"datasets", "splitters", "models", "metrics", "tables", "executors", "trackers"}
            Kind of plugin.
        spec : recbench.spec.Spec
            Name and options.

        Returns
        -------
        Offer
            The offer with this name.

        Raises
        ------
        UsageError
            If the name or an option is unknown, or a value has the wrong type.

        Examples
        --------
        >>> import recbench
        >>> from recbench.spec import Spec
        >>> recbench.load_plugins().check("models", Spec.parse("popular:rule=rated")).name
        'popular'
        """
        offer = self.find(kind, spec.name)
        read_options(offer.what, offer.configured, spec.options)
        return offer

    def metrics(self) -> dict[str, Callable[..., Any]]:
        """Return every metric that exactly one plugin offers, and those with other options.

        Returns
        -------
        dict of str to callable
            Name of the metric, with the options in `measured`, to its function of (ranking, k). A
            metric with an option that needs a value is only among those with options.

        Examples
        --------
        >>> import recbench
        >>> "ndcg" in recbench.load_plugins().metrics()
        True
        """
        found = {
            offer.name: offer.factory
            for offer in self.offers("metrics")
            if len(self._offers["metrics"][offer.name]) == 1 and not needed(offer.configured)
        }  # `find` refuses a name that two plugins use, so neither is measured
        for spec in self.measured:
            found[str(spec)] = self.find("metrics", spec.name).metric(spec.options)
        return found

    def notify(self, event: str, **arguments: Any) -> None:
        """Call a hook that is an event, of every plugin and tracker; log failures as warnings.

        Parameters
        ----------
        event : str
            Name of the hook, such as "recbench_run_finished".
        **arguments : object
            What it is called with; each plugin gets copies of all but `results`.

        Examples
        --------
        >>> import recbench
        >>> class Mine:
        ...     @recbench.hookimpl
        ...     def recbench_run_finished(self, result):
        ...         print("finished:", result)
        >>> recbench.load_plugins(mine=Mine()).notify("recbench_run_finished", result="a result")
        finished: a result
        """
        for hook in getattr(self.manager.hook, event).get_hookimpls():
            given = {key: arguments[key] for key in hook.argnames}
            given = {key: v if key == "results" else copy.deepcopy(v) for key, v in given.items()}
            name = hook.plugin_name
            where = f"{event} ({name if name.startswith('tracker ') else f'plugin {name}'})"
            try:
                with noted(where):
                    hook.function(**given)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # also SystemExit
                log.debug("%s failed", where, exc_info=True)
                if where not in self._warned:
                    log.warning("%s failed: %s", where, describe_raised(error))
                if event == "recbench_progress":  # one warning for all steps is enough
                    self._warned.add(where)


def load_plugins(**extra: Any) -> Plugins:
    """Load all installed plugins, and optionally others that are not installed.

    Installed plugins are the entry points of the group `recbench`. If the environment variable
    RECBENCH_PLUGINS is set, as in `movielens,metrics,my-plugin`, only those that it names are
    loaded. A plugin that cannot be loaded does not affect the others: it is listed in
    `Plugins.broken` with the reason.

    Parameters
    ----------
    **extra : module or object
        Plugins that are not installed, as name=module, for notebooks and tests.

    Returns
    -------
    Plugins
        The available plugins, to be passed as `plugins=` to `run`, `load_dataset` and others.

    Examples
    --------
    >>> import recbench
    >>> class MyModel:
    ...     "Recommend nothing in particular."
    >>> class MyPlugin:
    ...     @recbench.hookimpl
    ...     def recbench_models(self):
    ...         return {"my-model": MyModel}
    >>> plugins = recbench.load_plugins(mine=MyPlugin())
    >>> plugins.find("models", "my-model").summary
    'Recommend nothing in particular.'
    """
    warn_of_namesake()
    plugins = Plugins()
    for name, (version, load) in chosen_plugins().items():
        plugins.add(name, version, load)
    for name, plugin in extra.items():
        plugins.add(
            name, str(getattr(plugin, "__version__", "0")), functools.partial(_itself, plugin)
        )
    plugins.given = extra
    return plugins


def current_plugins(plugins: Plugins | None) -> Plugins:
    """Return the plugins, with what those given as objects offer now; None loads the installed.

    In a notebook, a class can be redefined after `load_plugins`, and a file edited.
    """
    if plugins is None:
        return load_plugins()
    current = load_plugins(**plugins.given) if plugins.given else copy.copy(plugins)
    current.files, current.typed, current.measured, current.asked = {}, {}, [], set()
    return current


def _itself(plugin: Any) -> Any:
    return plugin
