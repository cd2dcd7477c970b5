"""Before step 1: splitters that are given as Python objects or files, in place of names."""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

from recbench.given.collect import Factory, Given
from recbench.given.files import own_classes, own_functions
from recbench.plugins import Plugins
from recbench.spec import parse_names, signature

INTERACTIONS = "interactions"
"""The first parameter of a function that is a splitter itself, and not the factory of one."""


def with_splitters(plugins: Plugins, split: Any) -> tuple[Plugins, list[str]]:
    """Return plugins that offer the given splitters too, and their names with their options.

    split: text with names, a class, an object with `split`, a function of (interactions, **options)
    or one that builds a splitter, a module, the path of a .py file, a mapping from names to these,
    or several of all this.

    Raises UsageError for what is not a splitter or has a name that cannot be used, and
    RecbenchError for a file that fails.
    """
    plugins, texts = _given(plugins, split).result()
    return plugins, list(dict.fromkeys(texts))


def with_splitter(plugins: Plugins, split: Any) -> tuple[Plugins, str]:
    """Do the same for a single splitter."""
    return _given(plugins, split).single()


def _given(plugins: Plugins, split: Any) -> _Splitters:
    given = _Splitters(plugins)
    given.add(parse_names(split) if isinstance(split, str) else split)
    return given


class _Splitters(Given):
    kind, noun = "splitters", "splitter"
    accepted = (
        "give a name, a class, an object, a function of (interactions, **options), a module, the "
        "path of a .py file, or a mapping from names to these"
    )

    def missing(self, made: Any) -> str:
        return "" if callable(getattr(made, "split", None)) else "split(interactions)"

    def of_function(self, function: Factory) -> Factory:
        return _factory(function) if _takes_interactions(function) else function

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        classes = {
            name: made for name, made in own_classes(module).items() if not self.missing(made)
        }
        functions = {
            name: _factory(made)
            for name, made in own_functions(module).items()
            if _takes_interactions(made)
        }
        return {**classes, **functions}

    def why_none(self, module: types.ModuleType) -> str:  # noqa: ARG002
        return "it has no class with split(interactions), and no function of (interactions)"


def _takes_interactions(function: Factory) -> bool:
    return next(iter(signature(function)), "") == INTERACTIONS


@functools.lru_cache(maxsize=64)
def _factory(function: Factory) -> Factory:
    """Return a factory of splitters that call a function; its further parameters are options."""

    @functools.wraps(function)
    def make(**options: Any) -> types.SimpleNamespace:
        return types.SimpleNamespace(split=functools.partial(function, **options))

    make.__signature__ = inspect.signature(functools.partial(function, None))  # type: ignore[attr-defined]
    return make
