"""The model `ease`: linear regression of each item on all others, in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench
from recbench_rules import ItemToItem

BYTES_PER_PAIR = 12
"""Memory that `fit` needs for each pair of items: 8 to invert a matrix, and 4 for the weights."""

LEAST = 1e-12
"""Least penalty, as a share of the interactions. With smaller ones, the inverse is rounding errors:
float64 has 16 digits, and this takes 12 of them."""

ROWS = 256
"""How many rows of the weights are computed at a time."""


class Ease(ItemToItem):
    """EASE: the linear model that best predicts each item from the user's other items.

    Each item is predicted by a weighted sum of all other items that the user had. The weights
    minimise the squared error over all users, plus `l2` times the sum of the squared weights. They
    are computed in closed form: with P the inverse of X'X + l2 * I, where X has a 1 where a user
    had an item, the weight of item i for item j is -P_ij / P_jj, and 0 if i is j. The last item of
    the history has the weight 1, the one before it `decay`, then `decay` ** 2, and so on. decay=1
    is the model as published.

    Parameters
    ----------
    l2 : float, default: 500
        Weight of the penalty, above 0; lambda in the paper.
    decay : float, default: 0.7
        Factor per step back in the history, above 0 and at most 1. With 1, as published, the order
        of the history does not matter.

    Notes
    -----
    The memory grows with the square of the catalogue: 12 bytes for each pair of items, so 1.2 GB
    for 10,000 items. The time grows with its third power. If there is not enough memory, the model
    refuses the catalogue; the option `min_item_interactions=` of every dataset makes it smaller.
    The matrix is inverted by a single thread, so that the weights are the same with any number of
    threads.

    An item that a user had several times counts once in X. No item predicts itself. So with
    `repeats=keep`, items that users buy again are recommended only because of other items.

    `recbench tune` searches `l2` from 1 to 10,000, on a logarithmic scale, and `decay` from 0.3 to
    1. Ferrari Dacrema et al. (2021) search from 1 to 10,000,000.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019 (arXiv:1905.03375).
    Ferrari Dacrema et al., "A troubling analysis of reproducibility and progress in recommender
    systems research", ACM TOIS 39, 2021 (arXiv:1911.07698).

    Examples
    --------
    Two of three users had items 0 and 1 together:

    >>> import recbench
    >>> from recbench_linear import Ease
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1, 1, 2], items=[0, 1, 0, 1, 2])
    >>> history = recbench.Interactions.from_log(users=[0], items=[0], n_items=3)
    >>> Ease(l2=2).fit(train).score(history).tolist()  # 2 users / (2 users + l2)
    [[0.0, 0.5, 0.0]]
    """

    name: ClassVar[str] = "ease"
    search_space: ClassVar[Mapping[str, Any]] = {
        "l2": recbench.Float(1, 10_000, log=True),
        "decay": recbench.Float(0.3, 1),
    }
    option_aliases: ClassVar[Mapping[str, str]] = {"lambda": "l2"}

    def __init__(self, l2: float = 500, decay: float = 0.7) -> None:
        self.l2 = l2
        recbench.check_options(self.name, ("l2", l2, 0 < l2 < float("inf"), "above 0"))
        super().__init__(decay)

    def fit(self, train: recbench.Interactions) -> Self:
        """Compute the weights.

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
            If the square of the catalogue does not fit in memory, or `l2` is too small for the
            inverse.
        """
        from .memory import require_memory
        from .users import shared_users, user_matrix

        require_memory(self.name, train.n_items, BYTES_PER_PAIR)
        gram = shared_users(user_matrix(train), np.float64)
        diagonal = np.einsum("ii->i", gram)
        if self.l2 < (least := LEAST * diagonal.sum()):
            raise recbench.RecbenchError(
                f"ease: l2={self.l2} is too small for this log, as the inverse would consist of "
                f"rounding errors; choose at least {least:.2g}"
            )
        diagonal += self.l2
        return self.use(_weights_of(_inverse_of(gram)))


def _inverse_of(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the inverse of a symmetric, positive definite matrix, in the same memory.

    Only the diagonal and what is above it are computed; what is below it has no meaning.
    """
    from scipy.linalg.lapack import dpotrf, dpotri
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # threads would add numbers in another order
        columns, _ = dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
        columns, _ = dpotri(columns, lower=1, overwrite_c=1)
    return columns.T  # type: ignore[no-any-return]


def _weights_of(inverse: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return -P_ij / P_jj, and 0 on the diagonal, of the upper half of P."""
    n_items, diagonal = len(inverse), inverse.diagonal()
    weights = np.empty((n_items, n_items), dtype=np.float32)
    for start in range(0, n_items, ROWS):
        stop = min(start + ROWS, n_items)
        corner = np.triu(inverse[start:stop, start:stop], 1)
        weights[start:stop, start:stop] = -(corner + corner.T) / diagonal[start:stop]
        right = -inverse[start:stop, stop:]
        weights[start:stop, stop:] = right / diagonal[stop:]
        weights[stop:, start:stop] = right.T / diagonal[start:stop]
    return weights
