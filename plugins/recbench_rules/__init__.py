"""The models `rules` and `markov`: recommend items that often followed those of the history."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .item_to_item import ItemToItem
from .markov import Markov
from .rules import Rules

__all__ = ["ItemToItem", "Markov", "Rules"]


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"markov": Markov, "rules": Rules}
