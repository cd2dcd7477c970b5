"""Recommend what followed what: sequential co-occurrence rules, counted and never trained."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .model import Rules

__all__ = ["Rules"]


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"rules": Rules}
