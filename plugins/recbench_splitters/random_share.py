"""Random: hold out a random share of the interactions."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import recbench

from .common import distinct_items, note_on_users


class RandomShare:
    """A random share of the interactions are targets; the others are history and training data.

    The targets are drawn without regard to time, so models are trained on the future: interactions
    of the same user and of others that are later than a target. This is meant for comparisons with
    papers that did so. A user always keeps one interaction as history, so a user with a single
    interaction is used for training but not judged.

    For `recbench tune`, validation targets are drawn from the training data in the same way, with
    other random numbers.

    Parameters
    ----------
    share : float, default: 0.8
        Share of the interactions that are training data.
    by : {"user", "log"}, default: "user"
        Whether the share is taken of each user's interactions or of the whole log. With "user",
        everybody with two or more interactions has a target.
    seed : int, default: 0
        Random seed that chooses the targets.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import RandomShare
    >>> log = recbench.Interactions.from_log(users=[0] * 5, items=[10, 11, 12, 13, 14])
    >>> split = RandomShare(share=0.6).split(log)
    >>> [items.tolist() for items in split.history.sequences()], split.targets.tolist()
    ([[11, 12, 13]], [10, 14])
    """

    def __init__(
        self, share: float = 0.8, by: Literal["user", "log"] = "user", seed: int = 0
    ) -> None:
        recbench.check_options(
            "splitter random",
            ("share", share, 0 < share < 1, "above 0 and below 1"),
            ("by", by, by in ("user", "log"), "user or log"),
            ("seed", seed, seed >= 0, "0 or more"),
        )
        self.share, self.by, self.seed = share, by, seed

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out interactions that are drawn at random.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import RandomShare
        >>> log = recbench.Interactions.from_log(users=[0] * 9 + [1], items=[*range(9), 0])
        >>> split = RandomShare(share=0.5, by="log").split(log)
        >>> split.train.n_interactions, len(split.targets)
        (5, 5)
        """
        return self._split(interactions, [self.seed])

    def validation_split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out interactions of the training data that are drawn at random.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets, without what `split` holds out.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import RandomShare
        >>> log = recbench.Interactions.from_log(users=[0] * 5, items=[10, 11, 12, 13, 14])
        >>> RandomShare(share=0.6).split(log).targets.tolist()
        [10, 14]
        >>> split = RandomShare(share=0.6).validation_split(log)
        >>> split.train.items.tolist(), split.targets.tolist()
        ([12, 13], [11])
        """
        # with the same random numbers, many would be the items after those that `split` holds out
        return self._split(self.split(interactions).train, [self.seed, 1])

    def _split(self, interactions: recbench.Interactions, seed: list[int]) -> recbench.Split:
        lengths = interactions.lengths
        in_train = np.zeros(interactions.n_interactions, dtype=bool)
        in_train[self._kept(interactions, seed)] = True
        train = interactions.keep(in_train)
        targets = distinct_items(interactions.keep(~in_train))
        unjudged = "used for training but not judged"
        undrawn = (lengths > 1) & (targets.lengths == 0)
        notes = (
            "targets are drawn at random, so models are trained on interactions that are later",
            *note_on_users(lengths == 1, "with a single interaction", unjudged),
            *note_on_users(undrawn, "none of whose interactions was drawn", unjudged),
        )
        return recbench.Split(
            train, train, targets.items, targets.times, targets.offsets, notes, ordered=False
        )

    def _kept(self, interactions: recbench.Interactions, seed: list[int]) -> npt.NDArray[Any]:
        """Return the positions of the training data."""
        lengths, n = interactions.lengths, interactions.n_interactions
        draws = _draws(interactions, seed)
        rows = np.repeat(np.arange(len(interactions)), lengths)
        by_draw = np.lexsort((draws, rows))  # the sequences, each in random order
        nth = np.arange(n) - interactions.offsets[:-1][rows]
        if self.by == "user":
            n_kept = np.maximum(np.minimum(np.rint(self.share * lengths), lengths - 1), 1)
            return np.asarray(by_draw[nth < n_kept[rows]])
        history_first = by_draw[np.lexsort((draws[by_draw], nth > 0))]
        n_users = int(np.count_nonzero(lengths))
        return np.asarray(history_first[: max(min(round(self.share * n), n - 1), n_users)])


def _draws(interactions: recbench.Interactions, seed: list[int]) -> npt.NDArray[Any]:
    """Return a random number for each interaction, whatever the order of the sequences is."""
    users = np.repeat(interactions.users, interactions.lengths)
    draws = np.empty(len(users))
    draws[np.lexsort((interactions.items, users))] = np.random.default_rng(seed).random(len(users))
    return draws
