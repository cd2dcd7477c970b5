"""Step 2, split: build a splitter, call it, and check what it returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from recbench.data.dataset import Dataset
from recbench.data.interactions import Interactions
from recbench.data.split import Split
from recbench.errors import RecbenchError
from recbench.guard import guarded
from recbench.plugins import Plugins
from recbench.spec import Spec


def build_splitter(plugins: Plugins, split: str) -> tuple[Any, str, str]:
    """Return a splitter, its name with options, and what errors call it."""
    spec = Spec.parse(split)
    offer = plugins.find("splitters", spec.name)
    spec = offer.spec(spec.options)  # the names, if the text has aliases
    splitter = offer.build(spec.options, {})
    who = f"splitter {spec} (plugin {offer.plugin})"
    if not callable(getattr(splitter, "split", None)):
        raise RecbenchError(
            f"{who}: its factory returned {type(splitter).__name__}; it must return an object with "
            "split(interactions)"
        )
    return splitter, str(spec), who


def call_splitter(
    who: str, data: Dataset, method: str, split: Callable[[Interactions], Any], given: Interactions
) -> Split:
    """Call a method of a splitter, and check what it returns."""
    with guarded(who):
        made = split(given)
    if not isinstance(made, Split):
        where = "" if method == "split" else f" from {method}"
        raise RecbenchError(
            f"{who} returned {type(made).__name__}{where}; it must return a recbench.Split"
        )
    own, unit = made.train.time_unit, data.interactions.time_unit
    if own != unit and made.train.times is not None:
        raise RecbenchError(
            f"{who} returned times in {own}, but those of the data are in {unit}; it must make "
            "train with take, cut or keep, which keep the unit"
        )
    return made


def prepared(split: Split, data: Dataset) -> Split:
    """Return the split without parts, and with what is known of users and items."""
    train = history = _described(split.train, data)
    if split.history is not split.train:
        history = _described(split.history, data)
    return dataclasses.replace(split, train=train, history=history)


def _described(part: Interactions, data: Dataset) -> Interactions:
    return data.describe(part if part.parts is None else dataclasses.replace(part, parts=None))
