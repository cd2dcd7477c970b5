"""Step 1, dataset: walk from item to item, one step of all users at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_FOLLOW = 0.8
_SHARES = np.array([0.5, 0.3, 0.2])  # of an item's first, second and third successor
_POPULAR_TRIES, _ANY_TRIES = 6, 6
_SLOTS_PER_INTERACTION = 16


def walk(items: int, lengths: Array, random: np.random.Generator) -> Array:
    """Return the items of all users, one user after the other: (interactions,) int32."""
    popularity = Popularity(items, random)
    successors = popularity.draw(random, (items, len(_SHARES)))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    seen = Seen(len(lengths), items, int(offsets[-1]))
    consumed = np.empty(offsets[-1], dtype=np.int32)
    # Longest first, so that the users who are not finished are always the first ones.
    walkers = np.argsort(-lengths, kind="stable")
    n_walking = np.searchsorted(-lengths[walkers], -np.arange(lengths.max()), side="left")
    for step, count in enumerate(n_walking):
        active = walkers[:count]
        chosen = popularity.draw(random, (count,))
        if step > 0:
            last = consumed[offsets[active] + step - 1]
            follow = np.flatnonzero(random.random(count) < _FOLLOW)
            drawn = np.searchsorted(np.cumsum(_SHARES[:-1]), random.random(len(follow)), "right")
            chosen[follow] = successors[last[follow], drawn]
            repeating = follow[seen.has(active[follow], chosen[follow])]
            for place in range(len(_SHARES)):
                chosen[repeating] = successors[last[repeating], place]
                repeating = repeating[seen.has(active[repeating], chosen[repeating])]
        repeating = np.flatnonzero(seen.has(active, chosen))
        for attempt in range(_POPULAR_TRIES + _ANY_TRIES):
            if not len(repeating):
                break
            if attempt < _POPULAR_TRIES:
                chosen[repeating] = popularity.draw(random, (len(repeating),))
            else:
                chosen[repeating] = (random.random(len(repeating)) * items).astype(np.int32)
            repeating = repeating[seen.has(active[repeating], chosen[repeating])]
        seen.add(active, chosen)
        consumed[offsets[active] + step] = chosen
    return consumed


class Popularity:
    """Zipf's law with a flattened head, over items in a random order."""

    def __init__(self, items: int, random: np.random.Generator) -> None:
        self.order = np.argsort(random.random(items), kind="stable").astype(np.int32)
        self.total = np.cumsum(1 / (np.arange(items) + 1 + items / 100))

    def draw(self, random: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Draw int32 items of this shape by popularity."""
        places = np.searchsorted(self.total, random.random(shape) * self.total[-1], side="right")
        drawn: Array = self.order[np.minimum(places, len(self.order) - 1)]
        return drawn


class Seen:
    """The items that users have had: exact for small data, otherwise a hashed set.

    The hashed set has false positives, which only make the walk choose another item.
    """

    def __init__(self, users: int, items: int, interactions: int) -> None:
        slots = _SLOTS_PER_INTERACTION * interactions
        self.items, self.exact = items, users * items <= slots
        self.bits = max(1, slots.bit_length())
        self.table = np.zeros(users * items if self.exact else 2**self.bits, dtype=np.bool_)

    def has(self, users: Array, items: Array) -> Array:
        """Return whether each user has had the item."""
        had: Array = self.table[self._slots(users, items)]
        return had

    def add(self, users: Array, items: Array) -> None:
        self.table[self._slots(users, items)] = True

    def _slots(self, users: Array, items: Array) -> Array:
        pairs = users * np.int64(self.items) + items
        if self.exact:
            return pairs
        # Fibonacci hashing: the highest bits of the product with 2**64 / the golden ratio.
        mixed = pairs.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        return (mixed >> np.uint64(64 - self.bits)).astype(np.int64)
