"""Outside the flow: a log with interactions that came after a model was fitted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from recbench.data.clean import clean, user_of_interaction
from recbench.data.dataset import Dataset, examples, numbers_of_ids, outside_ids, quoted
from recbench.data.interactions import Array, Interactions
from recbench.data.load import Data, find_dataset, text_of
from recbench.errors import RecbenchError, counted, describe_error
from recbench.plugins import Plugins
from recbench.spec import Spec

INHERITED = (
    *("format", "header", "user", "item", "time", "rating", "time_format", "missing"),
    *("features", "where", "min_rating"),
)
"""Options of a dataset with which a newer log is read too, unless it has options of its own."""


def load_newer(plugins: Plugins, data: Data, dataset: Dataset, data_dir: str | None) -> Dataset:
    """Load a log that is newer than the dataset.

    Raises what `recbench.load_dataset` raises.
    """
    if isinstance(data, Dataset):
        return find_dataset(plugins, data, data_dir).load()
    text = text_of(data)
    own = Spec.parse(text).options if text else {}
    stated = {} if own else Spec.parse(dataset.name).options
    inherited = {name: stated[name] for name in INHERITED if name in stated}
    repeats = {} if "repeats" in own else {"repeats": dataset.repeats}
    try:
        return find_dataset(plugins, data, data_dir, {**inherited, **repeats}).load()
    except RecbenchError as error:
        if not inherited or (text and not Path(text).exists()):
            raise
        options = ",".join(f"{name}={value}" for name, value in inherited.items())
        how = f"--new {text}:user=NAME,item=NAME" if text else "load_dataset(more, user=NAME)"
        raise type(error)(
            f"{describe_error(error)}. The newer log is read with the options of the dataset "
            f"({options}); if it needs others, write all of them: {how}"
        ) from error


def with_newer(dataset: Dataset, newer: Dataset) -> tuple[Dataset, list[str], list[str]]:
    """Return the dataset with newer interactions, the users whom they concern, and notes.

    Users that the dataset does not have are added to it. Interactions with items that it does not
    have are left out. Of equal times, the dataset's come first, and without times all of them do.

    Raises RecbenchError if no item is known.
    """
    log, more = dataset.interactions, newer.interactions
    items = np.array(numbers_of_ids([*map(str, newer.item_ids.tolist())], dataset.item_ids))
    texts = [*map(str, newer.user_ids.tolist())]
    users = np.array(numbers_of_ids(texts, dataset.user_ids))
    unknown = np.flatnonzero(users < 0)
    users[unknown] = log.n_users + np.arange(len(unknown))
    known = items[more.items] >= 0
    notes = []
    if not known.all():
        lost = more.items[~known]
        if len(lost) == len(known):
            raise RecbenchError(
                f"no item of the newer log {newer.name} is in {dataset.name}: "
                f"{examples(newer.item_ids)}; its item ids look like: {examples(dataset.item_ids)}"
            )
        notes.append(
            f"{len(lost):,} of {counted(len(known), 'interaction')} of {newer.short_name} "
            f"{'is' if len(lost) == 1 else 'are'} with items that {dataset.short_name} does not "
            f"have, such as {quoted(newer.item_ids[lost[0]])}, and {_were(len(lost))} left out"
        )
    joined = _joined(log, more, users, items, known)
    extended = dataclasses.replace(
        dataset,
        interactions=joined,
        user_ids=_with(dataset.user_ids, newer.user_ids[unknown]),
        user_features={},
    )
    extended = clean(extended, repeats="keep" if dataset.repeats == "keep" else "first")
    return extended, [texts[user] for user in more.users], notes


def _joined(
    log: Interactions, more: Interactions, users: Array, items: Array, known: Array
) -> Interactions:
    """Return both logs as one. users, items: the numbers of those of `more`. known: what counts."""
    columns: dict[str, Any] = {"times": None, "ratings": None}
    if log.times is not None and more.times is not None:
        units = [each.times.view(f"M8[{each.time_unit}]") for each in (log, more)]  # type: ignore[union-attr]
        columns["times"] = np.concatenate([units[0], units[1][known]])
    if log.ratings is not None:
        ratings = np.full(len(known), np.nan, np.float32) if more.ratings is None else more.ratings
        columns["ratings"] = np.concatenate([log.ratings, ratings[known]])
    columns["features"] = {
        name: np.concatenate([values, _feature(more, name, values)[known]])
        for name, values in log.features.items()
    }
    joined = Interactions.from_log(
        np.concatenate([user_of_interaction(log), users[user_of_interaction(more)[known]]]),
        np.concatenate([log.items, items[more.items[known]]]),
        n_users=log.n_users + int((users >= log.n_users).sum()),
        n_items=log.n_items,
        **columns,
    )
    if joined.times is None or joined.time_unit == log.time_unit:
        return joined
    times = joined.times.view(f"M8[{joined.time_unit}]").astype(f"M8[{log.time_unit}]")
    return dataclasses.replace(joined, times=times.astype(np.int64), time_unit=log.time_unit)


def _feature(more: Interactions, name: str, like: Array) -> Array:
    """Return a feature of the newer log; as unknown if it has none."""
    if name in more.features:
        return more.features[name]
    return np.full(more.n_interactions, "" if like.dtype == object else np.nan, dtype=object)


def _with(ids: Array, more: Array) -> Array:
    """Return ids and further ones: as integers if all are, otherwise as text."""
    if not len(more):
        return ids
    if ids.dtype.kind in "iu" and more.dtype.kind in "iu":
        return np.concatenate([ids, more])
    every = np.arange(len(ids)), np.arange(len(more))
    both = outside_ids(ids, every[0]), outside_ids(more, every[1])
    return np.array([str(each) for part in both for each in part.tolist()], dtype=object)


def _were(n: int) -> str:
    return "was" if n == 1 else "were"
