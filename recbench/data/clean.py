"""Step 1, dataset: filter, order equal times, merge repeats, and drop rare users and items."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from recbench.data.arrays import offsets_of
from recbench.data.dataset import FILE_ORDER_RULE, Dataset
from recbench.data.interactions import Array, Interactions
from recbench.data.metadata import MISSING
from recbench.data.where import Where
from recbench.errors import RecbenchError, UsageError, counted, suggest

_TEST = 2
"""The test part in `Interactions.parts`."""


def clean(
    dataset: Dataset,
    /,
    min_user_interactions: int = 0,
    min_item_interactions: int = 0,
    repeats: Literal["first", "keep"] = "first",
    time_ties: Literal["file", "hash"] = "file",
    seed: int = 0,
    where: str | None = None,
    min_rating: float | None = None,
) -> Dataset:
    """Filter interactions, order equal times, merge repeats, and drop rare users and items.

    They are applied in that order. These options exist for every dataset. `Dataset.notes` reports
    how many interactions, users and items were dropped or merged.

    Parameters
    ----------
    dataset : Dataset
        All interactions, as a plugin returns them.
    min_user_interactions : int, default: 0
        Drop users with fewer interactions than this. Users and items are dropped repeatedly until
        all that are left have enough interactions (the k-core, if both minima are k). Repeats are
        merged first.
    min_item_interactions : int, default: 0
        Drop items with fewer interactions than this, together with min_user_interactions.
    repeats : {"first", "keep"}, default: "first"
        Keep only the first interaction of each user and item, or keep all. With "first", items
        that a user has seen are not ranked. With "keep", all items are.
    time_ties : {"file", "hash"}, default: "file"
        Order a user's interactions with equal times as in the file, or by a hash. It is a hash of
        seed, user id and item id. Comparing seeds shows how much the order matters.
    seed : int, default: 0
        Seed of the hash, with time_ties=hash.
    where : str, optional
        Keep only interactions that meet a condition, such as where=rating>=4&time>=1998-01-01. The
        columns are user, item, time, rating, title and the features of the data; see
        `recbench.Where`. Users and items without an interaction that meets it are dropped.
    min_rating : float, optional
        Keep only interactions with this rating or a higher one.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If an option is negative, or time_ties=hash is set and there are no times; if there are no
        ratings for min_rating, or a condition is wrong or names another column.
    RecbenchError
        If no interactions are left.

    Examples
    --------
    >>> import numpy as np
    >>> import recbench
    >>> from recbench.data.clean import clean
    >>> log = recbench.Interactions.from_log(users=[0, 0, 0, 1], items=[0, 1, 0, 1])
    >>> dataset = recbench.Dataset("shop", log, np.array(["ann", "bob"]), np.array(["a", "b"]))
    >>> cleaned = clean(dataset, min_user_interactions=2)
    >>> [items.tolist() for items in cleaned.interactions.sequences()]
    [[0, 1]]
    >>> for note in cleaned.notes:
    ...     print(note)
    1 repeated interaction (same user and item) was merged into the first one
    1 interaction, 1 user and 0 items were dropped by min_user_interactions=2
    """
    minima = {
        "min_user_interactions": min_user_interactions,
        "min_item_interactions": min_item_interactions,
    }
    for option, minimum in minima.items():
        if minimum < 0:
            raise UsageError(f"{dataset.name}: {option}={minimum} must be at least 0")
    dataset, notes = _filtered(dataset, where, min_rating)
    if time_ties == "hash":
        dataset = order_ties_by_hash(dataset, seed)
    interactions: Interactions = dataset.interactions
    is_repeat = _is_repeat(interactions)
    if is_repeat is not None:
        n_repeats = int(np.count_nonzero(is_repeat))
        notes.append(_repeats_note(n_repeats, repeats))
        if repeats == "first":
            notes += _note_on_test_part(interactions, is_repeat)
            interactions = interactions.keep(~is_repeat)
    if min_user_interactions > 1 or min_item_interactions > 1:
        kept = _k_core(interactions, min_user_interactions, min_item_interactions)
        dropped = interactions.n_interactions - int(np.count_nonzero(kept))
        used = ", ".join(f"{key}={minimum}" for key, minimum in minima.items() if minimum > 1)
        if dropped == interactions.n_interactions:
            raise RecbenchError(
                f"{dataset.name}: no interactions are left with {used}. Choose smaller values"
            )
        dataset = _keep(dataclasses.replace(dataset, interactions=interactions), kept)
        n_users = interactions.n_users - dataset.interactions.n_users
        n_items = interactions.n_items - dataset.interactions.n_items
        interactions = dataset.interactions
        notes.append(
            f"{counted(dropped, 'interaction')}, {counted(n_users, 'user')} and "
            f"{counted(n_items, 'item')} were dropped by {used}"
        )
    return dataclasses.replace(
        dataset,
        interactions=interactions,
        titles=None if dataset.titles is None else _known_titles(dataset.titles),
        repeats=repeats,
        order=dataset.order if interactions.times is not None else FILE_ORDER_RULE,
        notes=(*notes, *dataset.notes),
    )


def _filtered(
    dataset: Dataset, where: str | None, min_rating: float | None
) -> tuple[Dataset, list[str]]:
    """Return the interactions that meet the conditions, and notes that count the others."""
    name, ratings, notes = dataset.name, dataset.interactions.ratings, list[str]()
    if min_rating is not None:
        if ratings is None:
            raise UsageError(
                f"{name}: min_rating={min_rating:g} needs ratings, but the dataset has none; leave "
                "it out"
            )
        kept = ratings >= min_rating
        n, many = _n_dropped(name, kept, f"min_rating={min_rating:g}")
        have, were = ("have", "were") if many else ("has", "was")
        notes.append(f"{n} {have} no rating of {min_rating:g} or more and {were} dropped")
        dataset = dataset if kept.all() else _keep(dataset, kept)
    if where is not None:
        conditions = Where.parse(where)
        kept = _meets(dataset, conditions)
        n, many = _n_dropped(name, kept, f"where={conditions}")
        do, were = ("do", "were") if many else ("does", "was")
        notes.append(f"{n} {do} not meet {conditions} and {were} dropped")
        dataset = dataset if kept.all() else _keep(dataset, kept)
    return dataset, notes


def _n_dropped(name: str, kept: Array, option: str) -> tuple[str, bool]:
    """Return `3 of 10 interactions`, and whether it is a plural."""
    dropped, n = int(np.count_nonzero(~kept)), len(kept)
    if dropped == n:
        raise RecbenchError(
            f"{name}: no interactions are left with {option}. Choose another condition"
        )
    return f"{dropped:,} of {counted(n, 'interaction')}", dropped != 1


def _meets(dataset: Dataset, where: Where) -> Array:
    """Whether each interaction meets the conditions, (interactions,) bool."""
    log, met = dataset.interactions, np.ones(dataset.interactions.n_interactions, dtype=bool)
    columns: dict[str, tuple[Array, Any]] = {
        "user": (dataset.user_ids, user_of_interaction(log)),
        "item": (dataset.item_ids, log.items),
    }
    if dataset.titles is not None:
        columns["title"] = (dataset.titles, log.items)
    if log.times is not None:
        columns["time"] = (log.times.view(f"datetime64[{log.time_unit}]"), slice(None))
    if log.ratings is not None:
        columns["rating"] = (log.ratings, slice(None))
    for features, numbers in (
        (log.features, slice(None)),
        (dataset.item_features, log.items),
        (dataset.user_features, columns["user"][1]),
    ):
        columns = {**{name: (values, numbers) for name, values in features.items()}, **columns}
    for column in where.columns:
        if column not in columns:
            raise UsageError(
                f"{dataset.name}: where={where}: there is no column {column!r}; "
                f"{suggest(column, columns)}"
            )
        values, numbers = columns[column]
        met &= where.holds(column, np.asarray(values))[numbers]
    return met


def _known_titles(titles: Array) -> Array:
    """Return the titles as text, "" for a missing one such as None or NaN."""
    return np.array(
        [
            title if isinstance(title, str) else "" if str(title) in MISSING else str(title)
            for title in np.asarray(titles).tolist()
        ],
        dtype=object,
    )


def _repeats_note(n: int, repeats: str) -> str:
    if repeats == "first":
        was = "was" if n == 1 else "were"
        return (
            f"{counted(n, 'repeated interaction')} (same user and item) {was} merged into the "
            "first one"
        )
    repeat_and_are = "repeats an earlier one of the same user and item, and is"
    if n > 1:
        repeat_and_are = "repeat an earlier one of the same user and item, and are"
    return f"{counted(n, 'interaction')} {repeat_and_are} kept"


def _note_on_test_part(interactions: Interactions, is_repeat: Array) -> list[str]:
    """Return a note on merged interactions of the test part of a split that somebody else made."""
    if interactions.parts is None:
        return []
    n = int(np.count_nonzero(is_repeat & (interactions.parts == _TEST)))
    if not n:
        return []
    are = "is in the test part, but not a target"
    if n != 1:
        are = "are in the test part, but not targets"
    return [f"{n:,} of the repeated interactions {are} (repeats=keep keeps all)"]


clean.__dict__.update(
    renamed_options={
        "min_user": "min_user_interactions",
        "min_item": "min_item_interactions",
        "ties": "time_ties",
    }
)


def user_of_interaction(interactions: Interactions) -> Array:
    """Return the user number of each interaction, (interactions,) int32."""
    return np.repeat(interactions.users, interactions.lengths)


def _is_repeat(interactions: Interactions) -> Array | None:
    """Whether the user had the item before, (interactions,) bool; None if there are no repeats.

    In a split that somebody else made, an interaction of the training part comes before one of the
    test part.
    """
    pairs = user_of_interaction(interactions) * np.int64(interactions.n_items) + interactions.items
    ordered = np.sort(pairs)
    if not (ordered[1:] == ordered[:-1]).any():
        return None
    is_repeat = np.ones(len(pairs), dtype=bool)
    if interactions.parts is None:
        is_repeat[np.unique(pairs, return_index=True)[1]] = False
    else:
        by_part = np.argsort(interactions.parts, kind="stable")
        is_repeat[by_part[np.unique(pairs[by_part], return_index=True)[1]]] = False
    return is_repeat


def _k_core(
    interactions: Interactions, min_user_interactions: int, min_item_interactions: int
) -> Array:
    """Which interactions are left when no user or item is rare any more, (interactions,) bool."""
    users, items = user_of_interaction(interactions), interactions.items
    kept = np.ones(len(items), dtype=bool)
    while True:
        before = kept
        counts = np.bincount(users[kept], minlength=interactions.n_users)
        kept = kept & (counts >= min_user_interactions)[users]
        counts = np.bincount(items[kept], minlength=interactions.n_items)
        kept &= (counts >= min_item_interactions)[items]
        if np.array_equal(kept, before):
            return kept


def _used_numbers(n: int, used: Array) -> Array:
    """The numbers below n that occur, ascending."""
    return np.flatnonzero(np.bincount(used, minlength=n))


def _keep(dataset: Dataset, kept: Array) -> Dataset:
    """Keep some interactions, and only the users and items that they have.

    kept: (interactions,) bool.
    """
    log = dataset.interactions
    users = _used_numbers(log.n_users, user_of_interaction(log)[kept])
    items = _used_numbers(log.n_items, log.items[kept])
    return dataclasses.replace(
        dataset,
        interactions=_renumber(log.keep(kept), users, items),
        user_ids=np.asarray(dataset.user_ids)[users],
        item_ids=np.asarray(dataset.item_ids)[items],
        titles=None if dataset.titles is None else np.asarray(dataset.titles)[items],
        user_features={name: values[users] for name, values in dataset.user_features.items()},
        item_features={name: values[items] for name, values in dataset.item_features.items()},
    )


def _renumber(interactions: Interactions, users: Array, items: Array) -> Interactions:
    """The same sequences with only these users and items, renumbered from 0 in the same order."""
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


def order_ties_by_hash(dataset: Dataset, seed: int) -> Dataset:
    """Order each user's interactions with equal times by a hash.

    It is a hash of the seed, the user id and the item id, so the order depends neither on how ids
    are numbered nor on the order of the file, and it differs between seeds. Repeats of one item
    at one time are ordered by rating. `Dataset.order` states the rule.

    Raises UsageError if there are no times.
    """
    interactions = dataset.interactions
    if interactions.times is None:
        raise UsageError(
            f"{dataset.name}: time_ties=hash orders interactions with equal times, but the dataset "
            "has no times; leave it out"
        )
    times, offsets = interactions.times, interactions.offsets
    as_before = np.zeros(len(times), dtype=bool)  # same time as the interaction before it
    as_before[1:] = times[1:] == times[:-1]
    as_before[offsets[:-1][interactions.lengths > 0]] = False
    tied = as_before.copy()
    tied[:-1] |= as_before[1:]
    places = np.flatnonzero(tied)
    users, items = user_of_interaction(interactions)[places], interactions.items[places]
    user_hashes = _mix_bits(_hash_ids(dataset.user_ids) ^ _hash_ids([seed]))
    hashes = _mix_bits(user_hashes[users] + _hash_ids(dataset.item_ids)[items])
    ratings = None if interactions.ratings is None else interactions.ratings[places]
    order = np.arange(len(times))
    order[places] = places[_sort_within(np.cumsum(~as_before)[places], hashes, ratings)]
    return dataclasses.replace(
        dataset,
        interactions=dataclasses.replace(
            interactions,
            items=interactions.items[order],
            ratings=None if interactions.ratings is None else interactions.ratings[order],
            parts=None if interactions.parts is None else interactions.parts[order],
            features={name: values[order] for name, values in interactions.features.items()},
        ),
        order=f"by user and time, equal times by a hash of user, item and seed {seed}",
    )


def _sort_within(groups: Array, hashes: Array, ratings: Array | None) -> Array:
    """Return the order by (group, hash, rating); the groups are in ascending order already.

    Most entries are sorted by a 64-bit key of the group and as many bits of the hash as fit, in a
    fortieth of the time of a sort by all three. Only entries with equal keys are sorted by all.
    """
    room = np.uint64(64 - int(groups[-1]).bit_length() if len(groups) else 0)
    joined = (groups.astype(np.uint64) << room) | (hashes >> (np.uint64(64) - room))
    order = np.argsort(joined, kind="stable")
    joined = joined[order]
    equal = np.zeros(len(order) + 1, dtype=bool)
    equal[1:-1] = joined[1:] == joined[:-1]
    places = np.flatnonzero(equal[1:] | equal[:-1])
    undecided = order[places]
    keys = [hashes[undecided], groups[undecided]]
    order[places] = undecided[np.lexsort(keys if ratings is None else [ratings[undecided], *keys])]
    return order


def _hash_ids(ids: Array | Iterable[Any]) -> Array:
    """A 64-bit hash of the text of each id, (ids,) uint64."""
    texts = (str(id_).encode() for id_ in np.asarray(ids).tolist())
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _mix_bits(values: Array) -> Array:
    """Mix the bits of uint64 values with the finaliser of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = values ^ (values >> np.uint64(31))
    return mixed
