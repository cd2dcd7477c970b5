"""Interactions: their order, read-only views, and the memory they use."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbench import Interactions

INTERACTION = st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 3))


@given(st.lists(INTERACTION, min_size=1, max_size=40))
def test_order_is_stable_by_user_and_time(log: list[tuple[int, int, int]]) -> None:
    users, items, times = map(list, zip(*log, strict=True))
    made = Interactions.from_log(users, items, times)
    for user, sequence in zip(made.users, made.sequences(), strict=True):
        expected = sorted(
            (row for row in log if row[0] == user), key=lambda row: row[2]
        )  # sorted is stable
        assert sequence.tolist() == [item for _, item, _ in expected]
    assert made.n_interactions == len(log)
    assert made.users.tolist() == sorted(set(users))


def test_without_times_the_order_of_the_log_is_kept() -> None:
    made = Interactions.from_log([1, 0, 1, 0], [3, 2, 1, 0])
    assert [items.tolist() for items in made.sequences()] == [[2, 0], [3, 1]]
    assert made.times is None


def test_fractional_times_are_sorted_and_stored_exactly() -> None:
    made = Interactions.from_log([0, 0], [0, 1], [5.75, 5.25], [1.0, 2.0])
    assert made.items.tolist() == [1, 0]
    assert made.times is not None
    assert (made.times.tolist(), made.time_unit) == ([5250, 5750], "ms")
    assert made.ratings is not None
    assert made.ratings.tolist() == [2.0, 1.0]


def test_floats_that_differ_by_less_than_a_nanosecond_are_sorted() -> None:
    made = Interactions.from_log([0, 0, 0], [0, 1, 2], [0.5, 2e-12, 1e-12])
    assert made.items.tolist() == [2, 1, 0]


def test_milliseconds_decide_the_order_and_are_kept() -> None:
    made = Interactions.from_log([0, 0, 1], [0, 1, 2], [1_002, 1_001, 5_000], time_unit="ms")
    assert made.items.tolist() == [1, 0, 2]
    assert made.times is not None
    assert (made.times.tolist(), made.time_unit) == ([1_001, 1_002, 5_000], "ms")
    for part in (
        next(made.batches(2)),
        made.take([0, 1]),
        made.cut(np.array([0, 1]), made.offsets[:-1], made.lengths),
        made.keep(np.array([True] * 3)),
    ):
        assert part.fingerprint() == made.fingerprint()


def test_parts_follow_their_interactions() -> None:
    made = Interactions.from_log([1, 0, 1], [0, 1, 2], [9, 5, 4], parts=[2, 1, 0])
    assert made.parts is not None
    assert (made.items.tolist(), made.parts.tolist()) == ([1, 2, 0], [1, 0, 2])
    first, second = (part.parts for part in made.batches(1))
    assert first is not None
    assert second is not None
    assert (first.tolist(), second.tolist()) == ([1], [0, 2])
    taken, kept = made.take([1]).parts, made.keep(made.items > 0).parts
    assert taken is not None
    assert kept is not None
    assert (taken.tolist(), kept.tolist()) == ([0, 2], [1, 0])


def test_large_times_are_exact_to_the_second() -> None:
    made = Interactions.from_log([0, 0], [0, 1], np.array([2**53 + 1, 2**53], dtype=np.int64))
    assert made.items.tolist() == [1, 0]
    assert made.times is not None
    assert made.times.tolist() == [2**53, 2**53 + 1]


@pytest.mark.parametrize("name", ["users", "items", "offsets", "times", "ratings", "parts"])
def test_arrays_are_read_only_and_have_small_types(name: str) -> None:
    made = Interactions.from_log([0, 0, 1], [0, 1, 1], [1, 2, 3], [1, 2, 3], parts=[0, 1, 2])
    column = getattr(made, name)
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1
    sizes = {"users": 4, "items": 4, "offsets": 8, "times": 8, "ratings": 4, "parts": 1}
    assert column.dtype.itemsize == sizes[name]
    for batch in made.batches(1):
        with pytest.raises(ValueError, match="read-only"):
            getattr(batch, name)[0] = 1


def test_a_hundred_million_interactions_fit_in_two_gigabytes() -> None:
    zeros = [0] * 1000
    made = Interactions.from_log(zeros, zeros, zeros, zeros, time_unit="ns", parts=zeros)
    names = ("items", "times", "ratings", "parts")
    bytes_each = sum(getattr(made, name).itemsize for name in names)
    assert bytes_each * 100_000_000 < 2 * 2**30


def test_batches_and_take_return_the_same_sequences() -> None:
    made = Interactions.from_log([0, 0, 1, 2, 2, 2], [0, 1, 2, 3, 4, 5], [0, 1, 0, 0, 1, 2])
    whole = [items.tolist() for items in made.sequences()]
    parts = [items.tolist() for part in made.batches(2) for items in part.sequences()]
    assert parts == whole
    picked = made.take([2, 0, 2])
    assert [items.tolist() for items in picked.sequences()] == [whole[2], whole[0], whole[2]]
    assert picked.users.tolist() == [2, 0, 2]
    assert picked.times is not None
    assert picked.times.tolist() == [0, 1, 2, 0, 1, 0, 1, 2]


def test_keep_can_leave_empty_sequences() -> None:
    made = Interactions.from_log([0, 1, 1], [0, 1, 2]).keep(np.array([False, True, False]))
    assert [items.tolist() for items in made.sequences()] == [[], [1]]


def test_fingerprint_depends_on_the_content() -> None:
    log = Interactions.from_log([0, 0], [0, 1], [1, 2])
    assert log.fingerprint() == Interactions.from_log([0, 0], [1, 0], [2, 1]).fingerprint()
    assert log.fingerprint() != Interactions.from_log([0, 0], [0, 1]).fingerprint()
    assert log.fingerprint() != Interactions.from_log([0, 0], [0, 1], [1, 3]).fingerprint()


def test_the_fingerprint_of_whole_seconds_does_not_depend_on_the_unit() -> None:
    def fingerprint(times: list[float], time_unit: str, parts: list[int] | None = None) -> str:
        log = Interactions.from_log([0, 0], [0, 1], times, time_unit=time_unit, parts=parts)
        return log.fingerprint()

    # as recbench 0.1.0 computed it: stored results stay valid
    known = "70ee34af6d9d2c0215f8b2d17939256f54e41037602a2b032349312d420b0935"
    assert fingerprint([1, 2], "s") == known
    assert fingerprint([1.0, 2.0], "s") == known
    assert fingerprint([1_000, 2_000], "ms") == known
    assert fingerprint([1_000_000_000, 2_000_000_000], "ns") == known
    others = {
        known,
        fingerprint([1, 2], "ms"),
        fingerprint([1, 2], "us"),
        fingerprint([1, 2], "s", [0, 0]),
        fingerprint([1, 2], "s", [0, 2]),
    }
    assert len(others) == 5


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"items": [0, 9]}, r"items must be in \[0, 3\), but 9 occurs"),
        ({"users": [0, 1]}, "need 3 offsets"),
        ({"offsets": [0, 1]}, "rise from 0"),
        ({"times": [1]}, "times has 1 values, but there are 2 items"),
        ({"times": [1, 2.5]}, "times must be whole numbers that fit int64, but 2.5 occurs"),
        ({"times": [1, np.nan]}, "times must be whole numbers that fit int64, but nan occurs"),
        ({"times": [[1], [2]]}, "times must have one dimension, not 2"),
        (
            {"items": np.array([0, 2**32])},
            "items must be whole numbers that fit int32, but 4294967296 occurs",
        ),
        ({"parts": [1]}, "parts has 1 values, but there are 2 items"),
        ({"parts": [0, 3]}, r"parts must be in \[0, 3\), but 3 occurs"),
        (
            {"parts": np.array([0, 256])},
            "parts must be whole numbers that fit int8, but 256 occurs",
        ),
        ({"time_unit": "min"}, "time_unit must be one of s, ms, us, ns, not 'min'"),
        ({"users": [7]}, r"users must be in \[-1, 2\), but 7 occurs"),
    ],
)
def test_inconsistent_arrays_are_refused(wrong: dict[str, Any], match: str) -> None:
    good = {"users": [0], "items": [0, 1], "offsets": [0, 2]}
    with pytest.raises(ValueError, match=match):
        Interactions(**{**good, **wrong}, n_users=2, n_items=3)


@pytest.mark.parametrize("name", ["items", "times", "ratings", "parts"])
def test_columns_of_a_log_must_have_one_value_per_interaction(name: str) -> None:
    columns: dict[str, Any] = {"items": [0, 1], name: [0, 1, 1]}
    with pytest.raises(ValueError, match=f"users has 2 values and {name} 3; they must match"):
        Interactions.from_log([0, 0], **columns)
