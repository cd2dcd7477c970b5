"""Small logs and plain views of their splits, for tests of splitters."""

import numpy as np
from hypothesis import strategies as st

from recbench import Interactions, Split

Triple = tuple[int, int, int]  # user, item, time
LOGS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=40
)


def numbered_log(*lengths: int) -> Interactions:
    """Return a log of users whose items count up from 10 times their number."""
    users = np.repeat(np.arange(len(lengths)), lengths)
    items = np.concatenate([10 * u + np.arange(n) for u, n in enumerate(lengths)])
    return Interactions.from_log(users, items, items, n_items=10 * len(lengths) + 10)


def timed_log(*triples: Triple) -> Interactions:
    return Interactions.from_log(*zip(*triples, strict=True), n_users=6, n_items=60)


def cases(split: Split) -> dict[int, tuple[list[int], list[int], list[int]]]:
    """Return each judged user's history, targets, and the times of the targets."""
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


def by_user(triples: list[Triple]) -> dict[int, list[Triple]]:
    """Return each user's interactions by time, equal times in the order of the log."""
    ordered = sorted(triples, key=lambda triple: (triple[0], triple[2]))
    return {user: [triple for triple in ordered if triple[0] == user] for user, _, _ in ordered}


def distinct(later: list[Triple]) -> tuple[list[int], list[int]]:
    """Return the distinct items of interactions, and the first time of each."""
    first = {item: time for _, item, time in reversed(later)}
    items = list(dict.fromkeys(item for _, item, _ in later))
    return items, [first[item] for item in items]
