"""Before step 1: metrics that are given as Python objects or files, in place of names."""

from __future__ import annotations

import inspect
import types
from typing import Any

from recbench.errors import UsageError
from recbench.given.collect import Factory, Given
from recbench.given.files import own_functions
from recbench.plugins import Plugins
from recbench.spec import parse_names, signature

TAKES = ["ranking", "k"]
"""The first parameters of a function that is a metric; those after them are its options."""


def with_metrics(plugins: Plugins, metrics: Any) -> tuple[Plugins, list[str]]:
    """Return plugins that offer the given metrics too, and their names with their options.

    metrics: text with names, a function of (ranking, k, **options) or a partial of one, an object
    that is called like one, a module, the path of a .py file, a mapping from names to these, or
    several of all this. Names are not looked up: they may be written as in tables.

    Raises UsageError for what is not a metric or has a name that cannot be used, and RecbenchError
    for a file that fails.
    """
    given = _Metrics(plugins)
    given.add(parse_names(metrics) if isinstance(metrics, str) else metrics)
    return given.result()


class _Metrics(Given):
    kind, noun = "metrics", "metric"
    accepted = (
        "give a name, a function of (ranking, k), a module, the path of a .py file, or a mapping "
        "from names to these"
    )

    def missing(self, made: Any) -> str:
        return "" if callable(made) and not inspect.isclass(made) else "__call__(ranking, k)"

    def of_function(self, function: Factory) -> Factory:
        takes = [
            key
            for key, parameter in signature(function).items()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        if len(takes) < len(TAKES):
            name = getattr(function, "__name__", type(function).__name__)
            raise UsageError(
                f"{name} is not a metric: it takes ({', '.join(takes)}), not (ranking, k)"
            )
        return function

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        return {
            name: made
            for name, made in own_functions(module).items()
            if list(signature(made))[: len(TAKES)] == TAKES
        }

    def why_none(self, module: types.ModuleType) -> str:  # noqa: ARG002
        return "it has no function of (ranking, k)"

    def add_object(self, given: Any, name: str) -> None:
        """Add an object that is called like a function; it is the metric itself."""
        if self.missing(given):
            super().add_object(given, name)
        self.of_function(given)
        self._add_factory(name or type(given).__name__, given, {})
