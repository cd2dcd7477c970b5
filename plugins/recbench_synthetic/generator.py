"""Step 1, dataset: how the synthetic sequences come about."""

from __future__ import annotations

import numpy as np

import recbench

from .walk import Array, walk

_START = 1_577_836_800  # 2020-01-01, in seconds
_YEAR = 365 * 86_400
_SHORTEST = 3


def synthetic(
    users: int = 1000, items: int = 500, interactions: int = 50_000, seed: int = 0
) -> recbench.Dataset:
    """Made-up sequences that can be learnt: needs no file, no network.

    The process, with every choice made by a generator that `seed` alone decides:

    - Popularity: the item at place r is worth 1 / (r + a hundredth of the items + 1), Zipf's law
      with a flattened head; which item has which place is a random order.
    - Following: every item has three successors, drawn by popularity. After an item comes, in 4
      cases of 5, one of its successors (the first half of the time, then 3 and 2 in 10), and
      otherwise, as at a sequence's beginning, an item drawn by popularity.
    - No repeats: an item that the user has had is passed over, for the other successors, then for
      items drawn by popularity, then for any items; only when all these tries fail does it repeat.
    - Lengths: from 0.4 to 4 times the mean, most of them short, and at least 3 where there are
      events enough.
    - Times: a user begins within one year; then pass from 1 minute to 2 days between events.
    - Ratings: an item's quality, from 1.5 to 4.5, give or take 1, rounded.

    Only plain arithmetic is used on the random numbers, so the data are the same everywhere.

    users, items, interactions: how many; every user and item is in the catalogue, met or not.
    seed: another seed gives another world, not another sample of the same.
    """
    _check(users, items, interactions, seed)
    random = np.random.default_rng(seed)
    lengths = _lengths(users, items, interactions, random)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    consumed = walk(items, lengths, random)
    quality = 1.5 + 3 * random.random(items)
    return recbench.Dataset(
        name="synthetic",
        interactions=recbench.Interactions(
            users=np.arange(users),
            items=consumed,
            offsets=offsets,
            n_users=users,
            n_items=items,
            times=_times(lengths, offsets, random),
            ratings=np.floor(quality[consumed] + 2 * random.random(interactions) - 0.5),
        ),
        user_ids=np.arange(1, users + 1, dtype=np.int64),
        item_ids=np.arange(1, items + 1, dtype=np.int64),
        source=f"made by recbench_synthetic with seed {seed}",
        licence="made-up numbers, free to use",
        notes=("The sequences are made up: results on them say nothing about real people.",),
    )


# What `recbench datasets` shows of it, and what an option was called.
synthetic.__dict__.update(
    size="1,000 users, 500 items, 50,000 interactions, or as many as you say",
    licence="made-up numbers, free to use",
    is_here=lambda data_dir=None: True,  # noqa: ARG005
    renamed_options={"events": "interactions"},
)


def _check(users: int, items: int, interactions: int, seed: int) -> None:
    for name, value, least in (("users", users, 1), ("items", items, 1), ("seed", seed, 0)):
        if value < least:
            raise recbench.UsageError(f"synthetic: {name}={value} must be at least {least}")
    if not users <= interactions <= users * items:
        raise recbench.UsageError(
            f"synthetic: interactions={interactions} must be from {users}, one a user, to "
            f"{users * items}, every item once for every user; change interactions, users or items"
        )


def _lengths(users: int, items: int, interactions: int, random: np.random.Generator) -> Array:
    """(users,) int64 that sum to `interactions`, none above `items`."""
    shortest = min(_SHORTEST, interactions // users, items)
    weights = 1 / (0.1 + random.random(users))
    lengths = np.full(users, shortest, dtype=np.int64)
    while (left := interactions - int(lengths.sum())) > 0:
        below_most = np.flatnonzero(lengths < items)
        total = np.cumsum(weights[below_most])
        # Differences of a rounded running sum: whole shares that sum to exactly what is left.
        shares = np.diff(np.floor(total * (left / total[-1])).astype(np.int64), prepend=0)
        shares[-1] += left - shares.sum()
        lengths[below_most] = np.minimum(lengths[below_most] + shares, items)
    return lengths


def _times(lengths: Array, offsets: Array, random: np.random.Generator) -> Array:
    """(interactions,) int64 seconds, rising within every user: most gaps are minutes, some days."""
    gaps = np.floor(60 / (random.random(offsets[-1]) + 1 / 2880)).astype(np.int64)
    begins = _START + np.floor(random.random(len(lengths)) * _YEAR).astype(np.int64)
    elapsed = np.cumsum(gaps)
    times: Array = elapsed + np.repeat(begins - elapsed[offsets[:-1]], lengths)
    return times
