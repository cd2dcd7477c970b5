"""Models that score a history by a weighted sum of rows of an items x items matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .matrix_model import MatrixModel
from .recency import recency_weights


class ItemToItem(MatrixModel):
    """A linear model of the history: row i of the matrix says where item i of a history leads to.

    The scores are the sum of the rows of the history's items. The last item has the weight 1, the
    one before it `decay`, then `decay` ** 2, and so on. An item that a history has several times
    has the sum of these weights. A subclass has a `name`, and a `fit` that ends with
    `return self.use(matrix)`.

    Parameters
    ----------
    decay : float, default: 1
        Factor per step back in the history, above 0 and at most 1.
    length : int, default: None
        Number of latest items of a history that are used; all by default.

    Raises
    ------
    recbench.UsageError
        If a value is out of its range.
    """

    def __init__(self, decay: float = 1, length: int | None = None) -> None:
        self.decay, self.length = decay, length
        recbench.check_options(
            self.name,
            ("decay", decay, 0 < decay <= 1, "above 0 and at most 1"),
            ("length", length, length is None or length >= 1, "1 or more"),
        )

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """Return the weighted sum of the rows of the history's items.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            0 for items that nothing in the history leads to.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        self.require_fitted(history)
        weights = history.matrix(self._weights(history))
        weights.eliminate_zeros()
        scores = weights @ self.matrix_
        array: npt.NDArray[np.float32]
        array = scores if isinstance(scores, np.ndarray) else scores.toarray()
        return array

    def explain(
        self, history: recbench.Interactions, items: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Exact decomposition, in which the weights of a history sum to the score.

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

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> from recbench_rules import Rules
        >>> train = recbench.Interactions.from_log(users=[0, 0, 1, 1], items=[1, 2, 1, 0])
        >>> history = recbench.Interactions.from_log(users=[0, 0], items=[1, 0], n_items=3)
        >>> Rules(decay=0.5).fit(train).explain(history, np.array([2])).tolist()
        [[0.25, 0.0]]
        """
        self.require_fitted(history)
        if isinstance(self.matrix_, np.ndarray):
            rows = self.matrix_[np.ix_(history.items, items)]
        else:
            rows = self.matrix_[history.items][:, items].toarray()
        parts: npt.NDArray[np.float32] = rows.T * self._weights(history)
        return parts

    def _weights(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        return recency_weights(history, self.decay, self.length)
