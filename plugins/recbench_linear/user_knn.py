"""The model `user-knn`: items of the users whose items are most like the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench
from recbench_rules.matrix_model import MatrixModel
from recbench_rules.recency import recency_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class UserKNN(MatrixModel):
    """User-based nearest neighbours: items of the users whose histories are most similar.

    The last item of a history has the weight 1, the one before it `decay`, then `decay` ** 2, and
    so on. The similarity of the history to a user of the training data is the sum of the weights of
    the items that the user had too, divided by |history| * |user| + shrinkage. |history| is the
    root of the sum of the squared weights, and |user| the root of the number of the user's items.
    Without shrinkage, the similarity is the cosine. The score of an item is the sum of the
    similarities of those users, among the `k` most similar ones, who had it. decay=1 is the model
    as published.

    Parameters
    ----------
    k : int, default: 20
        Number of neighbours of a history.
    shrinkage : float, default: 0
        Added to the denominator of similarities, which lowers those based on few items.
    decay : float, default: 0.8
        Factor per step back in the history, above 0 and at most 1. With 1, as published, the order
        of the history does not matter.

    Notes
    -----
    A user is not a neighbour of their own history. An item that a neighbour had several times
    counts once. There is no training: the matrix of the model is the training data.

    `recbench tune` searches `k` from 5 to 1,000, on a logarithmic scale, `shrinkage` from 0 to 50,
    and `decay` from 0.3 to 1. Ferrari Dacrema et al. (2021) search the same range of `k`, and
    `shrinkage` from 0 to 1,000.

    References
    ----------
    Resnick, Iacovou, Suchak, Bergstrom & Riedl, "GroupLens: an open architecture for collaborative
    filtering of netnews", CSCW 1994. Sarwar, Karypis, Konstan & Riedl, "Analysis of recommendation
    algorithms for e-commerce", EC 2000. Ferrari Dacrema et al., "A troubling analysis of
    reproducibility and progress in recommender systems research", ACM TOIS 39, 2021
    (arXiv:1911.07698).

    Examples
    --------
    The history has two items, which user 0 had both; user 1 had one of them:

    >>> import recbench
    >>> from recbench_linear import UserKNN
    >>> train = recbench.Interactions.from_log(
    ...     users=[0, 0, 0, 0, 1], items=[0, 1, 2, 3, 1], n_users=3
    ... )
    >>> history = recbench.Interactions(
    ...     users=[2], items=[0, 1], offsets=[0, 2], n_users=3, n_items=4
    ... )
    >>> print(UserKNN(decay=1).fit(train).score(history).round(4))
    [[0.7071 1.4142 0.7071 0.7071]]
    """

    name: ClassVar[str] = "user-knn"
    search_space: ClassVar[Mapping[str, Any]] = {
        "k": recbench.Int(5, 1000, log=True),
        "shrinkage": recbench.Float(0, 50),
        "decay": recbench.Float(0.3, 1),
    }

    def __init__(self, k: int = 20, shrinkage: float = 0, decay: float = 0.8) -> None:
        self.k, self.shrinkage, self.decay = k, shrinkage, decay
        recbench.check_options(
            self.name,
            ("k", k, k >= 1, "1 or more"),
            ("shrinkage", shrinkage, 0 <= shrinkage < float("inf"), "0 or more"),
            ("decay", decay, 0 < decay <= 1, "above 0 and at most 1"),
        )

    def fit(self, train: recbench.Interactions) -> Self:
        """Keep which user had which items.

        Parameters
        ----------
        train : recbench.Interactions
            The training data.

        Returns
        -------
        Self
            The fitted model.
        """
        from .users import user_matrix

        return self.use(user_matrix(train))

    def use(self, matrix: Any) -> Self:
        """Use a matrix of which user had which items.

        Parameters
        ----------
        matrix : scipy.sparse.csr_matrix of shape (n, n_items), float32
            1 where a user had an item. Row u belongs to user number u.

        Returns
        -------
        Self
            The fitted model.
        """
        self._items = matrix.T.tocsr()
        self._lengths = np.sqrt(np.diff(matrix.indptr))
        return super().use(matrix)

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """Return the summed similarities of the neighbours who had each item.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            0 for items that no neighbour had.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        self.require_fitted(history)
        scores: npt.NDArray[np.float32] = (self._neighbours(history) @ self.matrix_).toarray()
        return scores

    def explain(
        self, history: recbench.Interactions, items: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        """Exact decomposition given the neighbours, in which the weights sum to the score.

        Parameters
        ----------
        history : recbench.Interactions
            One history.
        items : numpy.ndarray of shape (n,), int
            Item numbers whose scores are explained.

        Returns
        -------
        numpy.ndarray of shape (n, history.n_interactions), float32
            The part of each interaction, oldest first, in the similarities of the neighbours who
            had each item.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        self.require_fitted(history)
        neighbours = self._neighbours(history)
        had = self.matrix_[neighbours.indices]
        weights = recency_weights(history, self.decay)
        shares = had[:, history.items].toarray() * weights  # of each similarity, before its divisor
        divisors = _lengths(history.matrix(weights)) * self._lengths[neighbours.indices]
        shares /= (divisors + self.shrinkage)[:, None]
        parts: npt.NDArray[np.float32] = had[:, items].T.toarray() @ shares
        return parts.astype(np.float32)

    def _neighbours(self, history: recbench.Interactions) -> csr_matrix:
        """Return (len(history), rows of the matrix): the similarities of the neighbours."""
        from scipy.sparse import csr_matrix, vstack

        from .neighbours import cosines, keep_largest
        from .users import product_blocks

        weights = history.matrix(recency_weights(history, self.decay))
        weights.eliminate_zeros()
        lengths = _lengths(weights)
        found = [csr_matrix((0, self.matrix_.shape[0]), dtype=np.float32)]
        for rows, shared in product_blocks(weights, self._items):
            both = lengths[rows], self._lengths
            similar = cosines(shared, history.users[rows], both, self.shrinkage)
            found.append(keep_largest(similar, self.k))
        return vstack(found).tocsr()


def _lengths(vectors: csr_matrix) -> npt.NDArray[np.float64]:
    """Return the Euclidean length of each row."""
    return np.sqrt(np.asarray(vectors.power(2).sum(axis=1), dtype=np.float64).ravel())
