"""The model `item-knn`: items that the same users had as those of the history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

import recbench
from recbench_rules import ItemToItem


class ItemKNN(ItemToItem):
    """Item-based nearest neighbours: items that share many users with those of the history.

    The similarity of items i and j is n_ij / (sqrt(n_i * n_j) + shrinkage), where n_ij users had
    both; without shrinkage, it is the cosine. The score of item j is the sum of the similarities of
    those items of the history that are among the `k` items most similar to j. The last item of the
    history has the weight 1, the one before it `decay`, then `decay` ** 2, and so on. decay=1 is
    the model as published.

    Parameters
    ----------
    k : int, default: 100
        Number of neighbours of an item.
    shrinkage : float, default: 10
        Added to the denominator of similarities, which lowers those based on few users.
    decay : float, default: 0.9
        Factor per step back in the history, above 0 and at most 1. With 1, as published, the order
        of the history does not matter.

    Notes
    -----
    An item that a user had several times counts once in the similarities. No item is its own
    neighbour. Only the neighbours are kept, so the memory grows with `k` times the items.

    `recbench tune` searches `k` from 5 to 1,000, on a logarithmic scale, `shrinkage` from 0 to 200,
    and `decay` from 0.3 to 1. Ferrari Dacrema et al. (2021) search the same range of `k`, and
    `shrinkage` from 0 to 1,000.

    References
    ----------
    Sarwar, Karypis, Konstan & Riedl, "Item-based collaborative filtering recommendation
    algorithms", WWW 2001. Deshpande & Karypis, "Item-based top-N recommendation algorithms", ACM
    TOIS 22, 2004. The shrinkage is that of Ferrari Dacrema et al., "A troubling analysis of
    reproducibility and progress in recommender systems research", ACM TOIS 39, 2021
    (arXiv:1911.07698).

    Examples
    --------
    Items 0 and 1 share two users, and each of them has three; items 1 and 2 share one user:

    >>> import recbench
    >>> from recbench_linear import ItemKNN
    >>> train = recbench.Interactions.from_log(
    ...     users=[0, 0, 1, 1, 2, 3, 3], items=[0, 1, 0, 1, 0, 1, 2]
    ... )
    >>> history = recbench.Interactions.from_log(users=[0], items=[1], n_items=3)
    >>> print(ItemKNN(shrinkage=0).fit(train).score(history).round(4))
    [[0.6667 0.     0.5774]]
    """

    name: ClassVar[str] = "item-knn"
    search_space: ClassVar[Mapping[str, Any]] = {
        "k": recbench.Int(5, 1000, log=True),
        "shrinkage": recbench.Float(0, 200),
        "decay": recbench.Float(0.3, 1),
    }

    def __init__(self, k: int = 100, shrinkage: float = 10, decay: float = 0.9) -> None:
        self.k, self.shrinkage = k, shrinkage
        recbench.check_options(
            self.name,
            ("k", k, k >= 1, "1 or more"),
            ("shrinkage", shrinkage, 0 <= shrinkage < float("inf"), "0 or more"),
        )
        super().__init__(decay)

    def fit(self, train: recbench.Interactions) -> Self:
        """Find the neighbours of all items.

        Parameters
        ----------
        train : recbench.Interactions
            The training data.

        Returns
        -------
        Self
            The fitted model.
        """
        from scipy.sparse import csr_matrix, vstack

        from .neighbours import cosines, keep_largest
        from .users import product_blocks, user_matrix

        users = user_matrix(train)
        items = users.T.tocsr()
        lengths = np.sqrt(np.diff(items.indptr))
        neighbours = [csr_matrix((0, train.n_items), dtype=np.float32)]
        with recbench.Progress(self.name, total=train.n_items, unit="item") as progress:
            for rows, shared in product_blocks(items, users):
                own = np.arange(rows.start, rows.stop)
                similar = cosines(shared, own, (lengths[rows], lengths), self.shrinkage)
                neighbours.append(keep_largest(similar, self.k))
                progress.step(rows.stop - rows.start)
        return self.use(vstack(neighbours).T.tocsr())
