"""Leave-n-out: predict the last n interactions of each user."""

import numpy as np

import recbench

from .common import distinct_items, note_on_users


class LeaveNOut:
    """The last n interactions of each user are targets; the others are history and training data.

    The targets are the distinct items of these interactions. Users with n or fewer interactions are
    used for training but not judged. As with leave-last-out, interactions of other users that are
    later than a target are training data.

    Parameters
    ----------
    n : int, default: 2
        Number of interactions to hold out for each user.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import LeaveNOut
    >>> log = recbench.Interactions.from_log(users=[0, 0, 0, 0, 1, 1], items=[4, 2, 5, 6, 3, 4])
    >>> split = LeaveNOut().split(log)
    >>> [items.tolist() for items in split.history.sequences()]
    [[4, 2], [3, 4]]
    >>> split.targets.tolist(), split.offsets.tolist()  # user 0 has two targets, user 1 has none
    ([5, 6], [0, 2, 2])
    """

    def __init__(self, n: int = 2) -> None:
        recbench.check_options("splitter leave-n-out", ("n", n, n >= 1, "1 or more"))
        self.n = n

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the last interactions of each user.

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
        >>> from recbench_splitters import LeaveNOut
        >>> log = recbench.Interactions.from_log(users=[0, 0, 0, 0], items=[4, 2, 5, 6])
        >>> LeaveNOut(n=3).split(log).targets.tolist()
        [2, 5, 6]
        """
        offsets, lengths = interactions.offsets, interactions.lengths
        n_held = np.where(lengths > self.n, self.n, 0)
        rows = np.arange(len(interactions))
        train = interactions.cut(rows, offsets[:-1], lengths - n_held)
        targets = distinct_items(interactions.cut(rows, offsets[1:] - n_held, n_held))
        too_few = (lengths > 0) & (lengths <= self.n)
        fewer = f"with fewer than {self.n + 1} interactions"
        return recbench.Split(
            train,
            train,
            targets.items,
            targets.times,
            targets.offsets,
            note_on_users(too_few, fewer, "used for training but not judged"),
        )
