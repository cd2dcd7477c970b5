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
    same case. Cases of users that the data do not have cannot be checked and are not counted as
    tied.
    """
    targets, times = split.judged_targets[0], split.judged_target_times
    future_share = time_tied = None
    if times is not None and split.train.times is not None:
        future_share = _future_share(split.train.times, times)
    if times is not None and interactions.times is not None:
        time_tied = _count_time_tied(interactions, interactions.times, split, times)
    return Leakage(future_share, time_tied, len(targets))


def n_unjudged_users(interactions: Interactions, split: Split) -> int:
    """How many users of the data, with an event at least, have no case."""
    unjudged = np.zeros(interactions.n_users + 1, dtype=bool)  # one more: -1 is nobody
    unjudged[interactions.users[interactions.lengths > 0]] = True
    unjudged[split.history.users[split.judged]] = False
    return int(np.count_nonzero(unjudged[:-1]))


def _future_share(train_times: Array, target_times: Array) -> float:
    if not len(train_times) or not len(target_times):
        return 0.0
    # sorted is faster
    until = np.searchsorted(np.sort(train_times), np.sort(target_times), side="right")
    return float((len(train_times) - until).mean() / len(train_times))


def _count_time_tied(log: Interactions, log_times: Array, split: Split, times: Array) -> int:
    row_of_user = np.full(log.n_users + 1, -1)  # one more: -1 is nobody
    row_of_user[log.users] = np.arange(len(log))
    row_of_user[-1] = -1
    case = split.case_of_target
    row = row_of_user[split.history.users[split.judged]][case]
    known = row >= 0
    case, row, times = case[known], row[known], times[known]
    low, high = log.offsets[row], log.offsets[row + 1]
    begins = _bisect_left(log_times, low, high, times)
    sizes = _bisect_left(log_times, begins, high, times + 1) - begins
    # Targets of one case at one time share what is simultaneous, which is looked at once.
    _, first, moment = np.unique(
        case * np.int64(log.n_interactions + 1) + begins, return_index=True, return_inverse=True
    )
    simultaneous = log.cut(row[first], begins[first], sizes[first])
    moment_of_event = np.repeat(np.arange(len(first)), simultaneous.lengths)
    pairs = case[first][moment_of_event] * np.int64(log.n_items) + simultaneous.items
    others = ~np.isin(pairs, split.target_pairs)
    has_others = np.bincount(moment_of_event[others], minlength=len(first)) > 0
    return int(np.count_nonzero(has_others[moment]))


def _bisect_left(ascending: Array, low: Array, high: Array, values: Array) -> Array:
    """(slices,) the first place in each slice, low to high, that is not below its value, or high.

    ascending: one after the other, stretches that are sorted and hold the slices. All slices are
    bisected at once.
    """
    while (open_ := low < high).any():
        middle = (low + high) // 2
        below = ascending[np.minimum(middle, len(ascending) - 1)] < values
        low = np.where(open_ & below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low
