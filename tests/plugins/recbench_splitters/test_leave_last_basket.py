"""Leave-last-basket, on small logs, random logs and real data."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from made_splits import LOGS, Triple, by_user, cases, distinct, timed_log, train_items

from recbench import Interactions, load_dataset
from recbench_splitters import LeaveLastBasket


def test_the_last_basket_is_all_interactions_at_the_last_time() -> None:
    log = timed_log(
        *[(0, 1, 5), (0, 2, 5), (0, 3, 7), (0, 4, 9), (0, 5, 9)],
        *[(1, 6, 9), (1, 7, 9)],  # a single basket
        *[(2, 1, 3), (2, 2, 4)],
        (3, 9, 1),
    )
    split = LeaveLastBasket().split(log)
    assert train_items(split) == {0: [1, 2, 3], 1: [6, 7], 2: [1], 3: [9]}
    assert cases(split) == {0: ([1, 2, 3], [4, 5], [9, 9]), 2: ([1], [2], [4])}
    assert split.offsets is not None
    assert split.offsets.tolist() == [0, 2, 2, 3, 3]
    assert split.notes == ("2 users with a single basket are used for training but not judged",)


def test_times_within_one_second_are_baskets_of_their_own() -> None:
    milliseconds = [86_400_000, 86_400_001, 86_400_002, 86_400_002]
    log = Interactions.from_log([0] * 4, [5, 6, 7, 8], milliseconds, time_unit="ms")
    split = LeaveLastBasket().split(log)
    assert cases(split) == {0: ([5, 6], [7, 8], [86_400_002] * 2)}
    assert split.train.time_unit == "ms"


def test_repeats_in_a_basket_count_once_and_may_be_in_the_history() -> None:
    log = timed_log((0, 1, 1), (0, 2, 1), (0, 1, 2), (0, 3, 2), (0, 1, 2))
    split = LeaveLastBasket().split(log)
    assert cases(split) == {0: ([1, 2], [1, 3], [2, 2])}
    assert split.notes == ()


@given(LOGS)
def test_the_split_equals_that_of_a_loop(triples: list[Triple]) -> None:
    train, rows = {}, {}
    for user, own in by_user(triples).items():
        known = [triple for triple in own if triple[2] < own[-1][2]]
        train[user] = [item for _, item, _ in known or own]
        if known:
            rows[user] = (train[user], *distinct(own[len(known) :]))
    split = LeaveLastBasket().split(timed_log(*triples))
    assert train_items(split) == train
    assert cases(split) == rows


def test_baskets_of_online_retail(real: Callable[[str], Path]) -> None:
    path = real("online-retail/OnlineRetail.parquet")
    log = load_dataset(f"{path}:repeats=keep").interactions
    split = LeaveLastBasket().split(log)
    assert split.notes == ("1,314 users with a single basket are used for training but not judged",)
    assert len(split.judged) == len(log) - 1_314
