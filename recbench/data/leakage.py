"""Step 2, split: count training data later than a target, and targets decided by equal times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbench.data.interactions import Array, Interactions
from recbench.data.split import Split


@dataclass(frozen=True)
class Leakage:
    """The counts that `leakage` returns.

    future_share: the share of training interactions that are later than a target, as a mean over
        all targets; None without times.
    time_tied: the number of targets that would change if equal times were ordered differently;
        None without times.
    n_targets: the number of targets.
    """

    future_share: float | None
    time_tied: int | None
    n_targets: int


def leakage(interactions: Interactions, split: Split) -> Leakage:
    """Count the training interactions later than a target, and the targets decided by equal times.

    interactions: all interactions that were split, one row per user.

    Equal times decide a target of an ordered split if its user has another interaction at the same
    time, and the item of that one is not a target of the same case. Targets of users who are not in
    `interactions` cannot be checked and do not count.
    """
    targets, times = split.judged_targets[0], split.judged_target_times
    future_share = time_tied = None
    if times is not None and split.train.times is not None:
        future_share = _future_share(split.train.times, times)
    if times is not None and interactions.times is not None:
        time_tied = 0
        if split.ordered:
            time_tied = _count_time_tied(interactions, interactions.times, split, times)
    return Leakage(future_share, time_tied, len(targets))


def count_users(interactions: Interactions, split: Split) -> tuple[int, int]:
    """Return how many users with interactions have a case, and how many have none.

    Each case of an unknown user, -1, counts as another user, as long as there are users left: a
    splitter hides who they are, but splits only these interactions.
    """
    users = split.history.users[split.judged]
    has_interactions, judged = np.zeros((2, interactions.n_users + 1), dtype=bool)  # the last: -1
    has_interactions[interactions.users[interactions.lengths > 0]] = True
    judged[users] = True
    n_left = int(np.count_nonzero((has_interactions & ~judged)[:-1]))
    n_unknown = min(int(np.count_nonzero(users < 0)), n_left)
    return int(np.count_nonzero(judged[:-1])) + n_unknown, n_left - n_unknown


def _future_share(train_times: Array, target_times: Array) -> float:
    if not len(train_times) or not len(target_times):
        return 0.0
    # sorted targets make the search faster
    until = np.searchsorted(np.sort(train_times), np.sort(target_times), side="right")
    return float((len(train_times) - until).mean() / len(train_times))


def _count_time_tied(log: Interactions, log_times: Array, split: Split, times: Array) -> int:
    row_of_user = np.full(log.n_users + 1, -1)  # one more, for the user -1
    row_of_user[log.users] = np.arange(len(log))
    row_of_user[-1] = -1
    case = split.case_of_target
    row = row_of_user[split.history.users[split.judged]][case]
    known = row >= 0
    case, row, times = case[known], row[known], times[known]
    low, high = log.offsets[row], log.offsets[row + 1]
    begins = _bisect(log_times, low, high, times, np.less)
    sizes = _bisect(log_times, begins, high, times, np.less_equal) - begins
    # Targets of one case at one time have the same simultaneous interactions: look them up once.
    _, first, moment = np.unique(
        case * np.int64(log.n_interactions + 1) + begins, return_index=True, return_inverse=True
    )
    simultaneous = log.cut(row[first], begins[first], sizes[first])
    moment_of_each = np.repeat(np.arange(len(first)), simultaneous.lengths)
    pairs = case[first][moment_of_each] * np.int64(log.n_items) + simultaneous.items
    others = ~np.isin(pairs, split.target_pairs)
    has_others = np.bincount(moment_of_each[others], minlength=len(first)) > 0
    return int(np.count_nonzero(has_others[moment]))


def _bisect(ascending: Array, low: Array, high: Array, values: Array, before: np.ufunc) -> Array:
    """The first position in each slice [low, high) whose value is not `before` `values`, or high.

    ascending: sorted runs, one after the other; each slice lies in one of them. All slices are
    bisected at once. Returns an array of shape (slices,).
    """
    while (open_ := low < high).any():
        middle = (low + high) // 2
        below = before(ascending[np.minimum(middle, len(ascending) - 1)], values)
        low = np.where(open_ & below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low
