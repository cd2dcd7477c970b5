"""The model `rules`: options, fit, score, explain, save and load."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import recbench

FILE = "rules.safetensors"


class Rules:
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

    def __init__(self, window: int = 10, length: int = 20, decay: float = 0.8) -> None:
        self.window, self.length, self.decay = window, length, decay
        for name, value in (("window", window), ("length", length)):
            if value < 1:
                raise recbench.UsageError(f"rules: {name} must be 1 or more, not {value}")
        if not 0 < decay <= 1:
            raise recbench.UsageError(f"rules: decay must be above 0 and at most 1, not {decay}")

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

    def use(self, rules: Any) -> Self:
        """Use rules that are already counted.

        Parameters
        ----------
        rules : scipy.sparse.csr_matrix of shape (n_items, n_items)
            Row i holds the rules from item i.

        Returns
        -------
        Self
            The fitted model.
        """
        self.rules_, self.n_parameters = rules, int(rules.nnz)
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """Return the weighted sum of rules for all items.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            0 for items that no rule leads to.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        from .counts import recency_weights

        self._require_fitted(history)
        scores = recency_weights(history, self.length, self.decay) @ self.rules_
        array: npt.NDArray[np.float32] = scores.toarray()
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
        self._require_fitted(history)
        parts = np.zeros((len(items), history.n_interactions), dtype=np.float32)
        latest = history.items[-self.length :]
        weight = self.decay ** np.arange(len(latest))[::-1]
        if len(latest):
            parts[:, -len(latest) :] = self.rules_[latest][:, items].toarray().T * weight
        return parts

    def save(self, folder: Path) -> None:
        """Save the rules in safetensors format.

        Parameters
        ----------
        folder : pathlib.Path
            An existing folder.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted.
        """
        from safetensors.numpy import save

        self._require_fitted(None)
        arrays = {name: getattr(self.rules_, name) for name in ("data", "indices", "indptr")}
        arrays["shape"] = np.array(self.rules_.shape)
        (folder / FILE).write_bytes(save(arrays))  # save_file would ignore the umask

    def load(self, folder: Path) -> Self:
        """Load the rules that `save` wrote.

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
            If the file is missing or incomplete.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
        from scipy.sparse import csr_matrix

        try:
            saved = load_file(folder / FILE)
            arrays = saved["data"], saved["indices"], saved["indptr"]
            rules = csr_matrix(arrays, shape=tuple(saved["shape"].tolist()))
            rules.check_format()
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise recbench.RecbenchError(
                f"{folder} has no complete saved rules ({error}); fit the model again"
            ) from error
        return self.use(rules)

    def _require_fitted(self, history: recbench.Interactions | None) -> None:
        if not hasattr(self, "rules_"):
            raise recbench.RecbenchError("the rules are not fitted; call fit or load first")
        if history is not None and history.n_items != self.rules_.shape[0]:
            raise recbench.RecbenchError(
                f"the rules were fitted on {self.rules_.shape[0]} items, but the history has "
                f"{history.n_items}; fit them on the same dataset"
            )
