"""Step 2, split: the validation split of training data, which a model can ask for."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import VALIDATION, Features, Metadata
from recbench.data.split import Split
from recbench.errors import RecbenchError
from recbench.progress import log

COLUMNS = "users", "items", "offsets", "times", "ratings"
NONE = np.empty(0, dtype=np.int64)
"""Stands for a column that does not exist."""


def validation_split(train: Interactions) -> Split | None:
    """Return the validation split of training data, made by the splitter of the comparison.

    A model can use it to decide when to stop, or to choose weights, by the same kind of targets as
    it is judged by: the next item, the next basket, or everything after a point in time. The
    splitter makes it from the training data alone, so it has no target that the model is judged
    by. `recbench tune` makes its validation targets in the same way.

    Parameters
    ----------
    train : Interactions
        The training data, as `fit` gets them.

    Returns
    -------
    Split or None
        A part of the training data, histories and their held-out targets. None if the training data
        are not from a comparison, or are too few to hold out anything.

    Examples
    --------
    >>> import recbench
    >>> train = recbench.split("synthetic").train
    >>> held_out = recbench.validation_split(train)
    >>> train.n_interactions - held_out.train.n_interactions == len(held_out.targets)
    True
    """
    metadata = train.metadata
    if metadata is None or f"{VALIDATION}targets" not in metadata.names:
        return None
    if not len(metadata[f"{VALIDATION}train.offsets"]):
        return None
    features = list(train.features)
    part = _part(metadata, train, "train", features)
    history = part
    if len(metadata[f"{VALIDATION}history.offsets"]):
        history = _part(metadata, train, "history", features)
    own = {name: metadata[VALIDATION + name] for name in ("targets", "times", "offsets")}
    return Split(
        part,
        history,
        own["targets"],
        own["times"] if len(own["times"]) else None,
        own["offsets"] if len(own["offsets"]) else None,
    )


def with_validation(split: Split, make: Callable[[], Split]) -> Split:
    """Return the split with training data that a model can ask for their validation split.

    make: returns it; called when a model first asks. If it raises RecbenchError or ValueError, as
    for data that are too few, there is none.
    """
    train, metadata = split.train, split.train.metadata or Metadata.of({})
    columns = [f"{part}.{column}" for part in ("train", "history") for column in COLUMNS]
    columns += [
        f"{part}.features.{name}" for part in ("train", "history") for name in train.features
    ]
    names = [VALIDATION + name for name in (*columns, "targets", "times", "offsets")]

    @functools.cache
    def arrays() -> dict[str, Array]:
        try:
            made = make()
        except (RecbenchError, ValueError) as error:
            log.debug("there is no validation split: %s", error)
            return {}
        return _arrays(made)

    def load(name: str) -> Array:
        return arrays().get(name.removeprefix(VALIDATION), NONE)

    described = copy.copy(train)
    object.__setattr__(described, "metadata", metadata.extended(names, load))
    history = described if split.history is train else split.history
    return dataclasses.replace(split, train=described, history=history)


def _arrays(split: Split) -> dict[str, Array]:
    """Return all columns of a split by name, without those that do not exist."""
    parts = {"train": split.train}
    if split.history is not split.train:
        parts["history"] = split.history
    arrays = {
        **{
            f"{part}.{name}": getattr(rows, name)
            for part, rows in parts.items()
            for name in COLUMNS
        },
        **{
            f"{part}.features.{name}": values
            for part, rows in parts.items()
            for name, values in rows.features.items()
        },
        "targets": split.targets,
        "times": split.times,
        "offsets": split.offsets,
    }
    return {name: array for name, array in arrays.items() if array is not None}


def _part(metadata: Metadata, train: Interactions, part: str, features: list[str]) -> Interactions:
    users, items, offsets, times, ratings = (
        metadata[f"{VALIDATION}{part}.{name}"] for name in COLUMNS
    )
    values = {name: metadata[f"{VALIDATION}{part}.features.{name}"] for name in features}
    return Interactions(
        users,
        items,
        offsets,
        n_users=train.n_users,
        n_items=train.n_items,
        times=times if len(times) else None,
        ratings=ratings if len(ratings) else None,
        time_unit=train.time_unit,
        features=Features.of("interaction", values),
    )
