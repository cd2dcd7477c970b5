"""Leave-last-basket: predict all items of each user's last purchase."""

import numpy as np

import recbench

from .common import distinct_items, note_on_users


class LeaveLastBasket:
    """All interactions at each user's last time are targets; earlier ones are history and training.

    Interactions of a user with exactly the same time form a basket. The targets are the distinct
    items of the last basket, so the order within a basket has no effect. Items that are also in the
    history stay targets. A user with only one basket is used for training but not judged.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import LeaveLastBasket
    >>> log = recbench.Interactions.from_log(
    ...     users=[0, 0, 0, 1], items=[4, 2, 5, 3], times=[10, 20, 20, 10]
    ... )
    >>> split = LeaveLastBasket().split(log)
    >>> [items.tolist() for items in split.history.sequences()]
    [[4], [3]]
    >>> split.targets.tolist(), split.offsets.tolist()  # user 0 has two targets, user 1 has none
    ([2, 5], [0, 2, 2])
    """

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the last basket of each user.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets.

        Raises
        ------
        recbench.RecbenchError
            If the interactions have no times.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import LeaveLastBasket
        >>> log = recbench.Interactions.from_log([0, 0, 0], [4, 2, 5], times=[10, 20, 20])
        >>> LeaveLastBasket().split(log).targets.tolist()
        [2, 5]
        """
        times, offsets, lengths = interactions.times, interactions.offsets, interactions.lengths
        if times is None:
            raise recbench.RecbenchError(
                "leave-last-basket needs times, but the dataset has none; use leave-last-out"
            )
        is_earlier = times != np.repeat(times[offsets[1:] - 1], lengths)
        n_earlier = np.diff(np.concatenate([[0], np.cumsum(is_earlier, dtype=np.int64)])[offsets])
        judged = n_earlier > 0
        rows = np.arange(len(interactions))
        train = interactions.cut(rows, offsets[:-1], np.where(judged, n_earlier, lengths))
        n_last = np.where(judged, lengths - n_earlier, 0)
        targets = distinct_items(interactions.cut(rows, offsets[:-1] + n_earlier, n_last))
        single = ~judged & (lengths > 0)
        return recbench.Split(
            train,
            train,
            targets.items,
            targets.times,
            targets.offsets,
            note_on_users(single, "with a single basket", "used for training but not judged"),
        )
