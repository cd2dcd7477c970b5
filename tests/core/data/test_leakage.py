"""Counts of later training interactions and of targets that depend on time ties."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbench import Dataset, Interactions, RecbenchError, Split, load_dataset
from recbench.data.clean import clean
from recbench.data.leakage import Leakage, count_users, leakage
from recbench_splitters import LeaveLastBasket, LeaveLastOut, RandomShare, Temporal, Windows

Triple = tuple[int, int, int]  # user, item, time
LOGS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=40
)


def _log(*triples: Triple) -> Interactions:
    return Interactions.from_log(*zip(*triples, strict=True), n_users=6, n_items=9)


def _slowly(triples: list[Triple], split: Split) -> Leakage:
    """Apply the definition, target by target."""
    (items, offsets), times = split.judged_targets, split.judged_target_times
    assert times is not None
    assert split.train.times is not None
    shares, tied = [], 0
    for row, user in enumerate(split.history.users[split.judged].tolist()):
        row_targets = items[offsets[row] : offsets[row + 1]].tolist()
        for time in times[offsets[row] : offsets[row + 1]].tolist():
            shares.append(np.mean(split.train.times > time))
            tied += any(u == user and t == time and i not in row_targets for u, i, t in triples)
    return Leakage(float(np.mean(shares)) if shares else 0.0, tied, len(items))


def test_later_training_interactions_are_counted() -> None:
    log = _log((0, 1, 1), (0, 2, 4), (1, 1, 3), (1, 2, 6), (2, 1, 5), (2, 2, 9), (3, 3, 9))
    split = LeaveLastOut().split(log)  # train: times 1, 3, 5, 9; targets: times 4, 6, 9
    assert leakage(log, split) == Leakage((2 / 4 + 1 / 4 + 0) / 3, 0, 3)


def test_a_target_is_tied_with_another_interaction_at_its_time() -> None:
    log = _log(
        *[(0, 1, 1), (0, 2, 4), (0, 3, 4)],
        *[(1, 1, 3), (1, 2, 4)],  # equal times of different users do not count
        *[(2, 1, 4), (2, 2, 4)],
        *[(3, 1, 2), (3, 2, 3), (3, 3, 3), (3, 4, 4)],  # a tie that is not at the target
    )
    assert leakage(log, LeaveLastOut().split(log)).time_tied == 2
    assert leakage(log, LeaveLastBasket().split(log)) == Leakage(pytest.approx(0), 0, 4)
    assert leakage(log, Temporal(at=4).split(log)).time_tied == 1  # user 0: item 2 or 3 is next
    assert leakage(log, Temporal(at=4, targets="all").split(log)).time_tied == 0


@pytest.mark.parametrize(("unit", "decimals"), [("ms", 3), ("us", 6), ("ns", 9)])
def test_times_within_one_second_are_not_equal(unit: str, decimals: int) -> None:
    second = 1_291_191_960 * 10**decimals
    triples = [(user, 1 + place, second + 10 * user + place) for user in (0, 1) for place in (0, 1)]
    log = Interactions.from_log(*zip(*triples, strict=True), n_items=9, time_unit=unit)
    assert log.time_unit == unit
    assert leakage(log, LeaveLastOut().split(log)) == Leakage(1 / 4, 0, 2)  # of times 0, 10; 1, 11
    dataset = Dataset("log", log, np.arange(2), np.arange(9))
    for seed in range(9):
        ordered = clean(dataset, time_ties="hash", seed=seed).interactions
        assert ordered.fingerprint() == log.fingerprint()
    tied = dataclasses.replace(log, times=np.full(4, second))
    assert leakage(tied, LeaveLastOut().split(tied)) == Leakage(0, 2, 2)


def test_the_latest_time_of_64_bits_can_be_tied() -> None:
    latest = 2**63 - 1
    log = _log((0, 1, 1), (0, 2, latest), (0, 3, latest))
    assert leakage(log, LeaveLastOut().split(log)).time_tied == 1


def test_repeats_of_the_target_at_its_time_are_not_ties() -> None:
    log = _log((0, 1, 1), (0, 2, 4), (0, 2, 4), (1, 1, 1), (1, 2, 4), (1, 3, 4), (1, 2, 4))
    assert leakage(log, LeaveLastOut().split(log)).time_tied == 1


def test_some_targets_of_a_case_can_be_tied() -> None:
    log = _log((0, 1, 1), (0, 2, 4), (0, 3, 4), (0, 4, 5), (0, 5, 6), (0, 6, 6))
    train = log.keep(np.array([True] + [False] * 5))
    split = Split(train, train, np.array([2, 4, 5, 6]), np.array([4, 5, 6, 6]), np.array([0, 4]))
    assert leakage(log, split) == Leakage(0.0, 1, 4)  # item 3 could be the target instead of 2


def test_targets_that_do_not_depend_on_the_order_are_not_tied() -> None:
    log = _log((0, 1, 4), (0, 2, 4), (0, 3, 4), (1, 1, 1))
    split = LeaveLastOut().split(log)
    assert leakage(log, split).time_tied == 1
    assert leakage(log, dataclasses.replace(split, ordered=False)).time_tied == 0
    assert leakage(log, RandomShare().split(log)).time_tied == 0


def test_unknown_users_are_not_tied() -> None:
    log = _log((0, 1, 1), (0, 2, 4), (0, 3, 4), (5, 1, 1))
    history = Interactions(np.array([-1, 0, 4]), np.array([1] * 3), np.arange(4), 6, 9)
    split = Split(log, history, np.array([2, 2, 2]), np.array([4, 4, 4]))
    assert leakage(log, split) == Leakage(0.0, 1, 3)


@given(
    LOGS,
    st.sampled_from(
        [
            LeaveLastOut(),
            LeaveLastBasket(),
            Temporal(share=0.5),
            Temporal(share=0.5, targets="all"),
            Windows(length=2, step=1, test=0.4),
        ]
    ),
)
def test_counts_equal_those_of_a_loop(triples: list[Triple], splitter: Any) -> None:
    log = _log(*triples)
    try:
        split = splitter.split(log)
    except RecbenchError:  # too few interactions, or all at one time
        return
    counted, expected = leakage(log, split), _slowly(triples, split)
    assert counted == Leakage(
        pytest.approx(expected.future_share), expected.time_tied, expected.n_targets
    )
    if isinstance(splitter, LeaveLastBasket) or getattr(splitter, "targets", "") == "all":
        assert counted.time_tied == 0
    judged = set(split.history.users[split.judged].tolist())
    all_users = {user for user, _, _ in triples}
    assert count_users(log, split) == (len(judged), len(all_users - judged))
    if isinstance(splitter, Temporal):
        assert counted.future_share == 0


def test_without_times_there_are_no_counts() -> None:
    log = Interactions.from_log([0, 0, 1, 1, 2], [0, 1, 1, 2, 1])
    split = LeaveLastOut().split(log)
    assert leakage(log, split) == Leakage(None, None, 2)
    assert count_users(log, split) == (2, 1)


@pytest.mark.parametrize(
    ("users", "counts"),
    [
        ([0, 1, 2, 3, 4], (5, 0)),
        ([0, 1, 1, 0], (2, 3)),
        ([-1, -1], (2, 3)),  # each unknown user is one of the five
        ([-1, 0, 0, -1], (3, 2)),
        ([-1] * 5, (5, 0)),
        ([-1] * 9, (5, 0)),  # several windows of one user: there are no more than five
        ([-1, -1, -1, 0, 1, 2], (5, 0)),
    ],
)
def test_judged_and_other_users_add_up(users: list[int], counts: tuple[int, int]) -> None:
    log = Interactions.from_log([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], n_users=9, n_items=6)
    n = len(users)
    history = Interactions(users, [1] * n, range(n + 1), 9, 6)  # type: ignore[arg-type]
    assert count_users(log, Split(log, history, [5] * n)) == counts  # type: ignore[arg-type]
    unjudged = Split(log, history, [-1] * n)  # type: ignore[arg-type]
    assert count_users(log, unjudged) == (0, 5)


def test_a_split_without_times_has_no_future_share() -> None:
    log = _log((0, 1, 1), (0, 2, 4), (1, 1, 3))
    split = LeaveLastOut().split(log)
    assert leakage(log, Split(split.train, split.history, split.targets)).future_share is None


def test_a_split_without_targets_leaks_nothing() -> None:
    log = _log((0, 1, 1), (1, 1, 3))
    assert leakage(log, LeaveLastOut().split(log)) == Leakage(0.0, 0, 0)


@pytest.mark.parametrize(
    ("splitter", "later", "tied", "targets"),
    [
        (LeaveLastOut(), 0.4133, 415, 943),
        (LeaveLastBasket(), 0.4344, 0, 2_148),
        (Temporal(), 0, 16, 90),
        (Temporal(targets="all"), 0, 0, 2_886),
        (Windows(), 0.4934, 5_579, 7_395),
    ],
)
def test_movielens_100k(
    real: Callable[[str], Path], splitter: Any, later: float, tied: int, targets: int
) -> None:
    log = load_dataset(real("ml-100k/u.data")).interactions
    assert leakage(log, splitter.split(log)) == Leakage(
        pytest.approx(later, abs=5e-5), tied, targets
    )
