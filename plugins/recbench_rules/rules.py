"""The model `rules`: the shares of the items that followed each item within a few steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench

from .combination import Weights, fit_weights
from .held_out import hold_out_last
from .item_to_item import ItemToItem
from .repeats import count_habits, features_of

Array = npt.NDArray[Any]

FLOOR = 1e-4
"""Added to a share before the logarithm."""

REPEATS_FILE = "rules-repeats.safetensors"


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
    repeats : bool, default: False
        Add how often and how lately the user had an item before, and how often the item is consumed
        again at all. It matters where people consume items again (`repeats=keep`).

    Notes
    -----
    With `repeats=true`, the score is a weighted sum of the logarithm of the rules and of what an
    item gets because the history has it. The weights are fitted on validation targets.

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
    length: int
    search_space: ClassVar[Mapping[str, Any]] = {
        "window": recbench.Int(1, 50, log=True),
        "length": recbench.Int(1, 50, log=True),
        "decay": recbench.Float(0.3, 1),
    }

    def __init__(
        self, window: int = 10, length: int = 20, decay: float = 0.8, repeats: bool = False
    ) -> None:
        self.window, self.repeats = window, repeats
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

        if self.repeats:
            self.habits_, self.weights_ = self._fit_repeats(train)
        return self.use(normalise_rows(count_followers(train, self.window)))

    def _fit_repeats(self, train: recbench.Interactions) -> tuple[Array, Weights]:
        """Return the habits of the items, and weights fitted with the rules of a part of train."""
        start = np.ones(1, dtype=np.float32)
        split = recbench.validation_split(train)
        if split is None or not len(split.judged):
            split = hold_out_last(train)
        if split is None:
            return count_habits(train), Weights.unfitted(start, train)
        part = Rules(self.window, self.length, self.decay).fit(split.train)

        def score(history: recbench.Interactions) -> Array:
            return part.log_shares(history)[:, :, None]

        weights = fit_weights(split, score, start, count_habits(split.train), seed=0)
        return count_habits(train), weights

    def log_shares(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """Return the logarithm of the weighted sum of the rules, (rows, n_items) float32.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            The logarithm of the sum and a small constant, so that it is finite.
        """
        shares = super().score(history)
        shares += FLOOR
        logs: npt.NDArray[np.float32] = np.log(shares, out=shares)
        return logs

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """Return the weighted sum of the rules of the history's items, and what repeats add.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            Without repeats, 0 for items that nothing in the history leads to.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        if not self.repeats:
            return super().score(history)
        own = self.log_shares(history)
        total: npt.NDArray[np.float32] = own * self.weights_.parts[0]
        self.weights_.add_repeats(total, own, features_of(history, self.habits_))
        return total

    def explain(self, history: recbench.Interactions, items: Array) -> npt.NDArray[np.float32]:
        """Exact decomposition, in which the weights of a history sum to the score.

        With repeats, it is how fast a score changes with the weight of an interaction; what an item
        gets because the history has it belongs to the interactions with it, in equal parts.

        Parameters
        ----------
        history : recbench.Interactions
            One history.
        items : numpy.ndarray of shape (n,), int
            Item numbers whose scores are explained.

        Returns
        -------
        numpy.ndarray of shape (n, history.n_interactions), float32
            The part of each interaction, oldest first, in the score of each item.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        if not self.repeats:
            return super().explain(history, items)
        own = self.log_shares(history)[0, items]
        parts: npt.NDArray[np.float32] = (
            self.explain_log_shares(history, items) * self.weights_.parts[0]
        )
        parts += self.weights_.explain_repeats(history, items, own, self.habits_)
        return parts

    def explain_log_shares(
        self, history: recbench.Interactions, items: Array
    ) -> npt.NDArray[np.float32]:
        """Return how fast each item's `log_shares` changes with the weight of an interaction.

        Parameters
        ----------
        history : recbench.Interactions
            One history.
        items : numpy.ndarray of shape (n,), int
            Item numbers.

        Returns
        -------
        numpy.ndarray of shape (n, history.n_interactions), float32
            The derivatives.
        """
        parts = super().explain(history, items)
        derivatives: npt.NDArray[np.float32] = parts / (parts.sum(axis=1, keepdims=True) + FLOOR)
        return derivatives

    def save(self, folder: Path) -> None:
        """Save the matrix in safetensors format and, with repeats, the habits and the weights.

        Parameters
        ----------
        folder : pathlib.Path
            An existing folder.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted.
        """
        super().save(folder)
        if self.repeats:
            weights = self.weights_
            assert weights.repeats is not None  # noqa: S101  the fit has set it
            saved = {"habits": self.habits_, "parts": weights.parts, "repeats": weights.repeats}
            recbench.save_arrays(folder / REPEATS_FILE, saved)

    def load(self, folder: Path) -> Self:
        """Load what `save` wrote.

        Parameters
        ----------
        folder : pathlib.Path
            The folder that was given to `save`.

        Returns
        -------
        Self
            The fitted model.

        Raises
        ------
        recbench.RecbenchError
            If a file is missing or incomplete.
        """
        if self.repeats:
            recbench.load_arrays(folder / REPEATS_FILE, self.name, self._use_repeats)
        return super().load(folder)

    def _use_repeats(self, saved: Mapping[str, Array]) -> None:
        self.habits_, self.weights_ = saved["habits"], Weights(saved["parts"], saved["repeats"])
