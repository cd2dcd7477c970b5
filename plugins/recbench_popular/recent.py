"""The model `recent-popular`: recommend what was popular recently to every user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench

from .per_item import PerItem

PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
"""Unit of times -> how many of it are a day."""


class RecentPopular(PerItem):
    """The items that were most popular recently, the same for every user.

    Each training interaction counts 0.5 ** (age / half_life), where its age is the time between it
    and the last training interaction. The score of an item is the base-2 logarithm of its sum, so
    that the order of items is right however old their interactions are. Items without interactions
    score 1 below the lowest one.

    Parameters
    ----------
    half_life : float, default: 7
        Days after which the weight of an interaction is halved, above 0.

    Notes
    -----
    The model needs data with times. The default is the best of 13 half-lives from a day to a year
    on validation targets of ml-100k (leave-last-out). With `--split temporal`, the best is 10 days.
    `recbench tune` searches `half_life` from 0.5 to 365 days, on a logarithmic scale.

    References
    ----------
    Ji, Sun, Zhang & Li, "A re-visit of the popularity baseline in recommender systems", SIGIR 2020
    (arXiv:2005.13829), where a model of this kind is called DecayPop.

    Examples
    --------
    Item 0 was consumed twice, but two half-lives ago; item 1 once, at the end of the log:

    >>> import recbench
    >>> from recbench_popular import RecentPopular
    >>> day = 24 * 60 * 60
    >>> train = recbench.Interactions.from_log([0, 1, 1], [0, 0, 1], times=[0, 0, 2 * day])
    >>> RecentPopular(half_life=1).fit(train).score(train)[0].tolist()
    [-1.0, 0.0]
    """

    search_space: ClassVar[Mapping[str, Any]] = {"half_life": recbench.Float(0.5, 365, log=True)}

    def __init__(self, half_life: float = 7) -> None:
        self.half_life = half_life
        is_valid, rule = 0 < half_life < np.inf, "above 0 and finite"
        recbench.check_options("recent-popular", ("half_life", half_life, is_valid, rule))

    def fit(self, train: recbench.Interactions) -> Self:
        """Sum the decayed interactions with each item.

        Parameters
        ----------
        train : recbench.Interactions
            The training data, with times.

        Returns
        -------
        Self
            The fitted model.

        Raises
        ------
        recbench.RecbenchError
            If the data have no times.
        """
        if train.times is None:
            raise recbench.RecbenchError(
                "recent-popular needs times, but the dataset has none; use popular"
            )
        times = train.times.astype(np.float64)  # differences of int64 could overflow
        days = (times - times.max(initial=-np.inf)) / PER_DAY[train.time_unit]
        return self.use(log2_sums(days / self.half_life, train.items, train.n_items))


def log2_sums(
    exponents: npt.NDArray[np.float64], items: npt.NDArray[np.int32], n_items: int
) -> npt.NDArray[np.float64]:
    """Return log2 of the sum of 2 ** exponents of each item, (n_items,) float64.

    The powers are taken relative to the largest one of the item, because 2 ** -1100 is 0 in
    float64. Items without exponents get 1 less than the lowest logarithm.
    """
    largest = np.full(n_items, -np.inf)
    np.maximum.at(largest, items, exponents)
    sums = np.bincount(items, np.exp2(exponents - largest[items]), minlength=n_items)
    known = sums > 0
    logarithms = largest[known] + np.log2(sums[known])
    result = np.full(n_items, logarithms.min(initial=0) - 1)
    result[known] = logarithms
    return result
