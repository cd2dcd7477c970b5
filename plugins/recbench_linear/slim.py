"""The model `slim`: sparse linear regression of each item on others, with an elastic net."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

import recbench
from recbench_rules import ItemToItem

LOG = logging.getLogger("recbench")

BYTES_PER_PAIR = 4
"""Memory that `fit` needs for each pair of items, in bytes."""

MAX_STEPS = 1000
"""Most passes of the coordinate descent over the weights of an item."""


class Slim(ItemToItem):
    """SLIM: a sparse linear model that predicts each item from a few others.

    Each item is predicted by a weighted sum of other items that the user had. The weights are 0 or
    more and minimise half the squared error over all users, plus `l1` times the sum of the weights,
    plus half of `l2` times the sum of the squared weights. scikit-learn's coordinate descent does
    this for several items in parallel, with the same weights for any number of threads. The last
    item of the history has the weight 1, the one before it `decay`, then `decay` ** 2, and so on.
    decay=1 is the model as published.

    Parameters
    ----------
    l1 : float, default: 3
        Weight of the penalty that makes the weights sparse, above 0; lambda in the paper.
    l2 : float, default: 300
        Weight of the penalty of squared weights, 0 or more; beta in the paper.
    candidates : int, default: 500
        Number of items from which an item may be predicted: those with the highest cosines.
    decay : float, default: 0.8
        Factor per step back in the history, above 0 and at most 1. With 1, as published, the order
        of the history does not matter.

    Notes
    -----
    In scikit-learn's terms, `alpha` is (l1 + l2) / (number of users) and `l1_ratio` is
    l1 / (l1 + l2).

    `candidates` is the feature selection that the paper calls fsSLIM. With a number as large as the
    catalogue, all items are candidates.

    The memory grows with the square of the catalogue: 4 bytes for each pair of items, so 0.4 GB for
    10,000 items. If there is not enough memory, the model refuses the catalogue; the option
    `min_item_interactions=` of every dataset makes it smaller.

    An item that a user had several times counts once. No item predicts itself. So with
    `repeats=keep`, items that users buy again are recommended only because of other items.

    `recbench tune` searches `l1` from 0.1 to 100 and `l2` from 1 to 5,000, both on logarithmic
    scales, and `decay` from 0.3 to 1. `candidates` mainly decides how long the training takes, and
    is not tuned.

    References
    ----------
    Ning & Karypis, "SLIM: sparse linear methods for top-N recommender systems", ICDM 2011.

    Examples
    --------
    Two of three users had items 0 and 1 together:

    >>> import recbench
    >>> from recbench_linear import Slim
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1, 1, 2], items=[0, 1, 0, 1, 2])
    >>> history = recbench.Interactions.from_log(users=[0], items=[0], n_items=3)
    >>> Slim(l1=1, l2=2).fit(train).score(history).tolist()  # (2 users - l1) / (2 users + l2)
    [[0.0, 0.25, 0.0]]
    """

    name: ClassVar[str] = "slim"
    search_space: ClassVar[Mapping[str, Any]] = {
        "l1": recbench.Float(0.1, 100, log=True),
        "l2": recbench.Float(1, 5000, log=True),
        "decay": recbench.Float(0.3, 1),
    }
    option_aliases: ClassVar[Mapping[str, str]] = {"lambda": "l1", "beta": "l2"}

    def __init__(
        self, l1: float = 3, l2: float = 300, candidates: int = 500, decay: float = 0.8
    ) -> None:
        self.l1, self.l2, self.candidates = l1, l2, candidates
        recbench.check_options(
            self.name,
            ("l1", l1, 0 < l1 < float("inf"), "above 0"),
            ("l2", l2, 0 <= l2 < float("inf"), "0 or more"),
            ("candidates", candidates, candidates >= 1, "1 or more"),
        )
        super().__init__(decay)

    def fit(self, train: recbench.Interactions) -> Self:
        """Learn the weights.

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
            If the square of the catalogue does not fit in memory.
        """
        import joblib
        from scipy.sparse import csr_matrix
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        from .memory import require_memory
        from .users import shared_users, user_matrix

        require_memory(self.name, train.n_items, BYTES_PER_PAIR)
        gram = shared_users(user_matrix(train), np.float32)
        lengths = np.sqrt(np.maximum(gram.diagonal(), 1))
        found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []
        n_inexact = 0
        with (
            warnings.catch_warnings(action="ignore", category=ConvergenceWarning),
            recbench.Progress(self.name, total=train.n_items, unit="item") as progress,
            threadpool_limits(1),
            ThreadPoolExecutor(joblib.cpu_count()) as pool,
        ):
            for items, weights, steps in pool.map(
                lambda item: self._weights_of(item, gram, lengths), range(train.n_items)
            ):
                found.append((items, weights))
                n_inexact += steps == MAX_STEPS
                progress.step()
        if n_inexact:
            LOG.warning(
                "slim: the weights of %s of %s items are not exact after %s steps of the descent; "
                "they are with a larger l1 or l2",
                *(f"{number:,}" for number in (n_inexact, train.n_items, MAX_STEPS)),
            )
        offsets = np.cumsum([0, *(len(items) for items, _ in found)])
        indices = np.concatenate([np.empty(0, np.int64), *(items for items, _ in found)])
        data = np.concatenate([np.empty(0, np.float32), *(weights for _, weights in found)])
        shape = train.n_items, train.n_items
        return self.use(csr_matrix((data, indices, offsets), shape=shape).T.tocsr())

    def _weights_of(
        self, target: int, gram: npt.NDArray[np.float32], lengths: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], int]:
        """Return the items from which an item is predicted, their weights, and the steps taken.

        gram: (n_items, n_items) how many users had both items. lengths: (n_items,) the roots of its
        diagonal.
        """
        from sklearn.linear_model import enet_path

        shared = gram[target] / lengths
        shared[target] = 0
        others = np.argpartition(-shared, min(self.candidates, len(shared)) - 1)[: self.candidates]
        others = np.sort(others[shared[others] > 0])  # the weights of all others are 0
        if not len(others):
            return others, shared[others], 0
        _, weights, _, steps = enet_path(
            # With X'X and X'y given, of X only the shape is used, and of y the sum of squares. For
            # any number of users these are the same as for one user.
            X=np.zeros((1, len(others)), dtype=np.float32),
            y=lengths[[target]],
            precompute=gram[np.ix_(others, others)],
            Xy=gram[target, others],
            alphas=[self.l1 + self.l2],
            l1_ratio=self.l1 / (self.l1 + self.l2),
            positive=True,
            check_input=False,
            max_iter=MAX_STEPS,
            return_n_iter=True,
        )
        used = np.flatnonzero(weights)
        return others[used], weights[used, 0], steps[0]
