"""Step 2, split: how much of the future a split lets models learn from, and what ties decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split


@dataclass(frozen=True)
class Leakage:
    """What `leakage` found.

    future_share: the share of training events that are later than a target, as a mean over all
        targets; None without times.
    time_tied: how many targets are targets only by the way that equal times are ordered; None
        without times.
    n_targets: how many targets there are.
    """

    future_share: float | None
    time_tied: int | None
    n_targets: int


def leakage(interactions: Interactions, split: Split) -> Leakage:
    """Count the later training events and the ties of a split.

    interactions: all the data that was split, one row a user. Times count in whole seconds.

    A target is tied where its user has another event at its time whose item is no target of the
    same row. Rows of users that the data do not have cannot be checked and are not counted as tied.
    """
    wanted, times = split.judged_targets[0], split.judged_target_times
    future_share = time_tied = None
    if times is not None and split.train.times is not None:
        future_share = _future_share(split.train.times, times)
    if times is not None and interactions.times is not None:
        time_tied = _time_tied(interactions, interactions.times, split, times)
    return Leakage(future_share, time_tied, len(wanted))


def n_unjudged_users(interactions: Interactions, split: Split) -> int:
    """How many users of the data, with an event at least, have no judged row."""
    left = np.zeros(interactions.n_users + 1, dtype=bool)  # one more: -1 is nobody
    left[interactions.users[interactions.lengths > 0]] = True
    left[split.history.users[split.judged]] = False
    return int(np.count_nonzero(left[:-1]))


def _future_share(train: Array, times: Array) -> float:
    if not len(train) or not len(times):
        return 0.0
    until = np.searchsorted(np.sort(train), np.sort(times), side="right")  # sorted is faster
    return float((len(train) - until).mean() / len(train))


def _time_tied(log: Interactions, log_times: Array, split: Split, times: Array) -> int:
    wanted, offsets = split.judged_targets
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    pairs = row * np.int64(log.n_items) + wanted
    place = np.full(log.n_users + 1, -1)  # each user's row in the log; one more: -1 is nobody
    place[log.users] = np.arange(len(log))
    place[-1] = -1
    own = place[split.history.users[split.judged]][row]
    found = own >= 0
    row, own, times = row[found], own[found], times[found]
    low, high = log.offsets[own], log.offsets[own + 1]
    begins = _first(log_times, low, high, times)
    sizes = _first(log_times, begins, high, times + 1) - begins
    # Targets of one row at one time share their company, which is looked at once.
    _, one, which = np.unique(
        row * np.int64(log.n_interactions + 1) + begins, return_index=True, return_inverse=True
    )
    company = log.cut(own[one], begins[one], sizes[one])
    nth = np.repeat(np.arange(len(one)), company.lengths)
    others = ~np.isin(row[one][nth] * np.int64(log.n_items) + company.items, pairs)
    free = np.bincount(nth[others], minlength=len(one)) > 0
    return int(np.count_nonzero(free[which]))


def _first(sorted_: Array, low: Array, high: Array, values: Array) -> Array:
    """(slices,) the first place in each slice, low to high, that is not below its value, or high.

    sorted_: one after the other, stretches that are sorted and hold the slices. All slices are
    bisected at once.
    """
    while (open_ := low < high).any():
        middle = (low + high) // 2
        below = sorted_[np.minimum(middle, len(sorted_) - 1)] < values
        low = np.where(open_ & below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low
