"""What tests import: a plugin out of what its hooks return."""

import types
from collections.abc import Callable
from typing import Any

import recbench


def plugin(**hooks: Any) -> types.SimpleNamespace:
    """A plugin object out of what its hooks return: `plugin(models={"mine": Mine})`."""
    made = types.SimpleNamespace()
    for kind, given in hooks.items():
        setattr(made, f"recbench_{kind}", recbench.hookimpl(_no_arguments(given)))
    return made


def _no_arguments(given: Any) -> Callable[[], Any]:
    def hook() -> Any:
        if isinstance(given, BaseException):
            raise given
        return given

    return hook
