"""The model `random`: random scores, the level that every useful model must exceed."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import recbench

_STEP = np.uint64(0x9E3779B97F4A7C15)


class Random:
    """Random scores, the level that every useful model must exceed.

    A score is a hash of the seed, the user, the length and last item of the history, and the item.
    It therefore does not depend on the batch, and the same history always gets the same scores.

    Parameters
    ----------
    seed : int, default: 0
        Random seed; different seeds give different scores.

    Examples
    --------
    >>> import recbench
    >>> from recbench_random import Random
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1], items=[2, 1, 0])
    >>> scores = Random(seed=1).fit(train).score(train)
    >>> scores.shape, bool(((scores >= 0) & (scores < 1)).all())
    ((2, 3), True)
    """

    n_parameters = 0

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, train: recbench.Interactions) -> Self:  # noqa: ARG002  nothing to learn
        """Learn nothing.

        Parameters
        ----------
        train : recbench.Interactions
            Ignored.

        Returns
        -------
        Self
            The model.
        """
        return self

    def score(self, history: recbench.Interactions) -> npt.NDArray[np.float64]:
        """Return uniformly distributed scores.

        Parameters
        ----------
        history : recbench.Interactions
            Histories to score, one sequence per row.

        Returns
        -------
        numpy.ndarray of shape (len(history), n_items), float64
            Numbers from 0 (included) to 1 (excluded).
        """
        hashes = _splitmix(np.full(len(history), self.seed).astype(np.uint64))
        last = np.full(len(history), -1)  # for an empty history
        last[history.lengths > 0] = history.items[history.offsets[1:][history.lengths > 0] - 1]
        for column in (history.users, history.lengths, last):
            hashes = _splitmix(hashes ^ column.astype(np.uint64))
        items = np.arange(history.n_items, dtype=np.uint64) * _STEP
        return (_splitmix(hashes[:, None] + items) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _splitmix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014); overflow is intended."""
    x = x + _STEP
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"random": Random}
