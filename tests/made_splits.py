"""Logs small enough to read, and what splits of them hold, for tests of splitters."""

import numpy as np
from hypothesis import strategies as st

from recbench import Interactions, Split

Event = tuple[int, int, int]  # user, item, time
LOGS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=40
)


def numbered_log(*lengths: int) -> Interactions:
    """Users whose items count up from 10 times their number."""
    users = np.repeat(np.arange(len(lengths)), lengths)
    items = np.concatenate([10 * u + np.arange(n) for u, n in enumerate(lengths)])
    return Interactions.from_log(users, items, items, n_items=10 * len(lengths) + 10)


def timed_log(*events: Event) -> Interactions:
    return Interactions.from_log(*zip(*events, strict=True), n_users=6, n_items=60)


def cases(split: Split) -> dict[int, tuple[list[int], list[int], list[int]]]:
    """Each judged user's history, targets, and the targets' times."""
    (items, offsets), times = split.judged_targets, split.judged_target_times
    assert times is not None
    histories = split.history.take(split.judged)
    return {
        int(user): (shown.tolist(), items[a:b].tolist(), times[a:b].tolist())
        for user, shown, a, b in zip(
            histories.users, histories.sequences(), offsets[:-1], offsets[1:], strict=True
        )
    }


def train_items(split: Split) -> dict[int, list[int]]:
    pairs = zip(split.train.users, split.train.sequences(), strict=True)
    return {int(user): items.tolist() for user, items in pairs}


def by_user(events: list[Event]) -> dict[int, list[Event]]:
    """What the log holds, slowly: each user's events by time, equal times as they came."""
    ordered = sorted(events, key=lambda event: (event[0], event[2]))
    return {user: [event for event in ordered if event[0] == user] for user, _, _ in ordered}


def distinct(later: list[Event]) -> tuple[list[int], list[int]]:
    """The distinct items of events, and when each was first."""
    first = {item: time for _, item, time in reversed(later)}
    items = list(dict.fromkeys(item for _, item, _ in later))
    return items, [first[item] for item in items]
