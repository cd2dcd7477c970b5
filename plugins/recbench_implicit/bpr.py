"""The model `bpr`: factors by Bayesian personalised ranking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench

from .factors import ABOVE_0, Factors, products, require_implicit


class Bpr(Factors):
    """Bayesian personalised ranking: matrix factorisation that ranks a user's items above others.

    For a user of the training data, scores are the products of the learned factors of the user and
    of all items, whatever the history. Other users have no learned factors. Theirs are the sum of
    the factors of the history's items, each minus the mean over all training interactions. The sum
    is multiplied by the number that brings such sums closest to the learned factors of users. The
    bias of each item is added to its score for all users.

    Parameters
    ----------
    factors : int, default: 100
        Number of factors per user and item. Items also have a bias.
    learning_rate : float, default: 0.01
        Step size of the training, above 0.
    regularization : float, default: 0.01
        Weight of the squared factors in the loss.
    iterations : int, default: 100
        Number of epochs.
    seed : int, default: 0
        Random seed of the first factors and of the sampled pairs.

    Notes
    -----
    The library implicit trains the model, with its own defaults. To install it:
    `pip install "recbench-toolkit[implicit]"`. The training uses one thread of the CPU, because
    with several, or on a GPU, implicit learns different factors each time. How often a user had an
    item does not matter.

    `recbench tune` searches `factors` from 16 to 256, `learning_rate` from 0.001 to 0.2,
    `regularization` from 0.0001 to 0.1 and `iterations` from 20 to 300, all on logarithmic scales.

    References
    ----------
    Rendle, Freudenthaler, Gantner & Schmidt-Thieme, "BPR: Bayesian personalized ranking from
    implicit feedback", UAI 2009 (arXiv:1205.2618).

    Examples
    --------
    Users had two of the items 0, 1 and 2 or two of the items 3, 4 and 5:

    >>> import recbench
    >>> from recbench_implicit import Bpr
    >>> train = recbench.Interactions.from_log(
    ...     users=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5], items=[0, 1, 1, 2, 0, 2, 3, 4, 4, 5, 3, 5]
    ... )
    >>> model = Bpr(factors=4, learning_rate=0.2).fit(train)
    >>> scores = model.score(train.take([0, 3]))  # the users with the items 0 and 1, and 3 and 4
    >>> bool(scores[0, 2] > scores[0, 5]), bool(scores[1, 5] > scores[1, 2])
    (True, True)
    """

    name: ClassVar = "bpr"
    search_space: ClassVar[Mapping[str, Any]] = {
        "factors": recbench.Int(16, 256, log=True),
        "learning_rate": recbench.Float(0.001, 0.2, log=True),
        "regularization": recbench.Float(0.0001, 0.1, log=True),
        "iterations": recbench.Int(20, 300, log=True),
    }
    arrays: ClassVar = ("item_factors", "user_factors", "users", "centre", "scale")

    def __init__(
        self,
        factors: int = 100,
        learning_rate: float = 0.01,
        regularization: float = 0.01,
        iterations: int = 100,
        seed: int = 0,
    ) -> None:
        self.factors, self.learning_rate = factors, learning_rate
        self.regularization, self.iterations, self.seed = regularization, iterations, seed
        recbench.check_options(
            "bpr",
            ("factors", factors, factors >= 1, "1 or more"),
            ("learning_rate", learning_rate, 0 < learning_rate < np.inf, ABOVE_0),
            ("regularization", regularization, 0 <= regularization < np.inf, "0 or more"),
            ("iterations", iterations, iterations >= 1, "1 or more"),
            ("seed", seed, seed >= 0, "0 or more"),
        )
        require_implicit("bpr")

    def fit(self, train: recbench.Interactions) -> Self:
        """Learn the factors.

        Parameters
        ----------
        train : recbench.Interactions
            The training data. Sequences of the same user count together.

        Returns
        -------
        Self
            The fitted model.

        Raises
        ------
        recbench.RecbenchError
            If the training diverges.
        """
        from scipy.sparse import csr_matrix

        users, row = np.unique(train.users, return_inverse=True)
        cells = np.repeat(row, train.lengths), train.items
        ones = np.ones(train.n_interactions, dtype=np.float32)
        matrix = csr_matrix((ones, cells), shape=(len(users), train.n_items))
        fitted = self._train(
            self._build, matrix, self.iterations, "choose a lower learning_rate or regularization"
        )
        own = np.ascontiguousarray(fitted.user_factors[:, :-1])  # the last is 1, for the bias
        learned = {"item_factors": fitted.item_factors, "user_factors": own}
        items = fitted.item_factors[:, :-1]
        centre = (train.popularity @ items / max(1, train.n_interactions)).astype(np.float32)
        sums = matrix @ (items - centre)
        size = (sums * sums).sum()
        scale = (sums * own).sum() / (size or 1)
        return self.use({**learned, "users": users, "centre": centre, "scale": np.array([scale])})

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float32]:
        """Return the products of the factors of each history's user with those of all items.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float32
            Differences of the scores of two items are log-odds that the user prefers the former.

        Raises
        ------
        recbench.RecbenchError
            If the model is not fitted, or was fitted on another catalogue.
        """
        learned = self._fitted(history)
        items, trained = learned["item_factors"], learned["users"]
        users = history.matrix() @ (items[:, :-1] - learned["centre"]) * learned["scale"]
        place = np.searchsorted(trained, history.users)
        is_known = (np.append(trained, -1)[place] == history.users) & (history.users >= 0)
        users[is_known] = learned["user_factors"][place[is_known]]
        with_bias = np.hstack([users, np.ones((len(users), 1), dtype=np.float32)])
        return products(with_bias, items)

    def _build(self) -> Any:
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        return BayesianPersonalizedRanking(
            factors=self.factors,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.iterations,
            num_threads=1,
            random_state=self.seed,
        )
