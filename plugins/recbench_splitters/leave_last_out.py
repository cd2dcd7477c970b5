"""Leave-last-out: predict the last item of each user."""

import numpy as np

import recbench

from .common import note_on_users


class LeaveLastOut:
    """The last interaction of each user is the target; the others are history and training data.

    A user with a single interaction has no history. The interaction is used for training, and the
    user is not judged.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import LeaveLastOut
    >>> log = recbench.Interactions.from_log(users=[0, 0, 0, 1], items=[4, 2, 5, 3])
    >>> split = LeaveLastOut().split(log)
    >>> [items.tolist() for items in split.history.sequences()]
    [[4, 2], [3]]
    >>> split.targets.tolist()  # -1: not judged
    [5, -1]
    """

    aliases = ("leave-one-out",)

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the last interaction of each user.

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
        >>> from recbench_splitters import LeaveLastOut
        >>> log = recbench.Interactions.from_log(users=[0, 0], items=[4, 2])
        >>> LeaveLastOut().split(log).targets.tolist()
        [2]
        """
        judged = interactions.lengths >= 2
        last = interactions.offsets[1:] - 1
        in_train = np.ones(interactions.n_interactions, dtype=bool)
        in_train[last[judged]] = False
        train = interactions.keep(in_train)
        targets = np.full(len(interactions), -1, dtype=np.int32)
        targets[judged] = interactions.items[last[judged]]
        times = None
        if interactions.times is not None:
            times = np.full(len(interactions), -1, dtype=np.int64)
            times[judged] = interactions.times[last[judged]]
        single = interactions.lengths == 1
        notes = note_on_users(
            single, "with a single interaction", "used for training but not judged"
        )
        return recbench.Split(train, train, targets, times, notes=notes)
