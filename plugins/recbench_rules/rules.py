"""The model `rules`: the shares of the items that followed each item within a few steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import recbench

from .item_to_item import ItemToItem


class Rules(ItemToItem):
    """Sequential rules: items that often followed the latest items of the user's history.

    The rule i -> j is the share of item j among all items that followed item i within `window`
    steps, where each pair has the weight 1 / distance. The score of item j is the sum of the rules
    from the latest `length` items of the history. The last item has the weight 1, the one before it
    `decay`, then `decay` ** 2, and so on. The rules are counted; there is no training.

    Parameters
    ----------
    window : int, default: 10
        Largest distance, in steps, at which an item counts as following another.
    length : int, default: 20
        Number of latest items of a history that are used.
    decay : float, default: 0.8
        Factor per step back in the history, above 0 and at most 1.

    Notes
    -----
    `recbench tune` searches `window` and `length` from 1 to 50, on a logarithmic scale, and `decay`
    from 0.3 to 1.

    References
    ----------
    Ludewig & Jannach, "Evaluation of session-based recommendation algorithms", User Modeling and
    User-Adapted Interaction 28, 2018 (arXiv:1803.09587).

    Examples
    --------
    Item 1 was followed by item 2 once and by item 0 once:

    >>> import recbench
    >>> from recbench_rules import Rules
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1, 1], items=[1, 2, 1, 0])
    >>> model = Rules().fit(train)
    >>> history = recbench.Interactions.from_log(users=[0], items=[1], n_items=3)
    >>> model.score(history).tolist()
    [[0.5, 0.0, 0.5]]
    """

    name: ClassVar[str] = "rules"
    search_space: ClassVar[Mapping[str, Any]] = {
        "window": recbench.Int(1, 50, log=True),
        "length": recbench.Int(1, 50, log=True),
        "decay": recbench.Float(0.3, 1),
    }

    def __init__(self, window: int = 10, length: int = 20, decay: float = 0.8) -> None:
        self.window = window
        recbench.check_options(self.name, ("window", window, window >= 1, "1 or more"))
        super().__init__(decay, length)

    def fit(self, train: recbench.Interactions) -> Self:
        """Count the rules.

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

        return self.use(normalise_rows(count_followers(train, self.window)))
