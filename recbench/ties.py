"""Step 1, dataset: events with equal times in an order that no file decides."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from .dataset import Dataset
from .errors import UsageError
from .interactions import Array


def by_hash(dataset: Dataset, seed: int) -> Dataset:
    """The dataset with each user's events of one second ordered by a hash.

    The hash is of seed, outside user id and outside item id, so the order is the same however
    the ids are numbered and the file's rows are ordered, and every seed gives another. Events
    that are alike in all of these go by rating. `order` says so.

    Raises UsageError where there are no times.
    """
    log = dataset.interactions
    if log.times is None:
        raise UsageError(
            f"{dataset.name}: ties=hash orders events with equal times, and without times there "
            "is nothing to order; leave it out"
        )
    again = np.zeros(log.n_events, dtype=bool)  # at the time of the event before it
    again[1:] = log.times[1:] == log.times[:-1]
    again[log.offsets[:-1][log.lengths > 0]] = False
    tied = again.copy()
    tied[:-1] |= again[1:]
    places = np.flatnonzero(tied)
    users = np.repeat(log.users, log.lengths)[places]
    of_user = _mixed(_hashes(dataset.user_ids) ^ _hashes([seed]))
    hashes = _mixed(of_user[users] + _hashes(dataset.item_ids)[log.items[places]])
    ratings = None if log.ratings is None else log.ratings[places]
    order = np.arange(log.n_events)
    order[places] = places[_order(np.cumsum(~again)[places], hashes, ratings)]
    return dataclasses.replace(
        dataset,
        interactions=dataclasses.replace(
            log,
            items=log.items[order],
            ratings=None if log.ratings is None else log.ratings[order],
        ),
        order=f"by user and time, equal times by a hash of user, item and seed {seed}",
    )


def _order(groups: Array, hashes: Array, ratings: Array | None) -> Array:
    """The order by (group, hash, rating) of groups that stand in order already.

    One sort of a group with as much of the hash as 64 bits have room for takes a fortieth of the
    time of a sort by all three; only what is equal in that one is sorted by all.
    """
    room = np.uint64(64 - int(groups[-1]).bit_length() if len(groups) else 0)
    joined = (groups.astype(np.uint64) << room) | (hashes >> (np.uint64(64) - room))
    order = np.argsort(joined, kind="stable")
    joined = joined[order]
    alike = np.zeros(len(order) + 1, dtype=bool)
    alike[1:-1] = joined[1:] == joined[:-1]
    places = np.flatnonzero(alike[1:] | alike[:-1])
    some = order[places]
    keys = [hashes[some], groups[some]]
    order[places] = some[np.lexsort(keys if ratings is None else [ratings[some], *keys])]
    return order


def _hashes(ids: Array | Iterable[Any]) -> Array:
    """(ids,) uint64: 64 bits of each id's text."""
    texts = (str(one).encode() for one in np.asarray(ids).tolist())
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _mixed(values: Array) -> Array:
    """The finaliser of SplitMix64: every bit of the uint64 values changes half of the others."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = values ^ (values >> np.uint64(31))
    return mixed
