"""The model that recbench sees: options, fit, score, explain, save and load."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import recbench

FILE = "rules.safetensors"


class Rules:
    """Sequential co-occurrence rules: what followed the user's latest items, counted.

    The share of item j in all that followed item i within `window` steps, each pair weighing
    1 / distance, is the rule i -> j. A history scores j by the sum of the rules from its latest
    `length` items, the one before the last weighing `decay`, the one before that decay ** 2, and so
    on. (Sequential rules with decay: Ludewig & Jannach 2018, arXiv 1803.09587.)

    window: steps within which an item counts as following.
    length: how many of the latest items of a history are looked at.
    decay: what each step back in the history multiplies a rule by, in (0, 1].
    """

    def __init__(self, window: int = 10, length: int = 20, decay: float = 0.8) -> None:
        self.window, self.length, self.decay = window, length, decay
        for name, value in (("window", window), ("length", length)):
            if value < 1:
                raise recbench.UsageError(f"rules: {name}={value} must be 1 or more")
        if not 0 < decay <= 1:
            raise recbench.UsageError(f"rules: decay={decay} must be above 0 and at most 1")

    def fit(self, train: recbench.Interactions) -> Self:
        """Count; sparse matrices, no training."""
        from .counts import count_followers, normalise_rows

        return self.use(normalise_rows(count_followers(train, self.window)))

    def use(self, rules: Any) -> Self:
        """Take (n_items, n_items) rules that are counted already, as scipy's csr_matrix."""
        self.rules_, self.n_parameters = rules, int(rules.nnz)
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """(rows, n_items) float32, 0 where no rule leads."""
        from .counts import recency_weights

        self._require_fitted(history)
        scores = recency_weights(history, self.length, self.decay) @ self.rules_
        array: npt.NDArray[np.float32] = scores.toarray()
        return array

    def explain(
        self, history: recbench.Interactions, items: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Exact: a score is a sum over the history, and each event is shown with its part of it."""
        self._require_fitted(history)
        parts = np.zeros((len(items), history.n_interactions), dtype=np.float32)
        latest = history.items[-self.length :]
        weight = self.decay ** np.arange(len(latest))[::-1]
        if len(latest):
            parts[:, -len(latest) :] = self.rules_[latest][:, items].toarray().T * weight
        return parts

    def save(self, folder: Path) -> None:
        """Write the rules, without pickle."""
        from safetensors.numpy import save_file

        self._require_fitted(None)
        rules = self.rules_
        save_file(
            {name: getattr(rules, name) for name in ("data", "indices", "indptr")}
            | {"shape": np.array(rules.shape)},
            folder / FILE,
        )

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote."""
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
                f"{folder} holds no whole saved rules: {error}; fit them again"
            ) from error
        return self.use(rules)

    def _require_fitted(self, history: recbench.Interactions | None) -> None:
        if not hasattr(self, "rules_"):
            raise recbench.RecbenchError("these rules have counted nothing; call fit or load")
        if history is not None and history.n_items != self.rules_.shape[0]:
            raise recbench.RecbenchError(
                f"these rules know {self.rules_.shape[0]} items and the history "
                f"{history.n_items}; fit them on the same dataset"
            )
