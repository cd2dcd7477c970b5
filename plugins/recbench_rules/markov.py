"""The model `markov`: what came directly after the last item of the history."""

from __future__ import annotations

from typing import ClassVar, Self

import recbench

from .item_to_item import ItemToItem


class Markov(ItemToItem):
    """First-order Markov chain: items that often came directly after the user's last item.

    The score of item j after item i is the share of item j among all direct successors of item i in
    the training data. Only the last item of a history counts. The shares are counted; there is no
    training.

    References
    ----------
    Zimdars, Chickering & Meek, "Using temporal data for making recommendations", UAI 2001
    (arXiv:1301.2320). The chain that Rendle, Freudenthaler & Schmidt-Thieme factorise in
    "Factorizing personalized Markov chains for next-basket recommendation", WWW 2010.

    Examples
    --------
    Item 1 was followed by item 2 twice and by item 0 twice:

    >>> import recbench
    >>> from recbench_rules import Markov
    >>> train = recbench.Interactions.from_log(
    ...     users=[0, 0, 1, 1, 2, 2, 3, 3], items=[1, 2, 1, 0, 1, 2, 1, 0]
    ... )
    >>> history = recbench.Interactions.from_log(users=[0, 0], items=[2, 1], n_items=3)
    >>> Markov().fit(train).score(history).tolist()
    [[0.5, 0.0, 0.5]]
    """

    name: ClassVar[str] = "markov"

    def __init__(self) -> None:
        super().__init__(length=1)

    def fit(self, train: recbench.Interactions) -> Self:
        """Count direct successors.

        Parameters
        ----------
        train : recbench.Interactions
            The training data.

        Returns
        -------
        Self
            The fitted model.
        """
        from .counts import count_followers, normalise_rows

        return self.use(normalise_rows(count_followers(train, window=1)))
