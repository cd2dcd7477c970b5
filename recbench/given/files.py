"""Before step 1: .py files that are named in place of a name, and what is in them."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from recbench.code.python_file import load_file
from recbench.code.raised import describe_raised
from recbench.errors import RecbenchError, UsageError, suggest
from recbench.offers import HOOKS, loading
from recbench.plugins import Plugins


def loaded(plugins: Plugins, text: str) -> types.ModuleType:
    """Return the module of a file, which is loaded once for these plugins.

    Raises RecbenchError for all that its code raises.
    """
    file = Path(text).expanduser().absolute()
    if file not in plugins.files:
        plugins.files[file] = _load(text)
    return plugins.files[file]


def _load(text: str) -> types.ModuleType:
    try:
        with loading(f"file {text}", text):
            return load_file(text)
    except (UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit
        raise RecbenchError(f"file {text} failed: {describe_raised(error)}") from error


def has_hooks(plugins: Plugins, module: types.ModuleType) -> bool:
    """Whether a module is a plugin, perhaps one with a misspelt hook."""
    marked = plugins.manager.parse_hookimpl_opts
    return any(name in HOOKS or marked(module, name) is not None for name in vars(module))


def own_classes(module: types.ModuleType) -> dict[str, type]:
    """Return the public classes of a module, without those that it has imported."""
    return {
        name: value
        for name, value in _own(module).items()
        if inspect.isclass(value) and not inspect.isabstract(value)
    }


def own_functions(module: types.ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the public functions of a module, without its hooks and those that it has imported."""
    return {
        name: value
        for name, value in _own(module).items()
        if inspect.isfunction(value) and name not in HOOKS
    }


def _own(module: types.ModuleType) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and value.__name__ == name
        and not name.startswith("_")
    }


def member(module: types.ModuleType, file: str, name: str, others: Iterable[str], noun: str) -> Any:
    """Return the class, function or other value of a module that a text names.

    others: names that the text may mean too, for the hint. Raises UsageError if there is none.
    """
    found = vars(module).get(name)
    if callable(found):
        return found
    known = {*others, *own_classes(module), *own_functions(module)}
    raise UsageError(f"{file} has no {noun} {name!r}; {suggest(name, known)}")
