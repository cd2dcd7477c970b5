"""The model `popular`: recommend the most popular items to every user."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

import recbench


class Popular:
    """The most popular items, the same for every user.

    A baseline without personalisation.

    Parameters
    ----------
    rule : {"consumed", "rated"}, default: "consumed"
        Whether items are scored by their number of interactions or by their mean rating. With
        "rated", only items whose number of ratings reaches the 95% quantile are scored by their
        mean rating, and all others rank below them.

    Notes
    -----
    The notebook from which recbench started used "rated", but with the ratings of the test
    interactions too. This model only sees training data.

    Examples
    --------
    >>> import recbench
    >>> from recbench_popular import Popular
    >>> train = recbench.Interactions.from_log(users=[0, 1, 1, 2], items=[2, 2, 0, 2], n_items=4)
    >>> Popular().fit(train).score(train)[0].tolist()
    [1.0, 0.0, 3.0, 0.0]
    """

    def __init__(self, rule: Literal["consumed", "rated"] = "consumed") -> None:
        self.rule = rule

    def fit(self, train: recbench.Interactions) -> Self:
        """Count the interactions with each item, or average its ratings.

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
            If the rule is "rated" and the data have no ratings.
        """
        counts = train.popularity
        self.n_parameters = train.n_items
        if self.rule == "consumed":
            self.scores_ = counts.astype(np.float64)
            return self
        if train.ratings is None:
            raise recbench.RecbenchError(
                "popular:rule=rated needs ratings, but the dataset has none; use popular"
            )
        sums = np.bincount(train.items, weights=train.ratings, minlength=train.n_items)
        means = sums / np.maximum(counts, 1)
        consumed = counts[counts > 0]
        often = counts >= np.quantile(consumed, 0.95) if len(consumed) else counts > 0
        self.scores_ = np.where(often, means, means.min(initial=0) - 1)
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float64]:
        """Return the popularity of all items for each history.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float64
            The same scores in every row.
        """
        return np.broadcast_to(self.scores_, (len(history), history.n_items))


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"popular": Popular}
