"""Before step 1: what is given in place of a name, as a Python object or a file."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from recbench.code.content import same
from recbench.code.python_file import FILES, file_and_member, is_python_file
from recbench.errors import RecbenchError, UsageError, with_article
from recbench.given.files import has_hooks, loaded, member
from recbench.given.instances import SCALARS, rebuilt_with
from recbench.given.option_text import option_text, read_values, reads_as
from recbench.hookspecs import hookimpl
from recbench.offers import FILED, NAME, configured
from recbench.plugins import Plugins, load_plugins
from recbench.spec import Spec, check_option_names, each_value, needed, unwrapped

FILLED = ("seed", "device")
"""The options that recbench sets if they have their defaults."""

FILE_AND_MORE = re.compile(r"\.py:", re.IGNORECASE)
"""What a text with a .py file has, even if what follows the file cannot be read."""

Factory = Callable[..., Any]


@dataclass
class Row:
    """One of what is given, with its options as text.

    factory: what makes it; None if a plugin offers it. values: text of an option -> the value that
    it stands for. file: the .py file that holds it, as the user has typed it, or "".
    """

    name: str
    options: dict[str, str]
    factory: Factory | None = None
    values: dict[str, Any] = field(default_factory=dict)
    file: str = ""


class Given:
    """Collects what is given for one kind of name. Each kind has its own subclass.

    kind: such as "models". noun: what errors call one of them. accepted: how they can be given.
    lists: whether options can have several values. filled: the options that recbench fills in.
    has_more_options: whether there are options besides those of the factory.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    accepted: ClassVar[str]
    lists: ClassVar[bool] = True
    filled: ClassVar[tuple[str, ...]] = ()
    has_more_options: ClassVar[bool] = False

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self.rows: list[Row] = []

    def missing(self, made: Any) -> str:
        """Return what a class or an object lacks to be of this kind; "" if it lacks nothing."""
        raise NotImplementedError

    def check(self, made: Any, name: str) -> None:
        """Raise UsageError for a class or object that is of this kind by its methods only."""

    def of_function(self, function: Factory) -> Factory:
        """Return the factory of what a function is or makes. Raises UsageError for other ones."""
        return function

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        """Return what a module without hooks has of this kind, by name."""
        raise NotImplementedError

    def why_none(self, module: types.ModuleType) -> str:
        """Return why a module without hooks has nothing of this kind."""
        raise NotImplementedError

    def add(self, given: Any, name: str = "") -> None:
        """Add one or several. name: that the user has given it; "" for its own."""
        if isinstance(given, str):
            self._add_text(given, name)
        elif isinstance(given, Path):
            if not is_python_file(str(given)):
                raise UsageError(f"{str(given)!r} is not a .py file; {self.accepted}")
            self._add_text(str(given), name)
        elif isinstance(given, types.ModuleType):
            self._add_found(given, given.__name__, Spec(""), name)
        elif inspect.isclass(given) or inspect.isroutine(given):
            factory = self._factory_of(given)
            self._check_complete(factory, {})
            self._add_factory(name, factory, {})
        elif isinstance(given, functools.partial):
            factory = self._factory_of(given.func)
            self._add_factory(name, factory, self._arguments(factory, given))
        elif isinstance(given, Mapping) and not name:
            for key, each in given.items():
                self._check_name(key, str(key))
                self.add(each, key)
        elif not name and _is_several(given) and self.missing(given):
            for each in given:
                self.add(each)
        else:
            self.add_object(given, name)

    def add_object(self, given: Any, name: str) -> None:
        """Add an object: what is used is a new one, built with the same parameters."""
        missing = self.missing(given)
        if missing:
            kind = "None" if given is None else f"an object of type {type(given).__name__}"
            if isinstance(given, SCALARS) or hasattr(given, "columns"):  # a table
                raise UsageError(f"{kind} is not {with_article(self.noun)}; {self.accepted}")
            raise UsageError(f"{kind} is not {with_article(self.noun)}: it has no {missing}")
        self.check(given, type(given).__name__)
        self._add_factory(name, type(given), rebuilt_with(given, name or type(given).__name__))

    def result(self) -> tuple[Plugins, list[str]]:
        """Return plugins that offer all that was added, and its names with their options.

        Raises UsageError if two have the same name.
        """
        names = self._names()
        factories: dict[str, Factory] = {}
        values: dict[str, dict[str, Any]] = {}
        typed = {}
        for name, row in zip(names, self.rows, strict=True):
            if row.factory is not None:
                factories[name] = row.factory
                values.setdefault(name, {}).update(row.values)
            if row.file:
                typed[self.kind, name] = f"{row.file}:{row.name}"
        by_home: dict[str, dict[str, Factory]] = {}
        for name, factory in factories.items():
            if values[name]:
                factory = functools.partial(factory)  # noqa: PLW2901  that can hold the values
                factory.option_values = values[name]  # type: ignore[attr-defined]
            home = str(getattr(unwrapped(factory), "__module__", ""))
            by_home.setdefault(home, {})[name] = factory
        new: dict[str, Any] = {}
        for home, own in by_home.items():
            new[self._free(_title(home), new)] = self._plugin(home, own)
        plugins = _giving(self.plugins, new, typed) if new or typed else self.plugins
        for title in new:
            if plugins.infos[title].broken:
                raise UsageError(plugins.infos[title].broken)
        texts = [str(Spec(name, row.options)) for name, row in zip(names, self.rows, strict=True)]
        return plugins, texts

    def single(self) -> tuple[Plugins, str]:
        """Return the same for a single one. Raises UsageError for several."""
        plugins, texts = self.result()
        if len(set(texts)) != 1:
            raise UsageError(f"name a single {self.noun}, not {len(texts)}{listed(texts)}")
        return plugins, texts[0]

    def _names(self) -> list[str]:
        """Return the name of each row, with its file if two files have something of the name."""
        factories: dict[str, list[Row]] = {}
        for row in self.rows:
            others = factories.setdefault(row.name, [])
            if row.factory is not None and not any(
                same(row.factory, each.factory) for each in others
            ):
                others.append(row)
        names = []
        for row in self.rows:
            name, different = row.name, factories[row.name]
            if len(different) > 1:
                filed = {_filed(each) for each in different}
                if len(filed) < len(different) or not all(map(FILED.fullmatch, filed)):
                    raise UsageError(
                        f"two {self.kind} are called {name!r}; rename one, or name both in Python, "
                        "as in {'first': ..., 'second': ...}"
                    )
                name = _filed(row)
            names.append(name)
        return names

    def _add_text(self, text: str, name: str) -> None:
        texts = each_value(text) if self.lists else [text]
        if name and len(texts) > 1:
            several = f"{self.kind}{listed(texts)}"
            raise UsageError(f"{name!r} names several {several}; name each of them")
        for each in texts:
            spec = Spec.parse(each)
            file, wanted = file_and_member(spec.name)
            if not name and spec.name in self.plugins.names(self.kind):  # perhaps FILE.py:NAME
                self.rows.append(Row(spec.name, dict(spec.options)))
            elif is_python_file(spec.name):
                module = loaded(self.plugins, file)
                self._add_found(module, file, Spec(wanted, spec.options), name)
            elif name and name != spec.name:
                factory = self.plugins.find(self.kind, spec.name).factory
                self._add_factory(name, factory, self._read(each, factory, spec.options))
            elif FILE_AND_MORE.search(spec.name):
                raise UsageError(
                    f"{spec.name!r} is not a name; write FILE.py:NAME or "
                    "FILE.py:NAME:option=value,option=value"
                )
            else:
                self.rows.append(Row(spec.name, dict(spec.options)))

    def _add_found(self, module: types.ModuleType, where: str, wanted: Spec, name: str) -> None:
        """Add what a module has of this kind.

        Several are added unless there can be only one: in a file without hooks, with a name, and
        with options.

        where: its name, or the path of a file. wanted: the name of one of them, or "", and options.
        name: that the user has given it, or "".
        """
        offered = self._hooked(module, where) if has_hooks(self.plugins, module) else {}
        found = offered or self.found_in(module)
        if wanted.name and wanted.name not in found:
            made = member(module, where, wanted.name, found, self.noun)
            found = {wanted.name: self._factory_of(made)}
        elif wanted.name:
            found = {wanted.name: found[wanted.name]}
        if not found:
            raise UsageError(f"{where} has no {self.noun}: {self.why_none(module)}")
        is_file = FILES.get(module.__name__) is not None
        if len(found) > 1 and (name or wanted.options or (is_file and not offered)):
            form = f"name one of them, as in {where}:{next(iter(found))}"
            raise UsageError(
                f"{where} has several {self.kind}{listed(found)}; "
                f"{form if is_file else 'leave one in it'}"
            )
        file = where if is_file else ""
        for own, factory in found.items():
            write = f"{file}:{own}:{{}}=VALUE" if file else ""
            what = f"{self.noun} {own}"
            if not self.has_more_options:
                check_option_names(what, wanted.options, configured(self.kind, factory))
            self._check_complete(factory, wanted.options, write)
            if name:
                values = self._read(where, factory, wanted.options)
                self._add_factory(name, factory, values, file)
                continue
            if own not in offered:
                self._check_free(own, file)
            options = dict(wanted.options)
            self.rows.append(Row(own, options, None if own in offered else factory, file=file))

    def _hooked(self, module: types.ModuleType, where: str) -> dict[str, Factory]:
        """Return what the hooks of a module offer, which is a plugin from now on."""
        title = self.plugins.manager.get_name(module)
        if title is None:
            before, title = self.plugins, self._free(Path(where).name)
            plugins = _giving(before, {title: module}, {})
            for name in plugins.infos[title].gives.get(self.kind, ()):
                self._check_free(name)
            self.plugins = plugins
        if self.plugins.infos[title].broken:
            raise RecbenchError(f"{where}: {self.plugins.infos[title].broken}")
        offers = [offer for offer in self.plugins.offers(self.kind) if offer.plugin == title]
        return {offer.name: offer.factory for offer in offers}

    def _factory_of(self, made: Any) -> Factory:
        """Return the factory of a class or function. Raises UsageError for one of another kind."""
        if not inspect.isclass(made):
            return self.of_function(made)
        missing = self.missing(made)
        if missing:
            kind = with_article(self.noun)
            raise UsageError(f"class {made.__name__} is not {kind}: it has no {missing}")
        self.check(made, made.__name__)
        return made

    def _add_factory(
        self, name: str, factory: Factory, values: Mapping[str, Any], file: str = ""
    ) -> None:
        """Add a factory with values of its options.

        They are options in its text or, if the user has given it a name, bound to the factory.
        """
        own = name or getattr(unwrapped(factory), "__name__", "")
        self._check_name(own, own)
        self._check_free(own)
        with_options, texts = configured(self.kind, factory), dict[str, str]()
        for key, value in values.items():
            if not name or key in FILLED:
                texts[key] = option_text(own, with_options, key, value)
        bound = {key: value for key, value in values.items() if key not in texts}
        made = functools.partial(factory, **bound) if bound else factory
        unread = {
            text: values[key]
            for key, text in texts.items()
            if not reads_as(own, with_options, key, text, values[key])
        }
        self.rows.append(Row(own, texts, made, unread, file))

    def _read(self, what: str, factory: Factory, options: Mapping[str, str]) -> dict[str, Any]:
        return read_values(what, configured(self.kind, factory), options)

    def _arguments(self, factory: Factory, partial: functools.partial[Any]) -> dict[str, Any]:
        """Return the arguments of a partial by name. Raises UsageError if they do not fit."""
        takes = inspect.signature(configured(self.kind, factory))
        try:
            found = takes.bind_partial(*partial.args, **partial.keywords)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{partial!r} does not fit: {error}") from error
        values: dict[str, Any] = {}
        for key, value in found.arguments.items():
            kind = found.signature.parameters[key].kind
            values.update(value if kind is inspect.Parameter.VAR_KEYWORD else {key: value})
        self._check_complete(factory, values)
        return values

    def _check_complete(self, factory: Factory, values: Mapping[str, Any], write: str = "") -> None:
        """Raise UsageError for a factory with a parameter that has no value.

        write: how to give one, with a place for the parameter; "" for a Python object.
        """
        for key in needed(configured(self.kind, factory)):
            if key in values or key in self.filled:
                continue
            name = getattr(unwrapped(factory), "__name__", "it")
            if write:
                raise UsageError(f"{name} needs the option {key}; write {write.format(key)}")
            give = "an object, as in " if inspect.isclass(factory) else "lambda: "
            raise UsageError(f"{name} needs a value of {key!r}; give {give}{name}({key}=...)")

    def _check_name(self, name: Any, shown: str) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            wrong = "a lambda" if shown == "<lambda>" else repr(name)
            raise UsageError(
                f"{wrong} is not a valid name for {with_article(self.noun)}. Give it one of 1 to "
                "100 letters, digits and -_.+, with a letter or digit first, as in {'mine': ...}"
            )

    def _check_free(self, name: str, file: str = "") -> None:
        """Raise UsageError for a name that a plugin offers. file: the one that is named, or ""."""
        if name not in self.plugins.names(self.kind):
            return
        plugin = self.plugins.find(self.kind, name).plugin
        rename = f"give yours another name, as in {{'my-{name}': ...}}"
        if file:
            rename = f"rename the one in {file}"
        raise UsageError(f"{name!r} is {with_article(self.noun)} of plugin {plugin}; {rename}")

    def _free(self, title: str, others: Iterable[str] = ()) -> str:
        """Return a name for a plugin that no other has."""
        while title in self.plugins.infos or title in others:
            title += " (given)"
        return title

    def _plugin(self, home: str, factories: Mapping[str, Factory]) -> Any:
        """Return a plugin that offers what has its code in the module `home`."""

        def hook() -> Mapping[str, Factory]:
            return factories

        hook.__module__ = home
        return types.SimpleNamespace(**{f"recbench_{self.kind}": hookimpl(hook)})


def as_typed(plugins: Plugins, kind: str, text: str) -> str:
    """Return a name with options as users type it, with its file if it is in one."""
    spec = Spec.parse(text.replace("|", "||"))
    return str(Spec(plugins.typed.get((kind, spec.name), spec.name), spec.options))


def _giving(
    plugins: Plugins, new: Mapping[str, Any], typed: Mapping[tuple[str, str], str]
) -> Plugins:
    """Return these plugins and new ones, with the files that were loaded for these."""
    made = load_plugins(**plugins.given, **new)
    made.files, made.measured, made.asked = plugins.files, plugins.measured, plugins.asked
    made.typed = {**plugins.typed, **typed}
    return made


def _title(module: str) -> str:
    """Return what the plugin of a module is called: its file, if that was run or loaded."""
    main = getattr(sys.modules["__main__"], "__file__", None) if module == "__main__" else None
    return Path(FILES.get(module, main or module)).name


def _filed(row: Row) -> str:
    return f"{Path(row.file).name}:{row.name}"


def _is_several(given: Any) -> bool:
    return isinstance(given, Iterable) and not hasattr(given, "columns")  # it may be a DataFrame


def listed(names: Iterable[str]) -> str:
    """Return names in brackets, after a space; "" without names."""
    text = ", ".join(names)
    return f" ({text})" if text else ""
