"""Step 1, dataset: repeats merged, rare users and items dropped, equal times ordered."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions, offsets_of
from recbench.errors import RecbenchError, UsageError


def clean(
    dataset: Dataset,
    /,
    min_user_interactions: int = 0,
    min_item_interactions: int = 0,
    repeats: Literal["first", "keep"] = "first",
    time_ties: Literal["file", "hash"] = "file",
    seed: int = 0,
) -> Dataset:
    """The dataset with repeats merged and rare users and items dropped, and all of it counted.

    repeats: "first" keeps a user's first event with an item and drops the later ones; "keep"
        keeps them all.
    min_user_interactions, min_item_interactions: drop users, and items, with fewer events, again
        and again until all that is left have enough (the k-core where both are k). Repeats are
        merged first.
    time_ties: how a user's events of one second are ordered, before all else: "file" leaves them
        in the order of the file's rows; "hash" orders them by a hash of seed, user id and item id.
    seed: which of the orders by hash it is.
    """
    bounds = (
        f"min_user_interactions={min_user_interactions}, "
        f"min_item_interactions={min_item_interactions}"
    )
    if min_user_interactions < 0 or min_item_interactions < 0:
        raise UsageError(f"{bounds} must not be below 0")
    if time_ties == "hash":
        dataset = order_ties_by_hash(dataset, seed)
    interactions: Interactions = dataset.interactions
    notes = list(dataset.notes)
    is_repeat = _is_repeat(interactions)
    n_repeats = int(np.count_nonzero(is_repeat)) if is_repeat is not None else 0
    if is_repeat is not None and repeats == "first":
        interactions = interactions.keep(~is_repeat)
        notes.append(f"{n_repeats:,} repeated events merged into the user's first with the item")
    elif is_repeat is not None:
        notes.append(f"{n_repeats:,} events repeat an earlier item of their user and are kept")
    if min_user_interactions > 1 or min_item_interactions > 1:
        kept = _k_core(interactions, min_user_interactions, min_item_interactions)
        users = _used_numbers(interactions.n_users, _user_of_interaction(interactions)[kept])
        items = _used_numbers(interactions.n_items, interactions.items[kept])
        dropped = interactions.n_interactions - int(np.count_nonzero(kept))
        if dropped == interactions.n_interactions:
            raise RecbenchError(f"{dataset.name}: {bounds} leave no event; ask for less")
        notes.append(
            f"{dropped:,} events, {interactions.n_users - len(users):,} users and "
            f"{interactions.n_items - len(items):,} items dropped by {bounds}"
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


clean.__dict__.update(
    renamed_options={
        "min_user": "min_user_interactions",
        "min_item": "min_item_interactions",
        "ties": "time_ties",
    }
)


def _user_of_interaction(interactions: Interactions) -> Array:
    return np.repeat(interactions.users, interactions.lengths)


def _is_repeat(interactions: Interactions) -> Array | None:
    """(interactions,) bool: had this user this item before? None where none is a repeat."""
    pairs = _user_of_interaction(interactions) * np.int64(interactions.n_items) + interactions.items
    ordered = np.sort(pairs)
    if not (ordered[1:] == ordered[:-1]).any():
        return None
    is_repeat = np.ones(len(pairs), dtype=bool)
    is_repeat[np.unique(pairs, return_index=True)[1]] = False
    return is_repeat


def _k_core(
    interactions: Interactions, min_user_interactions: int, min_item_interactions: int
) -> Array:
    """(interactions,) bool: what is left when rare users and items are dropped till none is."""
    users, items = _user_of_interaction(interactions), interactions.items
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


def order_ties_by_hash(dataset: Dataset, seed: int) -> Dataset:
    """The dataset with each user's events of one second ordered by a hash.

    The hash is of seed, outside user id and outside item id, so the order is the same however
    the ids are numbered and the file's rows are ordered, and every seed gives another. Events
    that are alike in all of these go by rating. `order` says so.

    Raises UsageError where there are no times.
    """
    interactions = dataset.interactions
    if interactions.times is None:
        raise UsageError(
            f"{dataset.name}: time_ties=hash orders events with equal times, and without times "
            "there is nothing to order; leave it out"
        )
    times, offsets = interactions.times, interactions.offsets
    as_before = np.zeros(len(times), dtype=bool)  # at the time of the interaction before it
    as_before[1:] = times[1:] == times[:-1]
    as_before[offsets[:-1][interactions.lengths > 0]] = False
    tied = as_before.copy()
    tied[:-1] |= as_before[1:]
    places = np.flatnonzero(tied)
    users, items = _user_of_interaction(interactions)[places], interactions.items[places]
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
        ),
        order=f"by user and time, equal times by a hash of user, item and seed {seed}",
    )


def _sort_within(groups: Array, hashes: Array, ratings: Array | None) -> Array:
    """The order by (group, hash, rating) of groups that stand in order already.

    One sort of a group with as much of the hash as 64 bits have room for takes a fortieth of the
    time of a sort by all three; only what is equal in that one is sorted by all.
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
    """(ids,) uint64: 64 bits of each id's text."""
    texts = (str(id_).encode() for id_ in np.asarray(ids).tolist())
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _mix_bits(values: Array) -> Array:
    """The finaliser of SplitMix64: every bit of the uint64 values changes half of the others."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = values ^ (values >> np.uint64(31))
    return mixed
