"""The model `personal-popular`: recommend what a user consumes most often, then what is popular."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench

from .per_item import PerItem

BELOW = 2.0**-20
"""Each basket with an item adds this to its weight, and the popularity of any item is below it."""


class PersonalPopular(PerItem):
    """The items that the user consumed most often and most recently, then the most popular ones.

    An item of the history scores the sum of decay ** age over the baskets that it is in. The age of
    a basket is the number of later ones. A basket is what the user consumed at the same time; where
    the history has no times, each interaction is a basket. With decay=1, the most frequent items
    come first.

    All items of the history rank above all others, and popularity decides between equals: each
    basket adds 2 ** -20 to decay ** age, and each item its number of training interactions, scaled
    to below 2 ** -20.

    Parameters
    ----------
    decay : float, default: 0.8
        Factor per basket back in the history, above 0 and at most 1.

    Notes
    -----
    This is the baseline to beat where people consume the same items again. The data must then be
    loaded with `repeats=keep`: by default, items of the history are not ranked, and what is left is
    the order of `popular`.

    `recbench tune` searches `decay` from 0.3 to 1.

    References
    ----------
    Hu, He, Gao & Zhang, "Modeling personalized item frequency information for next-basket
    recommendation", SIGIR 2020 (arXiv:2006.00556), where decay=1 is called P-TopFreq.

    Examples
    --------
    The user had item 0 twice, item 1 once, but last, and others like item 3:

    >>> import recbench
    >>> from recbench_popular import PersonalPopular
    >>> train = recbench.Interactions.from_log(users=[1, 2, 2], items=[3, 3, 2])
    >>> history = recbench.Interactions.from_log(users=[0, 0, 0], items=[0, 0, 1], n_items=4)
    >>> for decay in (1, 0.5):
    ...     scores = PersonalPopular(decay).fit(train).score(history)[0]
    ...     print(scores.round(2).tolist(), (-scores).argsort().tolist())
    [2.0, 1.0, 0.0, 0.0] [0, 1, 3, 2]
    [0.75, 1.0, 0.0, 0.0] [1, 0, 3, 2]
    """

    search_space: ClassVar[Mapping[str, Any]] = {"decay": recbench.Float(0.3, 1)}

    def __init__(self, decay: float = 0.8) -> None:
        self.decay = decay
        rule = "above 0 and at most 1"
        recbench.check_options("personal-popular", ("decay", decay, 0 < decay <= 1, rule))

    def fit(self, train: recbench.Interactions) -> Self:
        """Count the interactions with each item.

        Parameters
        ----------
        train : recbench.Interactions
            The training data.

        Returns
        -------
        Self
            The fitted model.
        """
        counts = train.popularity
        return self.use(BELOW * counts / (counts.max(initial=0) + 1))

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float64]:
        """Return the decayed frequency of each history's items, and the popularity of all items.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float64
            Above 2 ** -20 for items of the history, below it for others.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        popularity = self._fitted(history)
        row = np.repeat(np.arange(len(history)), history.lengths)
        cells = row * history.n_items + history.items
        own = np.bincount(cells, self._weights(history), minlength=len(history) * history.n_items)
        scores: npt.NDArray[np.float64] = own.reshape(len(history), history.n_items) + popularity
        return scores

    def explain(
        self, history: recbench.Interactions, items: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """Exact decomposition: decay ** age of each basket with the item.

        Parameters
        ----------
        history : recbench.Interactions
            One history.
        items : numpy.ndarray of shape (n,), int
            Item numbers whose scores are explained.

        Returns
        -------
        numpy.ndarray of shape (n, history.n_interactions), float64
            The part of each interaction, oldest first, in the score of each item: 0 if it was with
            another item. The parts of an item sum to its score, less its popularity, which belongs
            to no interaction.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        self._fitted(history)
        return np.where(items[:, None] == history.items, self._weights(history), 0)

    def _weights(self, history: recbench.Interactions) -> npt.NDArray[np.float64]:
        """Return what each interaction adds to the score of its item, (n_interactions,) float64.

        If an item occurs several times in a basket, the first one counts.
        """
        basket, age = baskets(history)
        first = np.unique(basket * history.n_items + history.items, return_index=True)[1]
        weights = np.zeros(history.n_interactions)
        weights[first] = self.decay ** age[first] + BELOW
        return weights


def baskets(history: recbench.Interactions) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the basket of each interaction, counted over all rows, and how many follow in its row.

    A basket is what has the same time or, without times, a single interaction.
    """
    is_last = np.ones(history.n_interactions, dtype=bool)
    if history.times is not None:
        is_last[:-1] = history.times[1:] != history.times[:-1]
        is_last[history.offsets[1:][history.lengths > 0] - 1] = True
    before = np.append(0, np.cumsum(is_last))  # how many baskets have ended before each interaction
    basket = before[:-1]
    return basket, np.repeat(before[history.offsets[1:]], history.lengths) - 1 - basket
