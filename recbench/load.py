"""Step 1, dataset: find it by name or path, then clean it by the core's own rules."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Literal

import numpy as np

from .dataset import Dataset
from .errors import RecbenchError, UsageError, near
from .interactions import Array, Interactions, offsets_of
from .plugins import Offer, Plugins, load_plugins
from .spec import Spec, build, parameters, read_options
from .ties import by_hash


def load_dataset(
    text: str | Path, data_dir: str | None = None, plugins: Plugins | None = None
) -> Dataset:
    """The dataset that `name:options` or `path:options` names, cleaned.

    Every dataset has the options of `clean` besides its own. data_dir is handed to datasets that
    look for files there; plugins is what `load_plugins` gave, by default all that is installed.
    """
    plugins, text = plugins or load_plugins(), str(text)
    offer, own, cleaning = find_dataset(plugins, text)
    raw = offer.build(own, {"data_dir": data_dir})
    if not isinstance(raw, Dataset):
        raise RecbenchError(f"{offer.what} gave {type(raw).__name__}, wanted a Dataset")
    if not raw.interactions.n_events:
        raise RecbenchError(f"{offer.what} gave no events at all")
    cleaned: Dataset = build(offer.what, clean, cleaning, {"dataset": raw})
    told = {key: value for key, value in own.items() if key not in ("path", "data_dir")}
    return dataclasses.replace(cleaned, name=str(Spec(raw.name, {**told, **cleaning})))


def find_dataset(plugins: Plugins, text: str) -> tuple[Offer, dict[str, str], dict[str, str]]:
    """Who gives this dataset, with its own options and the core's, before anything is read.

    `seed` is the core's only beside ties=hash; a dataset that takes a seed itself is given it too.

    Raises UsageError for a dataset, path or option that would not load later.
    """
    spec = Spec.parse(text)
    name, own = spec.name, dict(spec.options)
    if name not in plugins.names("datasets"):
        path = Path(name).expanduser()
        if path.is_dir():
            raise UsageError(f"{name} is a folder; name the file in it that holds the events")
        if not path.is_file() and (os.sep in name or "/" in name or path.suffix):
            raise UsageError(f"no dataset and no file {name!r}; see: recbench datasets")
        if path.is_file():
            name, own = "file", {"path": str(path), **own}
    offer = plugins.find("datasets", name)
    core = {key: kind for key, kind in parameters(clean)[0].items() if key != "dataset"}
    theirs, open_ended = parameters(offer.factory)
    for key in own:
        if key not in core and key not in theirs and not open_ended:
            raise UsageError(f"{offer.what} has no option {key!r}; {near(key, {**core, **theirs})}")
    cleaning = {key: own.pop(key) for key in list(own) if key in core}
    hashed = cleaning.get("ties") == "hash"
    if "seed" in cleaning and ("seed" in theirs or open_ended):
        own["seed"] = cleaning["seed"] if hashed else cleaning.pop("seed")
    read_options(offer.what, clean, cleaning, {"dataset": None})
    if "seed" in cleaning and not hashed:
        raise UsageError(
            f"{offer.what}: seed={cleaning['seed']} means nothing without ties=hash, whose order "
            "it decides; write both or neither"
        )
    read_options(offer.what, offer.factory, own)
    return offer, own, cleaning


def clean(
    dataset: Dataset,
    min_user: int = 0,
    min_item: int = 0,
    repeats: Literal["first", "keep"] = "first",
    ties: Literal["file", "hash"] = "file",
    seed: int = 0,
) -> Dataset:
    """The dataset with repeats merged and rare users and items dropped, and all of it counted.

    repeats: "first" keeps a user's first event with an item and drops the later ones; "keep"
        keeps them all.
    min_user, min_item: drop users, and items, with fewer events, again and again until all that
        is left have enough (the k-core where both are k). Repeats are merged first.
    ties: how a user's events of one second are ordered, before all else: "file" leaves them in the
        order of the file's rows; "hash" orders them by a hash of seed, user id and item id.
    seed: which of the orders by hash it is.
    """
    if min_user < 0 or min_item < 0:
        raise UsageError(f"min_user={min_user}, min_item={min_item} must not be below 0")
    if ties == "hash":
        dataset = by_hash(dataset, seed)
    interactions: Interactions = dataset.interactions
    notes = list(dataset.notes)
    again = _repeated(interactions)
    n_again = int(np.count_nonzero(again)) if again is not None else 0
    if again is not None and repeats == "first":
        interactions = interactions.keep(~again)
        notes.append(f"{n_again:,} repeated events merged into the user's first with the item")
    elif again is not None:
        notes.append(f"{n_again:,} events repeat an earlier item of their user and are kept")
    if min_user > 1 or min_item > 1:
        kept = _core(interactions, min_user, min_item)
        users = _numbers(interactions.n_users, _user_of_event(interactions)[kept])
        items = _numbers(interactions.n_items, interactions.items[kept])
        dropped = interactions.n_events - int(np.count_nonzero(kept))
        if dropped == interactions.n_events:
            raise RecbenchError(
                f"{dataset.name}: min_user={min_user}, min_item={min_item} leave no event; "
                "ask for less"
            )
        notes.append(
            f"{dropped:,} events, {interactions.n_users - len(users):,} users and "
            f"{interactions.n_items - len(items):,} items dropped by "
            f"min_user={min_user}, min_item={min_item}"
        )
        interactions = _renumber(interactions.keep(kept), users, items)
        dataset = dataclasses.replace(
            dataset,
            interactions=interactions,
            user_ids=np.asarray(dataset.user_ids)[users],
            item_ids=np.asarray(dataset.item_ids)[items],
            titles=None if dataset.titles is None else np.asarray(dataset.titles)[items],
        )
    return dataclasses.replace(
        dataset, interactions=interactions, repeats=repeats, notes=tuple(notes)
    )


def _user_of_event(interactions: Interactions) -> Array:
    return np.repeat(interactions.users, interactions.lengths)


def _repeated(interactions: Interactions) -> Array | None:
    """(events,) bool: has this user had this item before? None where no event is a repeat."""
    pairs = _user_of_event(interactions) * np.int64(interactions.n_items) + interactions.items
    ordered = np.sort(pairs)
    if not (ordered[1:] == ordered[:-1]).any():
        return None
    again = np.ones(len(pairs), dtype=bool)
    again[np.unique(pairs, return_index=True)[1]] = False
    return again


def _core(interactions: Interactions, min_user: int, min_item: int) -> Array:
    """(events,) bool: what is left when rare users and items are dropped until none is rare."""
    users, items = _user_of_event(interactions), interactions.items
    kept = np.ones(len(items), dtype=bool)
    while True:
        enough = np.bincount(users[kept], minlength=interactions.n_users) >= min_user
        still = kept & enough[users]
        enough = np.bincount(items[still], minlength=interactions.n_items) >= min_item
        still &= enough[items]
        if np.array_equal(still, kept):
            return kept
        kept = still


def _numbers(n: int, used: Array) -> Array:
    """The numbers below n that are used, in order."""
    return np.flatnonzero(np.bincount(used, minlength=n))


def _renumber(interactions: Interactions, users: Array, items: Array) -> Interactions:
    """The same sequences with only these users and items, numbered from 0 in the old order."""
    rows = np.flatnonzero(interactions.lengths)
    new_user = np.full(interactions.n_users, -1, dtype=np.int32)
    new_user[users] = np.arange(len(users))
    new_item = np.full(interactions.n_items, -1, dtype=np.int32)
    new_item[items] = np.arange(len(items))
    return dataclasses.replace(
        interactions,
        users=new_user[interactions.users[rows]],
        items=new_item[interactions.items],
        offsets=offsets_of(interactions.lengths[rows]),
        n_users=len(users),
        n_items=len(items),
    )
