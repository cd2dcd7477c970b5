"""Before step 1: find the files that a plugin's code is in, and the libraries that it imports."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import itertools
import os
import pickle
import re
import sys
import types
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from recbench.code.content import code_of
from recbench.code.installed import is_library, is_standard, plugin_packages
from recbench.code.python_file import FILES
from recbench.code.runtime import captured, methods_of, runtime_digest
from recbench.progress import log

CODE = {".py", ".pyc", ".so", ".pyd"}

IGNORED = {".md", ".rst", ".ipynb", ".png", ".svg", ".pyi", ".typed"}
"""Files of a package that do not count: documentation, pictures and types."""

NO_SOURCE = "+no-source"
"""The end of the version of code that is in no file."""

_first_digests: weakref.WeakKeyDictionary[types.ModuleType, str] = weakref.WeakKeyDictionary()
"""Module of this process -> the digest of its file when it was first looked at."""

Stamp = tuple[Path, int, int]
"""A file, with the time of its last change and its size."""


@dataclass(frozen=True)
class Source:
    """The code that a model is made by.

    files: of the model's own package or file first, then of all that it imports and that belongs to
        no installed distribution or to a plugin of recbench; empty if some code is in no file.
    package: the model's own package. libraries: the other packages that are imported.
    state: the values that the factory was given at run time, such as those of a partial.
    """

    files: tuple[Path, ...] = ()
    package: str = ""
    libraries: frozenset[str] = frozenset()
    state: bytes = b""

    def digest(self) -> str:
        """Return a hash of all files and the state, "" without files or if one cannot be read."""
        return _hash_of(self.files, self.state)

    def code_digest(self) -> str:
        """Return a hash of the files with code, since a plugin may write others itself."""
        return _hash_of([file for file in self.files if file.suffix in CODE])

    def is_as_loaded(self) -> bool:
        """Whether the modules of this process still are what the files hold.

        It is known only of changes since this was first called.
        """
        modules = [each for each in tuple(sys.modules.values()) if type(each) is types.ModuleType]
        loaded = {vars(module).get("__file__"): module for module in modules}
        return all(
            _first_digests.setdefault(loaded[str(file)], digest) == digest
            for file in self.files
            if str(file) in loaded and (digest := _hash_of([file]))
        )

    def versions(self) -> dict[str, str]:
        """Return the versions of the distributions that are imported or required, by name."""
        names = {*map(_distribution, self.libraries), *_requirements(self.package)}
        found = {}
        for name in sorted(names):
            with contextlib.suppress(metadata.PackageNotFoundError, ValueError):
                found[name] = metadata.version(name)
        return found


def has_source(version: str) -> bool:
    """Whether this is the version of code that is in files, so that it can be recognised."""
    return not version.endswith(NO_SOURCE)


def source_of(factory: Callable[..., Any], home: str = "") -> Source:
    """Return the source of what a factory makes.

    home: the module of the plugin that offers the factory. Its file counts too, if it has one.

    Code that was typed or generated, or that is no longer what its file holds, has no source. A
    factory that belongs to a library is known by the plugin's file.
    """
    try:
        return _source_of(factory, home)
    except Exception:  # attributes of a plugin's objects may be anything, and raise anything
        log.debug("the source of %r is unknown", home, exc_info=True)
        return Source()


def _source_of(factory: Callable[..., Any], home: str) -> Source:
    parts = list(_parts(factory))
    units: dict[str, Path] = {}
    for part in [*parts, *itertools.chain.from_iterable(map(_put_in, parts))]:
        unit = _unit(_module_of(part))
        if unit is None:
            return Source()
        name, place = unit
        is_main = getattr(part, "__module__", "") == "__main__"  # where code can be typed
        if name != "recbench" and (is_main or _counts(name, place)):
            if not _is_in_file(part):
                return Source()
            units[name] = place
    folder = next((FILES[name].parent for name in map(_module_of, parts) if name in FILES), None)
    at_home = _unit(_own_name(home))
    for unit in (at_home, None if units or at_home else _unit(_module_of(parts[0]))):
        if unit is not None:
            units.setdefault(*unit)
    values = [value for part in parts for value in captured(part)]
    state = pickle.dumps(values) if values else b""  # raises if it cannot be compared later
    own_parts = [part for part in parts if _is_of_user(_module_of(part)) and _says_more(part)]
    state += runtime_digest(own_parts, _is_of_user) if own_parts else b""
    own = next(iter(units), "")
    libraries = _follow_imports(units, folder)
    order = [own, *sorted(units.keys() - {own})] if units else []
    files = tuple(file for name in order for file in _files(units[name]))
    return Source(files, own.partition(".")[0], frozenset(libraries), state)


def _parts(factory: Any) -> Iterator[Any]:
    """Yield the functions and classes that a factory consists of, and partials."""
    if isinstance(factory, functools.partial):
        yield from _parts(factory.func)
        yield factory
        given = getattr(factory, "option_values", {})
        values = (*factory.args, *factory.keywords.values(), *given.values())
        for code in code_of(values):
            yield from _parts(code)
    elif inspect.isclass(factory):
        yield from (base for base in factory.__mro__ if base is not object)
    elif inspect.isroutine(factory):
        yield inspect.unwrap(factory)
    else:  # an instance that is called
        yield from _parts(type(factory))
        yield factory


def _module_of(part: Any) -> str:
    """Return the name of the module that a part of a factory is defined in."""
    if isinstance(part, functools.partial):
        return _module_of(part.func)
    return _own_name(str(getattr(part, "__module__", None) or type(part).__module__))


def _own_name(module: str) -> str:
    """Return the name of a module; `a.b` for the `__main__` that `python -m a.b` runs."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if module == "__main__" and spec is not None else module


def _unit(module: str, folder: Path | None = None) -> tuple[str, Path] | None:
    """Return the package or file that holds a module: its dotted name, and its place.

    None for a module without a file. `a.b` is in the package `a`, unless `a` has no `__init__`.

    folder: where to look first, for what is imported by a file that was loaded from its path.
    """
    words = module.split(".")
    for n_words in range(1, len(words) + 1):
        name = ".".join(words[:n_words])
        beside = None if folder is None else folder.joinpath(*words[:n_words])
        if beside is not None and (beside / "__init__.py").is_file():
            return name, beside
        if beside is not None and beside.with_name(f"{beside.name}.py").is_file():
            return name, beside.with_name(f"{beside.name}.py")
        found = sys.modules.get(name)
        text = getattr(found, "__file__", None)
        if found is None:
            with contextlib.suppress(Exception):  # whatever the finders of other packages raise
                text = _found(name, tuple(sys.path))
        file = Path(text or "")
        if file.is_file():
            return name, file.parent if file.name.startswith("__init__.") else file
    return None


@functools.lru_cache(maxsize=4096)
def _found(module: str, _path: tuple[str, ...]) -> str:
    """Return the file of a module that is not imported. Raises whatever finders raise."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.has_location or spec.origin is None:
        raise ImportError(module)  # which is not kept, so that a new file is found
    return spec.origin


def _counts(name: str, place: Path) -> bool:
    """Whether a package or file is the user's own, or belongs to a plugin of recbench."""
    return not is_library(place) or name.partition(".")[0] in plugin_packages()


def _is_of_user(module: str) -> bool:
    """Whether a module is in a file that is neither installed nor shipped with recbench."""
    name, place = _unit(_own_name(module)) or ("recbench", Path())
    return not is_library(place) and name.partition(".")[0] not in {"recbench", *plugin_packages()}


def _says_more(part: Any) -> bool:
    """Whether this is something else than a partial without arguments."""
    return not isinstance(part, functools.partial) or bool(part.args or part.keywords)


def _files(place: Path) -> list[Path]:
    """Return the files of a package that its behaviour depends on, or the file itself."""
    if place.is_file():
        return [place]
    return [
        file
        for file in sorted(place.rglob("*"))
        if file.suffix not in IGNORED
        and not any(
            part.startswith(".") or part == "__pycache__" for part in file.relative_to(place).parts
        )
        and not (file.suffix == ".pyc" and file.with_suffix(".py").exists())
        and file.is_file()
    ]


def _follow_imports(units: dict[str, Path], folder: Path | None) -> set[str]:
    """Add all that the units import and that counts; return the libraries among the rest.

    folder: where to look first.
    """
    libraries, known = set[str](), set[str]()
    waiting = list(units.items())
    while waiting:
        name, place = waiting.pop()
        for file in _files(place):
            folders = file.relative_to(place).parts[:-1] if place.is_dir() else None
            package = name.rpartition(".")[0] if folders is None else ".".join((name, *folders))
            names = _imports(_stamp(file), package) if file.suffix == ".py" else frozenset[str]()
            for imported in names - known:
                known.add(imported)
                unit = _unit(imported, folder)
                if unit is None or unit[0] in units or unit[0] == "recbench":
                    continue
                if _counts(*unit):
                    units.setdefault(*unit)
                    waiting.append(unit)
                elif not is_standard(unit[1]):
                    libraries.add(unit[0].partition(".")[0])
    return libraries


@functools.lru_cache(maxsize=4096)
def _imports(file: Stamp, package: str) -> frozenset[str]:
    """Return what a file imports: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""
    names: set[str] = set()
    for node in ast.walk(_parsed(file[0])):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = [*(parents if node.level else []), *filter(None, [node.module])]
            names.update(".".join([*base, alias.name]) for alias in node.names)
    return frozenset(names)


def _parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a file; an empty one if it is not valid Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the file's own code
        try:
            return ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, RecursionError):
            return ast.Module([], [])


def _is_in_file(part: Any) -> bool:
    """Whether the code of a function or class is what its file holds now."""
    if not inspect.isclass(part) and not inspect.isfunction(part):
        return True  # compiled code, or an instance, whose class is another part
    module: Any = sys.modules[part.__module__]
    file = Path(getattr(module, "__file__", None) or "")
    if file.suffix in CODE - {".py"}:
        return True  # a program such as `pytest` is Python too, whatever its suffix
    with contextlib.suppress(AttributeError):  # it may be in no variable
        found = functools.reduce(getattr, part.__qualname__.split("."), module)
        if inspect.unwrap(found) is not part:
            return False  # the module was loaded again since, and may have other values
    held = _code_of(_stamp(file))
    if inspect.isfunction(part):
        return part.__code__ in held
    own = [function.__code__ for function in methods_of(part)]
    return all(code in held for code in own) and (
        bool(own) or any(code.co_qualname == part.__qualname__ for code in held)
    )


def _put_in(part: Any) -> list[types.FunctionType]:
    """Return the functions of a class that come from elsewhere; not those that are generated."""
    values = vars(part).values() if inspect.isclass(part) else ()
    functions = [inspect.unwrap(value) for value in values if inspect.isfunction(value)]
    return [
        function
        for function in functions
        if not function.__code__.co_qualname.startswith(f"{part.__qualname__}.")
        and function.__code__.co_filename != "<string>"
    ]


@functools.lru_cache(maxsize=256)
def _code_of(file: Stamp) -> frozenset[types.CodeType]:
    """Return all code objects of a file."""
    found: set[types.CodeType] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            code = compile(file[0].read_bytes(), file[0], "exec", dont_inherit=True)
            waiting = [code]
            while waiting:
                waiting += [
                    inner
                    for inner in waiting.pop().co_consts
                    if isinstance(inner, types.CodeType) and not found.add(inner)  # type: ignore[func-returns-value]
                ]
    return frozenset(found)


@functools.cache
def _distribution(package: str) -> str:
    """Return the distribution that provides a top-level package; "" if it is unknown."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.distribution(package).name.lower()
    return next(iter(metadata.packages_distributions().get(package, [])), "").lower()


@functools.cache
def _requirements(package: str) -> frozenset[str]:
    """Return what the distribution of a plugin requires; nothing for those shipped with recbench.

    The latter share a distribution with the core, whose requirements they do not all use.
    """
    for point in metadata.entry_points(group="recbench"):
        if point.dist and re.split(r"[.:]", point.value)[0] == package:
            if "recbench" in (point.dist.read_text("top_level.txt") or "").split():
                break
            wanted = [text for text in point.dist.requires or () if "extra ==" not in text]
            return frozenset(re.split(r"[^\w.-]", text)[0].lower() for text in wanted)
    return frozenset()


def _stamp(file: Path) -> Stamp:
    status = os.stat(file)
    return file, status.st_mtime_ns, status.st_size


def _hash_of(files: Sequence[Path], state: bytes = b"") -> str:
    try:
        return _digest(tuple(map(_stamp, files)), state) if files else ""
    except OSError:
        return ""


@functools.lru_cache(maxsize=256)
def _digest(files: tuple[Stamp, ...], state: bytes) -> str:
    digest = hashlib.sha256()
    for file, _, _ in files:
        digest.update(file.name.encode() + file.read_bytes())
    digest.update(state)
    return digest.hexdigest()
