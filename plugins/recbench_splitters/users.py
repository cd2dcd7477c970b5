"""Users: judge users who are not in the training data."""

import numpy as np

import recbench

from .common import note_on_users


class UnseenUsers:
    """Test users whom no model was trained on; the last interaction of each is the target.

    All interactions of a random share of the users are training data. Models see the other users
    for the first time when they recommend: each history is everything but the last interaction.
    The catalogue includes items that only test users have. Known as strong generalisation (Marlin,
    "Collaborative filtering: a machine learning perspective", 2004). Interactions of the training
    users that are later than a target are training data.

    For `recbench tune`, the users of the training data are divided in the same way, so that other
    users are judged on validation targets.

    Parameters
    ----------
    share : float, default: 0.9
        Share of the users who are used for training.
    seed : int, default: 0
        Random seed that chooses them.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import UnseenUsers
    >>> log = recbench.Interactions.from_log(users=[0, 0, 0, 1, 1], items=[4, 2, 5, 3, 4])
    >>> split = UnseenUsers(share=0.5).split(log)
    >>> split.train.users.tolist(), [items.tolist() for items in split.train.sequences()]
    ([0], [[4, 2, 5]])
    >>> split.history.users.tolist(), [items.tolist() for items in split.history.sequences()]
    ([1], [[3]])
    >>> split.targets.tolist()
    [4]
    """

    def __init__(self, share: float = 0.9, seed: int = 0) -> None:
        recbench.check_options(
            "splitter users",
            ("share", share, 0 < share < 1, "above 0 and below 1"),
            ("seed", seed, seed >= 0, "0 or more"),
        )
        self.share, self.seed = share, seed

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the last interaction of the users who are not drawn for training.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets. Histories keep the numbers of their users.

        Raises
        ------
        recbench.RecbenchError
            If there are too few users to hold some out.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import UnseenUsers
        >>> log = recbench.Interactions.from_log(users=[0, 0, 1, 1, 2, 2], items=[4, 2, 5, 3, 4, 5])
        >>> UnseenUsers(share=0.7).split(log).notes
        ('2 users drawn for training are not judged',)
        """
        return self._split(interactions, [self.seed])

    def validation_split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the last interaction of some of the users who are drawn for training.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets, without what `split` holds out.

        Raises
        ------
        recbench.RecbenchError
            If there are too few users to hold some out, twice.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import UnseenUsers
        >>> log = recbench.Interactions.from_log(users=[0, 0, 1, 1, 2, 2], items=[4, 2, 5, 3, 4, 5])
        >>> UnseenUsers(share=0.7).split(log).history.users.tolist()
        [1]
        >>> split = UnseenUsers(share=0.7).validation_split(log)
        >>> split.train.users.tolist(), split.history.users.tolist()
        ([0], [2])
        """
        # with the same random numbers, many would be the users after those whom `split` holds out
        return self._split(self.split(interactions).train, [self.seed, 1], " for validation")

    def _split(
        self, interactions: recbench.Interactions, seed: list[int], purpose: str = ""
    ) -> recbench.Split:
        """Split. purpose: the text after "judged" in the error if there are too few users."""
        present = np.flatnonzero(interactions.lengths)
        n_train = round(self.share * len(present))
        if not 0 < n_train < len(present):
            users = "training users" if purpose else "users"
            raise recbench.RecbenchError(
                f"users: share={self.share} of {len(present)} {users} is {n_train}, but some must "
                f"be used for training and some judged{purpose}; use another share, or "
                "leave-last-out"
            )
        drawn = np.zeros(len(interactions), dtype=bool)
        drawn[np.random.default_rng(seed).permutation(present)[:n_train]] = True
        judged = ~drawn & (interactions.lengths >= 2)
        rows = np.flatnonzero(judged)
        last = interactions.offsets[1:][rows] - 1
        return recbench.Split(
            interactions.take(np.flatnonzero(drawn)),
            interactions.cut(rows, interactions.offsets[rows], interactions.lengths[rows] - 1),
            interactions.items[last],
            None if interactions.times is None else interactions.times[last],
            notes=(
                *note_on_users(drawn, "drawn for training", "not judged"),
                *note_on_users(
                    ~drawn & (interactions.lengths == 1),
                    "with a single interaction",
                    "neither used for training nor judged",
                ),
            ),
        )
