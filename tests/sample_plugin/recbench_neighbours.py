"""Recommend the items that other users had together with the latest items of this user."""

from typing import ClassVar

import numpy as np
from scipy import sparse

import recbench


class Neighbours:
    """Items that share users with the latest items of the history.

    Parameters
    ----------
    last : int, default: 5
        Number of latest items of a history that are used.
    decay : float, default: 0.8
        Weight of each of these items, relative to the next newer one.
    """

    option_groups: ClassVar = {"history": ("last", "decay")}
    renamed_options: ClassVar = {"recent": "last"}  # old name -> new name
    option_aliases: ClassVar = {"window": "last"}  # another name -> the option
    search_space: ClassVar = {
        "last": recbench.Int(1, 50, log=True),
        "decay": recbench.Float(0.1, 1),
    }

    def __init__(self, last: int = 5, decay: float = 0.8):
        if last < 1:
            raise recbench.UsageError(f"model neighbours: last={last} must be at least 1")
        self.last, self.decay = last, decay

    def fit(self, train):
        matrix = train.matrix()  # (len(train), n_items): how often each user had each item
        self._use(sparse.csr_matrix(matrix.T @ matrix))
        return self

    def _use(self, together):
        self.together_ = together  # (n_items, n_items): how many users two items share
        self.n_parameters = together.nnz  # shown in the column "params"

    def score(self, history):
        scores = np.zeros((len(history), history.n_items), dtype=np.float32)
        for row, items in enumerate(history.sequences()):
            scores[row] = self._weights(items) @ self.together_[items]
        return scores

    def _weights(self, items):
        age = np.arange(len(items))[::-1]  # 0 for the last item
        return np.where(age < self.last, self.decay**age, 0)

    def explain(self, history, items):
        """Part of the score that each interaction contributes."""
        weights = self._weights(history.items)
        return (self.together_[history.items][:, items].toarray() * weights[:, None]).T

    def save(self, folder):
        sparse.save_npz(folder / "together.npz", self.together_)

    def load(self, folder):
        self._use(sparse.load_npz(folder / "together.npz"))
        return self


@recbench.hookimpl
def recbench_models():
    return {"neighbours": Neighbours}
