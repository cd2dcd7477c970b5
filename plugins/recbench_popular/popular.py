"""The model `popular`: recommend the most popular items to every user."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np

import recbench

from .per_item import PerItem


class Popular(PerItem):
    """The most popular items, the same for every user.

    A baseline without personalisation.

    Parameters
    ----------
    rule : {"consumed", "rated"}, default: "consumed"
        Whether items are scored by their number of interactions or by their mean rating. With
        "rated", only items whose number of ratings reaches the 95% quantile are scored by their
        mean rating, and all others rank below them.

    Notes
    -----
    The notebook from which recbench started used "rated", but with the ratings of the test
    interactions too. This model only sees training data.

    `recbench tune` does not tune `rule`, because "rated" needs ratings.

    Examples
    --------
    >>> import recbench
    >>> from recbench_popular import Popular
    >>> train = recbench.Interactions.from_log(users=[0, 1, 1, 2], items=[2, 2, 0, 2], n_items=4)
    >>> Popular().fit(train).score(train)[0].tolist()
    [1.0, 0.0, 3.0, 0.0]
    """

    def __init__(self, rule: Literal["consumed", "rated"] = "consumed") -> None:
        self.rule = rule

    def fit(self, train: recbench.Interactions) -> Self:
        """Count the interactions with each item, or average its ratings.

        Parameters
        ----------
        train : recbench.Interactions
            The training data.

        Returns
        -------
        Self
            The fitted model.

        Raises
        ------
        recbench.RecbenchError
            If the rule is "rated" and the data have no ratings.
        """
        counts = train.popularity
        if self.rule == "consumed":
            return self.use(counts)
        if train.ratings is None:
            raise recbench.RecbenchError(
                "popular:rule=rated needs ratings, but the dataset has none; use popular"
            )
        sums = np.bincount(train.items, weights=train.ratings, minlength=train.n_items)
        means = sums / np.maximum(counts, 1)
        consumed = counts[counts > 0]
        often = counts >= np.quantile(consumed, 0.95) if len(consumed) else counts > 0
        return self.use(np.where(often, means, means.min(initial=0) - 1))
