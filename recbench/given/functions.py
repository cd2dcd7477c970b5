"""Before step 1: datasets and tables that are named by the .py file of their function."""

from __future__ import annotations

import inspect
import types
from typing import Any

from recbench.given.collect import Factory, Given
from recbench.given.files import own_classes, own_functions
from recbench.plugins import Plugins
from recbench.spec import signature


def with_dataset(plugins: Plugins, text: str) -> tuple[Plugins, str]:
    """Return plugins that offer the dataset of a .py file too, and its name with its options."""
    given = _Datasets(plugins)
    given.add(text)
    return given.single()


def with_table(plugins: Plugins, table: Any) -> tuple[Plugins, str]:
    """Return plugins that offer the given table too, and its name.

    table: a name, a function of (results), or the path of a .py file.
    """
    given = _Tables(plugins)
    given.add(table)
    return given.single()


class _Datasets(Given):
    kind, noun, lists, filled = "datasets", "dataset", False, ("data_dir",)
    has_more_options = True  # those that recbench adds to every dataset
    accepted = "give a name, or the path of a log or of a .py file"

    def missing(self, made: Any) -> str:
        return "" if inspect.isclass(made) else "interactions"

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        return own_functions(module) or dict(own_classes(module))

    def why_none(self, module: types.ModuleType) -> str:  # noqa: ARG002
        return "it has no function that returns a recbench.Dataset"


class _Tables(Given):
    kind, noun = "tables", "table"
    accepted = "give a name, a function of (results), or the path of a .py file"

    def missing(self, made: Any) -> str:
        return "" if callable(made) and not inspect.isclass(made) else "__call__(results)"

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        return {
            name: made
            for name, made in own_functions(module).items()
            if list(signature(made)) == ["results"]
        }

    def why_none(self, module: types.ModuleType) -> str:  # noqa: ARG002
        return "it has no function of (results)"
