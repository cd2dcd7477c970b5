"""Before step 1: executors and trackers that are named by the .py file that they are in."""

from __future__ import annotations

import types
from typing import Any

from recbench.given.collect import Factory, Given
from recbench.given.files import has_hooks, own_classes, own_functions
from recbench.offers import EVENTS
from recbench.plugins import Plugins
from recbench.spec import Spec


def with_executor(plugins: Plugins, text: Any) -> tuple[Plugins, str]:
    """Return plugins that offer the executor of a .py file too, and its name with its options.

    text: a name, or the path of a .py file. Raises UsageError for what is not an executor.
    """
    given = _Executors(plugins)
    given.add(text)
    return given.single()


def with_trackers(plugins: Plugins, texts: Any) -> tuple[Plugins, list[str]]:
    """Return plugins that offer the trackers of .py files too, and their names with options.

    texts: a name, the path of a .py file, or several of these. A file that implements the events
    as hooks is a plugin, which needs no name. Raises UsageError for what is not a tracker.
    """
    given = _Trackers(plugins)
    given.add(texts)
    return given.result()


class _Executors(Given):
    kind, noun, lists = "executors", "executor", False
    accepted = "give a name, a concurrent.futures.Executor, or the path of a .py file"

    def missing(self, made: Any) -> str:
        return "" if callable(getattr(made, "submit", None)) else "submit(function, order)"

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        classes: dict[str, Factory] = {
            name: made for name, made in own_classes(module).items() if not self.missing(made)
        }
        return classes or own_functions(module)

    def why_none(self, module: types.ModuleType) -> str:  # noqa: ARG002
        return "it has no function that returns a concurrent.futures.Executor"


class _Trackers(Given):
    kind, noun, lists = "trackers", "tracker", False
    accepted = "give a name, an object with event hooks, or the path of a .py file"

    def missing(self, made: Any) -> str:
        has_event = any(callable(getattr(made, event, None)) for event in EVENTS)
        return "" if has_event else " or ".join(EVENTS)

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        return {name: made for name, made in own_classes(module).items() if not self.missing(made)}

    def why_none(self, module: types.ModuleType) -> str:  # noqa: ARG002
        return f"it has no class with {', '.join(EVENTS)}"

    def _add_found(self, module: types.ModuleType, where: str, wanted: Spec, name: str) -> None:
        if has_hooks(self.plugins, module) and not wanted.name and not self.missing(module):
            self._hooked(module, where)  # it is called like every plugin with event hooks
        else:
            super()._add_found(module, where, wanted, name)
