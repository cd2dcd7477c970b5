"""What tests import: a plugin out of what its hooks return."""

import types
from collections.abc import Callable
from typing import Any

import recbench


def plugin(**hooks: Any) -> types.SimpleNamespace:
    """A plugin object out of what its hooks return: `plugin(models={"mine": Mine})`."""
    module = types.SimpleNamespace()
    for kind, answer in hooks.items():
        setattr(module, f"recbench_{kind}", recbench.hookimpl(_hook(answer)))
    return module


def _hook(answer: Any) -> Callable[[], Any]:
    """A hook that returns this, or raises it."""

    def hook() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return hook
