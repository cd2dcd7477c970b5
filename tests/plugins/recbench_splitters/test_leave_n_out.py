"""Leave-n-out: the last n interactions of each user, on small logs and random logs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import LOGS, Triple, by_user, cases, distinct, numbered_log, timed_log, train_items

from recbench import UsageError
from recbench_splitters import LeaveLastOut, LeaveNOut


def test_the_last_two_interactions_are_targets() -> None:
    split = LeaveNOut().split(numbered_log(4, 2, 3, 1))
    assert train_items(split) == {0: [0, 1], 1: [10, 11], 2: [20], 3: [30]}
    assert cases(split) == {0: ([0, 1], [2, 3], [2, 3]), 2: ([20], [21, 22], [21, 22])}
    assert split.notes == (
        "2 users with fewer than 3 interactions are used for training but not judged",
    )


@given(LOGS, st.integers(1, 4))
def test_the_split_equals_that_of_a_loop(triples: list[Triple], n: int) -> None:
    train, rows = {}, {}
    for user, own in by_user(triples).items():
        held = own[-n:] if len(own) > n else []
        train[user] = [item for _, item, _ in own[: len(own) - len(held)]]
        if held:
            rows[user] = (train[user], *distinct(held))
    split = LeaveNOut(n).split(timed_log(*triples))
    assert train_items(split) == train
    assert cases(split) == rows


@given(LOGS)
def test_one_is_leave_last_out(triples: list[Triple]) -> None:
    split, last = (
        LeaveNOut(n=1).split(timed_log(*triples)),
        LeaveLastOut().split(timed_log(*triples)),
    )
    assert split.train.fingerprint() == last.train.fingerprint()
    assert cases(split) == cases(last)


def test_a_wrong_number_is_refused() -> None:
    with pytest.raises(UsageError, match="splitter leave-n-out: n must be 1 or more, not 0"):
        LeaveNOut(n=0)
