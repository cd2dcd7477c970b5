"""Temporal: predict what users consume after a point in time, from data before it."""

from typing import Literal

import numpy as np

import recbench

from .common import distinct_items, note_on_users
from .cuts import Cut


class Temporal:
    """One cut in time for all users: interactions before it are training data, later ones targets.

    An interaction at exactly the time of the cut is after it. Users with interactions on both sides
    are judged. Their history is everything before the cut; items of the history can be targets
    again. Users without an interaction before the cut are left out. Users without one after it are
    used for training only.

    For `recbench tune`, the training data are cut in time again, so that the same share of them is
    before the validation targets.

    Parameters
    ----------
    at : str or int, default: set by `share`
        Date and time of the cut, such as 1998-03-01 or 1998-03-01T12:00. In UTC, unless a time zone
        is given. A whole number is in seconds since 1970. Dates may have fractions of a second.
    share : float, default: 0.9
        Share of interactions before the cut, if `at` is not given. The real share is lower if
        several interactions have the time of the cut.
    targets : {"next", "all"}, default: "next"
        Whether the first item after the cut or all items after it are targets.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import Temporal
    >>> log = recbench.Interactions.from_log(
    ...     users=[0, 0, 0, 1], items=[4, 2, 5, 3], times=[10, 20, 30, 10]
    ... )
    >>> split = Temporal(at=20).split(log)
    >>> [items.tolist() for items in split.history.sequences()]
    [[4], [3]]
    >>> split.targets.tolist()  # -1: not judged
    [2, -1]
    >>> Temporal(at=20, targets="all").split(log).targets.tolist()
    [2, 5]
    """

    def __init__(
        self,
        at: str | int | None = None,
        share: float | None = None,
        targets: Literal["next", "all"] = "next",
    ) -> None:
        known = targets in ("next", "all")
        recbench.check_options("splitter temporal", ("targets", targets, known, "next or all"))
        self.cut, self.targets = Cut("temporal", at, share), targets

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out interactions at and after the cut.

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
            If the interactions have no times, or none is before the cut or none after it.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Temporal
        >>> log = recbench.Interactions.from_log([0] * 4, [4, 2, 5, 3], times=[10, 20, 30, 40])
        >>> Temporal(share=0.5).split(log).notes
        ('the cut is 1970-01-01 00:00:30 UTC: 2 interactions before it, 2 at or after it',)
        """
        return self._split(interactions, self.cut)

    def validation_split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Cut the training data in time again, and hold out interactions after that cut.

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
            If the interactions cannot be split, or the training data are too few to cut again.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Temporal
        >>> log = recbench.Interactions.from_log([0] * 4, [4, 2, 5, 3], times=[10, 20, 30, 40])
        >>> Temporal(share=0.5).validation_split(log).targets.tolist()
        [2]
        """
        train = self.split(interactions).train
        cut = self.cut.again(train.n_interactions / interactions.n_interactions)
        return self._split(train, cut)

    def _split(self, interactions: recbench.Interactions, cut: Cut) -> recbench.Split:
        times = interactions.times
        if times is None:
            raise recbench.RecbenchError(
                "temporal needs times, but the dataset has none; use leave-last-out"
            )
        is_earlier, date = cut.divide(times, interactions.time_unit, "interaction is")
        n_earlier_until = np.concatenate([[0], np.cumsum(is_earlier, dtype=np.int64)])
        total = int(n_earlier_until[-1])
        n_earlier = np.diff(n_earlier_until[interactions.offsets])
        n_later = interactions.lengths - n_earlier
        only_later, only_earlier = (
            (n_earlier == 0) & (n_later > 0),
            (n_earlier > 0) & (n_later == 0),
        )
        rest = len(times) - total
        unused = "neither used for training nor judged"
        unjudged = "used for training but not judged"
        notes = (
            f"the cut is {date}: {total:,} interactions before it, {rest:,} at or after it",
            *note_on_users(only_later, "without an interaction before the cut", unused),
            *note_on_users(only_earlier, "without an interaction at or after the cut", unjudged),
        )
        rows = np.flatnonzero(n_earlier)
        begins, n_earlier, n_later = interactions.offsets[rows], n_earlier[rows], n_later[rows]
        train = interactions.cut(rows, begins, n_earlier)
        first_later = begins + n_earlier
        if self.targets == "all":
            later = distinct_items(interactions.cut(rows, first_later, n_later))
            return recbench.Split(train, train, later.items, later.times, later.offsets, notes)
        judged = n_later > 0
        targets, target_times = np.full((2, len(rows)), -1, dtype=np.int64)
        targets[judged] = interactions.items[first_later[judged]]
        target_times[judged] = times[first_later[judged]]
        return recbench.Split(train, train, targets, target_times, notes=notes)
