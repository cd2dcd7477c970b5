"""Before step 1: models that are given as Python objects or files, in place of names."""

from __future__ import annotations

import inspect
import types
from typing import Any

from recbench.errors import UsageError
from recbench.given.collect import FILLED, Factory, Given
from recbench.given.files import has_hooks, own_classes
from recbench.plugins import Plugins
from recbench.spec import signature


def with_models(plugins: Plugins, models: Any) -> tuple[Plugins, list[str]]:
    """Return plugins that offer the given models too, and the models as text with their options.

    models: a text, a class, an object, a function or partial that builds a model, a module, the
    path of a .py file, a mapping from names to these, or several of all this.

    Raises UsageError for what is not a model or has a name that cannot be used, and RecbenchError
    for a file that fails.
    """
    given = _Models(plugins)
    given.add(models)
    return given.result()


def with_model(plugins: Plugins, model: Any) -> tuple[Plugins, str]:
    """Do the same for a single model."""
    given = _Models(plugins)
    given.add(model)
    return given.single()


class _Models(Given):
    kind, noun, filled = "models", "model", FILLED
    accepted = (
        "give a name, a class, an object, a function that builds a model, a module, the path of a "
        ".py file, or a mapping from names to these"
    )

    def missing(self, made: Any) -> str:
        def has(method: str) -> bool:
            try:
                return callable(getattr(made, method, None))
            except Exception:  # an attribute may raise anything
                return False

        fits = [] if has("fit") else ["fit(train)"]
        answers = (
            [] if has("score") or has("recommend") else ["score(history) or recommend(history, k)"]
        )
        return ", and no ".join(fits + answers)

    def check(self, made: Any, name: str) -> None:
        fit = made.fit
        takes = list(signature(fit).items())[1 if inspect.isfunction(fit) else 0 :]
        needed = [key for key, parameter in takes if _is_needed(parameter)]
        if len(needed) > 1 or str(getattr(fit, "__module__", "")).startswith("sklearn."):
            raise UsageError(
                f"{name} is not a model: its fit takes {', '.join(key for key, _ in takes)}. Write "
                "a class with fit(train) and score(history) that uses it"
            )

    def found_in(self, module: types.ModuleType) -> dict[str, Factory]:
        return {
            name: value for name, value in own_classes(module).items() if not self.missing(value)
        }

    def why_none(self, module: types.ModuleType) -> str:
        if has_hooks(self.plugins, module):
            return "its hooks offer none"
        lacking = {name: self.missing(value) for name, value in own_classes(module).items()}
        if len(lacking) == 1:
            ((name, missing),) = lacking.items()
            return f"class {name} has no {missing}"
        return "it has no class with fit(train), and score(history) or recommend(history, k)"


def _is_needed(parameter: inspect.Parameter) -> bool:
    several = (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in several
