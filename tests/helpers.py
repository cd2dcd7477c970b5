"""A plugin made from the values that its hooks return."""

import types
from collections.abc import Callable
from typing import Any

import recbench


def plugin(**hooks: Any) -> types.SimpleNamespace:
    """Return a plugin whose hooks return these values: `plugin(models={"mine": Mine})`."""
    module = types.SimpleNamespace()
    for kind, answer in hooks.items():
        setattr(module, f"recbench_{kind}", recbench.hookimpl(_hook(answer)))
    return module


def _hook(answer: Any) -> Callable[[], Any]:
    """Return a hook that returns the answer, or raises it if it is an exception."""

    def hook() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return hook
