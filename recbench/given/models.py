"""Before step 1: models that are given as Python objects or files, in place of names."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from recbench.code.content import same
from recbench.code.python_file import FILES, is_python_file, load_file
from recbench.code.raised import describe_raised
from recbench.errors import RecbenchError, UsageError
from recbench.given.instances import SCALARS, built_with, unfitted
from recbench.given.option_text import option_text, read_values, reads_as
from recbench.hookspecs import hookimpl
from recbench.offers import HOOKS, NAME, loading
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.spec import Spec, parameters, signature, unwrapped

FILLED = ("seed", "device")
"""The options that recbench sets if they have their defaults."""

ACCEPTED = (
    "give a name, a class, an object, a function that builds a model, a module, the path of a .py "
    "file, or a mapping from names to these"
)


def with_models(plugins: Plugins, models: Any) -> tuple[Plugins, list[str]]:
    """Return plugins that offer the given models too, and the models as text with their options.

    models: a text, a class, an object, a function or partial that builds a model, a module, the
    path of a .py file, a mapping from names to these, or several of all this.

    Raises UsageError for what is no model and for names that cannot be used, and RecbenchError for
    a file that fails.
    """
    given = _Given(plugins)
    given.add(models)
    return given.plugins_with_all(), given.texts


def with_model(plugins: Plugins, model: Any) -> tuple[Plugins, str]:
    """Do the same for a single model."""
    plugins, texts = with_models(plugins, model)
    if len(texts) != 1:
        raise UsageError(f"name a single model, not {len(texts)}{_listed(texts)}")
    return plugins, texts[0]


class _Given:
    """Collects models.

    texts: each with its options. factories: name -> what builds the model. values: name -> the
    values that texts of its options stand for. modules: modules with hooks, by name of the plugin.
    """

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self.texts: list[str] = []
        self.factories: dict[str, Callable[..., Any]] = {}
        self.values: dict[str, dict[str, Any]] = {}
        self.modules: dict[str, types.ModuleType] = {}
        self._files: dict[Path, types.ModuleType] = {}

    def add(self, model: Any, name: str = "") -> None:
        """Add a model or several. name: that the user has given it; "" for its own."""
        if isinstance(model, str):
            self._add_text(model, name)
        elif isinstance(model, Path):
            if not is_python_file(str(model)):
                raise UsageError(f"{str(model)!r} is no .py file; {ACCEPTED}")
            self._add_text(str(model), name)
        elif isinstance(model, types.ModuleType):
            self._add_module(model, name, model.__name__)
        elif inspect.isclass(model):
            missing = _missing(model)
            if missing:
                raise UsageError(f"class {model.__name__} is no model: it has no {missing}")
            _check_fit(model, model.__name__)
            _check_complete(model, {})
            self._add_factory(name, model, {})
        elif isinstance(model, functools.partial):
            self._add_factory(name, model.func, _arguments(model))
        elif inspect.isroutine(model):
            _check_complete(model, {})
            self._add_factory(name, model, {})
        elif isinstance(model, Mapping) and not name:
            for key, each in model.items():
                _check_name(key, str(key))
                self.add(each, key)
        elif _is_several(model) and not name:
            for each in model:
                self.add(each)
        else:
            self._add_object(model, name)

    def plugins_with_all(self) -> Plugins:
        """Return the plugins with all that was added."""
        if not self.factories and not self.modules:
            return self.plugins
        by_home: dict[str, dict[str, Callable[..., Any]]] = {}
        for name, factory in self.factories.items():
            if self.values.get(name):
                factory = functools.partial(factory)  # noqa: PLW2901  that can hold the values
                factory.option_values = self.values[name]  # type: ignore[attr-defined]
            home = str(getattr(unwrapped(factory), "__module__", ""))
            by_home.setdefault(home, {})[name] = factory
        new: dict[str, Any] = {}
        for home, factories in by_home.items():
            new[self._free(_title(home), new)] = _plugin(home, factories)
        plugins = load_plugins(**self.plugins.given, **self.modules, **new)
        for title in new:
            if plugins.infos[title].broken:
                raise UsageError(plugins.infos[title].broken)
        return plugins

    def _free(self, title: str, others: Collection[str] = ()) -> str:
        """Return a name for a plugin that no other has."""
        while title in self.plugins.infos or title in self.modules or title in others:
            title += " (given)"
        return title

    def _add_text(self, text: str, name: str) -> None:
        spec = Spec.parse(text)
        if is_python_file(spec.name):
            file = Path(spec.name).expanduser().absolute()
            if file not in self._files:
                self._files[file] = _loaded(spec.name)
            self._add_module(self._files[file], name, spec.name, spec.options)
        elif name and name != spec.name:
            factory = self.plugins.find("models", spec.name).factory
            self._add_factory(name, factory, read_values(text, factory, spec.options))
        else:
            self.texts.append(str(spec))

    def _add_module(
        self,
        module: types.ModuleType,
        name: str,
        where: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Add the models of a module. where: its name, or the path of a file.

        Several are added unless there can be only one: in a file without hooks, with a name, and
        with options.
        """
        marked = self.plugins.manager.parse_hookimpl_opts
        has_hooks = any(name in HOOKS or marked(module, name) is not None for name in vars(module))
        found = self._hooked(module, where) if has_hooks else _classes(module)
        if not found:
            missing = "its hooks offer none" if has_hooks else _why_none(module)
            raise UsageError(f"{where} has no model: {missing}")
        if len(found) > 1 and (name or options or (module.__name__ in FILES and not has_hooks)):
            raise UsageError(f"{where} has several models{_listed(found)}; leave one in it")
        for own, factory in found.items():
            if name:
                self._add_factory(name, factory, read_values(where, factory, options or {}))
                continue
            if not has_hooks:
                self._register(own, factory)
            self.texts.append(str(Spec(own, options or {})))

    def _hooked(self, module: types.ModuleType, where: str) -> dict[str, Callable[..., Any]]:
        """Return the models of a module with hooks, which is a plugin from now on."""
        plugins, title = self.plugins, self.plugins.manager.get_name(module)
        if title is None:
            known = [title for title, each in self.modules.items() if each is module]
            title = known[0] if known else self._free(Path(where).name)
            self.modules[title] = module
            plugins = load_plugins(**self.plugins.given, **{title: module})
            for name in plugins.infos[title].gives.get("models", ()):
                self._check_free(name)
        if plugins.infos[title].broken:
            raise RecbenchError(f"{where}: {plugins.infos[title].broken}")
        offers = [offer for offer in plugins.offers("models") if offer.plugin == title]
        return {offer.name: offer.factory for offer in offers}

    def _add_object(self, model: Any, name: str) -> None:
        """Add a model object: what runs is a new one, built with the same parameters."""
        missing = _missing(model)
        if missing:
            kind = "None" if model is None else f"an object of type {type(model).__name__}"
            if isinstance(model, SCALARS) or _is_table(model):
                raise UsageError(f"{kind} is no model; {ACCEPTED}")
            raise UsageError(f"{kind} is no model: it has no {missing}")
        _check_fit(model, type(model).__name__)
        values, changed = built_with(model)
        values, fitted = unfitted(values)
        changed = [*changed, *fitted]
        label = name or type(model).__name__
        if changed:
            log.warning(
                "%s: this object was fitted or changed after it was built (%s); a new one is built "
                "with the same parameters and fitted",
                label,
                ", ".join(changed[:5]) + ", ..." * (len(changed) > 5),
            )
        self._add_factory(name, type(model), values)

    def _add_factory(
        self, name: str, factory: Callable[..., Any], values: Mapping[str, Any]
    ) -> None:
        """Add a model with values of its options.

        They are options in its text or, if the user has given it a name, bound to the factory.
        """
        own = name or getattr(unwrapped(factory), "__name__", "")
        _check_name(own, own)
        texts: dict[str, str] = {}
        for key, value in values.items():
            if not name or key in FILLED:
                texts[key] = option_text(own, factory, key, value)
        bound = {key: value for key, value in values.items() if key not in texts}
        self._register(own, functools.partial(factory, **bound) if bound else factory)
        for key, text in texts.items():
            if not reads_as(own, factory, key, text, values[key]):
                self.values.setdefault(own, {})[text] = values[key]
        self.texts.append(str(Spec(own, texts)))

    def _register(self, name: str, factory: Callable[..., Any]) -> None:
        self._check_free(name)
        if not same(self.factories.setdefault(name, factory), factory):
            raise UsageError(
                f"two models are called {name!r}; rename one, or name both in Python, as in "
                "{'first': ..., 'second': ...}"
            )

    def _check_free(self, name: str) -> None:
        """Raise UsageError for the name of an installed model."""
        if name in self.plugins.names("models"):
            plugin = self.plugins.find("models", name).plugin
            raise UsageError(
                f"{name!r} is a model of plugin {plugin}; give yours another name, as in "
                f"{{'my-{name}': ...}}"
            )


def _loaded(file: str) -> types.ModuleType:
    """Load a file. Raises RecbenchError for all that its code raises."""
    try:
        with loading(f"file {file}", file):
            return load_file(file)
    except (UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit
        raise RecbenchError(f"file {file} failed: {describe_raised(error)}") from error


def _plugin(home: str, factories: Mapping[str, Callable[..., Any]]) -> Any:
    """Return a plugin that offers models whose code is in the module `home`."""

    def recbench_models() -> Mapping[str, Callable[..., Any]]:
        return factories

    recbench_models.__module__ = home
    return types.SimpleNamespace(recbench_models=hookimpl(recbench_models))


def _title(module: str) -> str:
    """Return what the plugin of a module is called: its file, if that was run or loaded."""
    main = getattr(sys.modules["__main__"], "__file__", None) if module == "__main__" else None
    return Path(FILES.get(module, main or module)).name


def _is_several(models: Any) -> bool:
    """Whether this is an iterable of models, and not a model itself."""
    return isinstance(models, Iterable) and not _is_table(models) and bool(_missing(models))


def _is_table(model: Any) -> bool:
    return hasattr(model, "columns")


def _classes(module: types.ModuleType) -> dict[str, type]:
    """Return the classes of a module that are models, without those that it has imported."""
    return {name: value for name, value in _own_classes(module).items() if not _missing(value)}


def _own_classes(module: types.ModuleType) -> dict[str, type]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and value.__name__ == name
        and not name.startswith("_")
        and not inspect.isabstract(value)
    }


def _why_none(module: types.ModuleType) -> str:
    """Return why no class of a module is a model."""
    lacking = {name: _missing(value) for name, value in _own_classes(module).items()}
    if len(lacking) == 1:
        ((name, missing),) = lacking.items()
        return f"class {name} has no {missing}"
    return "it has no class with fit(train), and score(history) or recommend(history, k)"


def _missing(model: Any) -> str:
    """Return what a class or object lacks to be a model; "" if it lacks nothing."""

    def has(method: str) -> bool:
        try:
            return callable(getattr(model, method, None))
        except Exception:  # an attribute may raise anything
            return False

    fits = [] if has("fit") else ["fit(train)"]
    answers = (
        [] if has("score") or has("recommend") else ["score(history) or recommend(history, k)"]
    )
    return ", and no ".join(fits + answers)


def _check_fit(model: Any, name: str) -> None:
    """Raise UsageError for a class or object whose `fit` needs more than the training data."""
    fit = model.fit
    takes = list(signature(fit).items())[1 if inspect.isfunction(fit) else 0 :]
    needed = [key for key, parameter in takes if _is_needed(parameter)]
    if len(needed) > 1 or str(getattr(fit, "__module__", "")).startswith("sklearn."):
        raise UsageError(
            f"{name} is no model: its fit takes {', '.join(key for key, _ in takes)}. Write a "
            "class with fit(train) and score(history) that uses it"
        )


def _check_complete(factory: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Raise UsageError for a factory with a parameter that has no value."""
    missing = parameters(factory)[0].keys() - values.keys() - set(FILLED)
    for key, parameter in signature(factory).items():
        if key in missing and _is_needed(parameter):
            name = getattr(factory, "__name__", "it")
            give = "an object, as in " if inspect.isclass(factory) else "lambda: "
            raise UsageError(f"{name} needs a value of {key!r}; give {give}{name}({key}=...)")


def _is_needed(parameter: inspect.Parameter) -> bool:
    several = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in several


def _check_name(name: Any, shown: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        wrong = "a lambda" if shown == "<lambda>" else repr(name)
        raise UsageError(
            f"{wrong} is no name for a model. Give it one, as in {{'mine': ...}}, with 1 to 100 "
            "letters, digits and characters of '-_.+', and a letter or digit first"
        )


def _arguments(partial: functools.partial[Any]) -> dict[str, Any]:
    """Return the arguments of a partial by name. Raises UsageError if they do not fit."""
    try:
        found = inspect.signature(partial.func).bind_partial(*partial.args, **partial.keywords)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{partial!r} does not fit: {error}") from error
    values: dict[str, Any] = {}
    for key, value in found.arguments.items():
        kind = found.signature.parameters[key].kind
        values.update(value if kind is inspect.Parameter.VAR_KEYWORD else {key: value})
    _check_complete(partial.func, values)
    return values


def _listed(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f" ({listed})" if listed else ""
