"""What an item that a history already has is like: how often, how lately, and how often it returns.

Where people consume items again (groceries, music), the next item is often one of their own. Which
one depends on the user's own frequency and recency (Hu et al. 2020, arXiv 2006.00556), and on the
item: milk is bought again, a washing machine is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

FEATURES = "seen", "habit", "often", "lately", "current"
"""The features of a consumed item, in the order of the columns."""

DECAY, LEAST = 0.9, 0.01
"""A basket counts `DECAY` times as much in `lately` as the next later one, and at least `LEAST`."""

PRIOR = 5.0
"""How many consumers of average habit are added to those of each item."""


@dataclass(frozen=True)
class Consumed:
    """The distinct items of each history.

    rows, items: (n,), ascending by row, then by item. features: (n, 5) float32, see `features_of`.
    """

    rows: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]


def has_repeats(data: recbench.Interactions) -> bool:
    """Whether a row has an item more than once."""
    return len(data.pairs()) < data.n_interactions


def has_repeated_targets(held_out: recbench.Split) -> bool:
    """Whether a held-out target is also in its history."""
    history = held_out.history.take(held_out.judged)
    return bool(np.isin(held_out.target_pairs, history.pairs()).any())


def count_habits(train: recbench.Interactions) -> npt.NDArray[np.float32]:
    """Return (n_items,): how much more often an item is consumed again than the average item.

    It is the logarithm of a ratio: the number of further baskets in which a consumer of the item
    has it again, over the mean of all items. An average item has 0, and one with few consumers is
    close to 0.
    """
    row, age = basket_ages(train)
    pair_and_basket = np.unique(np.stack([row * train.n_items + train.items, age]), axis=1)
    pairs, n_baskets = np.unique(pair_and_basket[0], return_counts=True)
    item = pairs % train.n_items
    n_consumers = np.bincount(item, minlength=train.n_items)
    n_again = np.bincount(item, n_baskets - 1, minlength=train.n_items)
    mean = n_again.sum() / max(1, n_consumers.sum())
    if not mean:
        return np.zeros(train.n_items, dtype=np.float32)
    ratio = (n_again + PRIOR * mean) / ((n_consumers + PRIOR) * mean)
    habits: npt.NDArray[np.float32] = np.log(ratio).astype(np.float32)
    return habits


def features_of(history: recbench.Interactions, habits: npt.NDArray[Any]) -> Consumed:
    """Return the consumed items of each history with their features.

    seen: 1. habit: of the item, as `count_habits` returns it. often: log of the number of baskets
    with the item. lately: log of the sum of `DECAY` ** age over these baskets, each at least
    `LEAST`. current: whether the latest basket has the item.
    """
    row, age = basket_ages(history)
    pair_and_basket = np.unique(np.stack([row * history.n_items + history.items, age]), axis=1)
    pairs, first, n_baskets = np.unique(pair_and_basket[0], return_index=True, return_counts=True)
    if not len(pairs):
        return Consumed(pairs, pairs, np.empty((0, len(FEATURES)), dtype=np.float32))
    lately = np.add.reduceat(np.maximum(DECAY ** pair_and_basket[1], LEAST), first)
    latest = pair_and_basket[1][first]  # baskets are in ascending order of age
    rows, items = np.divmod(pairs, history.n_items)
    columns = np.ones(len(pairs)), habits[items], np.log(n_baskets), np.log(lately), latest == 0
    return Consumed(rows, items, np.stack(columns, axis=1).astype(np.float32))


def basket_ages(
    data: recbench.Interactions,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the row of each interaction, and its age in baskets.

    A basket is what a row has at the same time; without times, each interaction is a basket. The
    latest basket of a row has age 0.
    """
    row = np.repeat(np.arange(len(data), dtype=np.int64), data.lengths)
    begins = np.ones(data.n_interactions, dtype=bool)
    if data.times is not None:
        begins[1:] = (np.diff(data.times) != 0) | (np.diff(row) != 0)
    basket = np.cumsum(begins)
    n_until = np.concatenate([[0], basket])[data.offsets]
    return row, n_until[1:][row] - basket
