"""Outside the flow: small logs on which plugins are checked."""

from __future__ import annotations

import dataclasses

import numpy as np

from recbench.data.arrays import offsets_of
from recbench.data.interactions import Array, Interactions

GROUPS = 4
"""How many groups of items `groups` has."""


def example(users: int = 40, items: int = 30, seed: int = 0) -> Interactions:
    """Return a small log: 3 to 12 interactions per user, without repeats, with times and ratings.

    Each user starts at a random item and continues with the items after it, so the next item can
    be predicted from the last one.

    Parameters
    ----------
    users : int, default: 40
        Number of users.
    items : int, default: 30
        Number of items with interactions. The catalogue has two more, without interactions.
    seed : int, default: 0
        Seed of the random numbers.

    Returns
    -------
    Interactions
        The log.

    Examples
    --------
    >>> from recbench.testing import example
    >>> log = example()
    >>> log.n_users, log.n_items, log.n_interactions
    (40, 32, 298)
    >>> next(log.sequences()).tolist()
    [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 13, users)
    first_item = rng.integers(0, items, users)
    user = np.repeat(np.arange(users), lengths)
    position = np.arange(len(user)) - np.repeat(offsets_of(lengths)[:-1], lengths)
    return Interactions.from_log(
        users=user,
        items=(first_item[user] + position) % items,
        times=1_000_000 + position * 60,
        ratings=rng.integers(1, 6, len(user)),
        n_users=users,
        n_items=items + 2,  # two items without interactions
    )


def popular(users: int, items: int) -> Interactions:
    """Return a log in which few items have most of the interactions; nothing else can be learnt."""
    weights = 1 / np.arange(1, items + 1) ** 1.2
    return _drawn(np.tile(weights, (users, 1)))


def groups(users: int, items: int) -> Interactions:
    """Return a log in which each user stays within one group of items, in no order.

    Item i belongs to group i % GROUPS, so features that repeat with that period tell groups too.
    """
    own = np.arange(users)[:, None] % GROUPS == np.arange(items) % GROUPS
    return _drawn(own.astype(float))


def _drawn(weights: Array, length: int = 6) -> Interactions:
    """Return a log of users who draw items without repeats. weights: (users, items)."""
    rng = np.random.default_rng(0)
    users, items = weights.shape
    with np.errstate(divide="ignore"):  # a weight of 0 is drawn last
        keys = np.log(weights) + rng.gumbel(size=weights.shape)
    drawn = np.argsort(-keys, axis=1, kind="stable")[:, :length]
    return Interactions.from_log(
        users=np.repeat(np.arange(users), length),
        items=drawn.ravel(),
        times=1_000_000 + np.tile(np.arange(length) * 60, users),
        ratings=np.full(users * length, 4),
        n_users=users,
        n_items=items,
    )


def all_but_last(log: Interactions) -> Interactions:
    """Return a log without the last interaction of each sequence."""
    mask = np.ones(log.n_interactions, dtype=bool)
    mask[log.offsets[1:] - 1] = False
    return log.keep(mask)


def in_milliseconds(log: Interactions) -> Interactions:
    """Return a log whose times need another unit than seconds, as those of many datasets do."""
    times = np.asarray(log.times) * 1000 + np.arange(log.n_interactions) % 7
    return dataclasses.replace(log, times=times, time_unit="ms")


def short_and_long(train: Interactions) -> Interactions:
    """Return a history of one item, and one of 300 items with repeats."""
    items = [1, *np.arange(300) % (train.n_items - 3)]
    return histories(train, {0: items[:1], 1: items[1:]})


def histories(like: Interactions, items: dict[int, list[int]]) -> Interactions:
    """Return one history per user. like: interactions that have the same users and items.

    Times go on after those of `like`, if it has any.
    """
    length = sum(map(len, items.values()))
    start = None if like.times is None or not len(like.times) else like.times.max() + 1
    return dataclasses.replace(
        like,
        users=np.array(list(items)),
        items=np.array([item for own in items.values() for item in own], dtype=np.int64),
        offsets=offsets_of(np.array([len(own) for own in items.values()])),
        times=None if start is None else start + np.arange(length),
        ratings=None,
        features={},
        parts=None,
    )
