"""Sessions: test sessions after a cut in time, on small logs and random logs."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import LOGS, Triple, by_user, numbered_log, timed_log

from recbench import Interactions, RecbenchError, Split, UsageError
from recbench_splitters import Sessions

Case = tuple[int, list[int], int, int]  # user, history, target, its time


def _cases(split: Split) -> list[Case]:
    assert split.times is not None
    rows = zip(
        split.history.users.tolist(),
        split.history.sequences(),
        split.targets.tolist(),
        split.times.tolist(),
        strict=True,
    )
    return [(user, history.tolist(), target, time) for user, history, target, time in rows]


def _train(split: Split) -> list[tuple[int, list[int]]]:
    rows = zip(split.train.users.tolist(), split.train.sequences(), strict=True)
    return [(user, items.tolist()) for user, items in rows]


def _log() -> Interactions:
    """Return sessions of two users; times are minutes, and pauses are 1, 30 or 40 minutes."""
    rows = [
        *[(0, 1, 0), (0, 2, 30), (0, 3, 70), (0, 4, 110), (0, 5, 111), (0, 6, 112)],
        *[(1, 7, 20), (1, 8, 100), (1, 9, 101)],
        *[(2, 7, 105)],
    ]
    return timed_log(*[(user, item, 60 * minute) for user, item, minute in rows])


def test_each_user_is_a_session_unless_there_is_a_gap() -> None:
    split = Sessions(at=60 * 102).split(_log())
    assert _train(split) == [(1, [7, 8, 9])]
    assert _cases(split) == [(0, [1, 2, 3, 4, 5], 6, 60 * 112)]
    assert split.notes == (
        "the cut is 1970-01-01 01:42:00 UTC: 1 session ends before it, 2 at or after it",
        "1 test session of a single interaction is neither used for training nor judged",
    )


def test_a_session_ends_where_the_pause_is_longer_than_the_gap() -> None:
    split = Sessions(gap=30, at=60 * 101).split(_log())
    assert _train(split) == [(0, [1, 2]), (0, [3]), (1, [7])]
    assert _cases(split) == [(0, [4, 5], 6, 60 * 112), (1, [8], 9, 60 * 101)]
    assert split.notes == (
        "the cut is 1970-01-01 01:41:00 UTC: 3 sessions end before it, 3 at or after it",
        "1 test session of a single interaction is neither used for training nor judged",
    )


def test_each_item_after_the_first_can_be_a_target() -> None:
    split = Sessions(gap=30, at=60 * 101, targets="each").split(_log())
    assert _train(split) == _train(Sessions(gap=30, at=60 * 101).split(_log()))
    assert _cases(split) == [
        (0, [4], 5, 60 * 111),
        (0, [4, 5], 6, 60 * 112),
        (1, [8], 9, 60 * 101),
    ]


def _loop(triples: list[Triple], gap: int) -> Iterator[list[Triple]]:
    """Yield the sessions; a gap below 0 is none."""
    for own in by_user(triples).values():
        session = own[:1]
        for before, triple in itertools.pairwise(own):
            if 0 <= gap < triple[2] - before[2]:
                yield session
                session = []
            session.append(triple)
        yield session


@given(LOGS, st.integers(-1, 4), st.integers(0, 9), st.sampled_from(["last", "each"]))
def test_the_split_equals_that_of_a_loop(
    triples: list[Triple], gap: int, at: int, targets: Any
) -> None:
    minutes = [(user, item, 60 * time) for user, item, time in triples]
    sessions = list(_loop(minutes, 60 * gap))
    earlier = [session for session in sessions if session[-1][2] < 60 * at]
    later = [session for session in sessions if session[-1][2] >= 60 * at]
    # a gap of 0 minutes is not allowed, but half a minute has the same effect here
    splitter = Sessions({-1: None, 0: 0.5}.get(gap, gap), 60 * at, targets=targets)
    if not earlier or not later:
        which = "every" if len({session[-1][2] for session in sessions}) == 1 else "no"
        with pytest.raises(RecbenchError, match=f"{which} session ends"):
            splitter.split(timed_log(*minutes))
        return
    split = splitter.split(timed_log(*minutes))
    assert _train(split) == [
        (session[0][0], [item for _, item, _ in session]) for session in earlier
    ]
    assert _cases(split) == [
        (session[0][0], [item for _, item, _ in session[:n]], *session[n][1:])
        for session in later
        for n in range(1, len(session))
        if targets == "each" or n == len(session) - 1
    ]


def test_nine_tenths_of_the_sessions_are_training_data_by_default() -> None:
    split = Sessions().split(numbered_log(*[10] * 20))
    assert _train(split) == [(user, list(range(10 * user, 10 * user + 10))) for user in range(18)]
    assert split.history.users.tolist() == [18, 19]
    assert len(Sessions(share=0.5).split(numbered_log(*[10] * 20)).train) == 10


@pytest.mark.parametrize(("gap", "n_sessions"), [(0.3, 1), (0.29, 2), (1, 1), (1e30, 1)])
def test_gaps_are_exact_in_every_unit(gap: float, n_sessions: int) -> None:
    log = timed_log((0, 1, 0), (0, 2, 18), (1, 3, 100), (1, 4, 100))  # 18 s are 0.3 minutes
    for unit, factor in (("s", 1), ("ms", 10**3), ("ns", 10**9)):
        assert log.times is not None
        finer = dataclasses.replace(log, times=log.times * factor, time_unit=unit)
        split = Sessions(gap=gap, at=50).split(finer)
        assert len(split.train) == n_sessions
        assert split.history.time_unit == unit


def test_without_times_the_error_suggests_another_splitter() -> None:
    with pytest.raises(RecbenchError, match=r"sessions needs times.*use leave-last-out"):
        Sessions().split(Interactions.from_log([0, 0], [0, 1]))


def test_targets_are_not_earlier_than_training_data() -> None:
    draw = np.random.default_rng(0)
    log = Interactions.from_log(*draw.integers(0, (50, 30, 10**5), (2000, 3)).T)
    split = Sessions(gap=60).split(log)
    assert split.times is not None
    assert split.train.times is not None
    assert split.times.min() > split.train.times.max()


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"gap": 0}, "splitter sessions: gap must be a number of minutes above 0, not 0"),
        ({"gap": float("inf")}, "gap must be a number of minutes above 0, not inf"),
        ({"gap": float("nan")}, "gap must be a number of minutes above 0, not nan"),
        ({"targets": "all"}, "splitter sessions: targets must be last or each, not all"),
        ({"at": 1, "share": 0.5}, "splitter sessions: at=1 and share=0.5 both set the cut"),
        ({"at": "yesterday"}, "splitter sessions: at=yesterday is not a time"),
        ({"share": 1.0}, "splitter sessions: share must be above 0 and below 1, not 1.0"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Sessions(**wrong)


def test_validation_sessions_are_the_last_training_sessions() -> None:
    log = numbered_log(*[10] * 20)
    for splitter in (Sessions(share=0.5), Sessions(at=100)):  # session n ends at 10 * n + 9
        split = splitter.validation_split(log)
        assert [user for user, _ in _train(split)] == [0, 1, 2, 3, 4]
        assert split.history.users.tolist() == [5, 6, 7, 8, 9]
        assert split.targets.tolist() == [59, 69, 79, 89, 99]
    split = Sessions(at=100, targets="each").validation_split(log)
    assert len(split.judged) == 5 * 9


def test_validation_keeps_the_sessions_that_the_gap_has_made() -> None:
    minutes = [0, 1, 50, 51, 100, 101, 150, 151]
    log = timed_log(*[(0, item, 60 * minute) for item, minute in enumerate(minutes)])
    assert _train(Sessions(gap=30, share=0.75).split(log)) == [
        (0, [0, 1]),
        (0, [2, 3]),
        (0, [4, 5]),
    ]
    split = Sessions(gap=30, share=0.75).validation_split(log)
    assert _train(split) == [(0, [0, 1]), (0, [2, 3])]
    assert _cases(split) == [(0, [4], 5, 60 * 101)]


def test_training_sessions_too_few_for_another_cut_are_an_error() -> None:
    with pytest.raises(RecbenchError, match="too few training data to cut off validation targets"):
        Sessions(at=10).validation_split(numbered_log(10, 10))
