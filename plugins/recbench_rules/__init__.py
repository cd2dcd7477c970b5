"""The model `rules`: recommend items that often followed the latest items of a history."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .model import Rules

__all__ = ["Rules"]


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"rules": Rules}
