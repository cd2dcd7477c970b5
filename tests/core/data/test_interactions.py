"""Interactions: their order, read-only views, and the memory they use."""

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


def test_fractional_times_are_sorted_exactly_and_stored_as_whole_seconds() -> None:
    made = Interactions.from_log([0, 0], [0, 1], [5.75, 5.25], [1.0, 2.0])
    assert made.items.tolist() == [1, 0]
    assert made.times is not None
    assert made.times.tolist() == [5, 5]
    assert made.ratings is not None
    assert made.ratings.tolist() == [2.0, 1.0]


def test_large_times_are_exact_to_the_second() -> None:
    made = Interactions.from_log([0, 0], [0, 1], np.array([2**53 + 1, 2**53], dtype=np.int64))
    assert made.items.tolist() == [1, 0]
    assert made.times is not None
    assert made.times.tolist() == [2**53, 2**53 + 1]


@pytest.mark.parametrize("name", ["users", "items", "offsets", "times", "ratings"])
def test_arrays_are_read_only_and_have_small_types(name: str) -> None:
    made = Interactions.from_log([0, 0, 1], [0, 1, 1], [1, 2, 3], [1, 2, 3])
    column = getattr(made, name)
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1
    sizes = {"users": 4, "items": 4, "offsets": 8, "times": 8, "ratings": 4}
    assert column.dtype.itemsize == sizes[name]
    for batch in made.batches(1):
        with pytest.raises(ValueError, match="read-only"):
            getattr(batch, name)[0] = 1


def test_a_hundred_million_interactions_fit_in_two_gigabytes() -> None:
    made = Interactions.from_log([0] * 1000, [0] * 1000, [0] * 1000, [0] * 1000)
    bytes_each = sum(getattr(made, name).itemsize for name in ("items", "times", "ratings"))
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


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"items": [0, 9]}, r"items must be in \[0, 3\), but 9 occurs"),
        ({"users": [0, 1]}, "need 3 offsets"),
        ({"offsets": [0, 1]}, "rise from 0"),
        ({"times": [1]}, "times has 1 values, but there are 2 items"),
        ({"users": [7]}, r"users must be in \[-1, 2\), but 7 occurs"),
    ],
)
def test_inconsistent_arrays_are_refused(wrong: dict[str, list[int]], match: str) -> None:
    good = {"users": [0], "items": [0, 1], "offsets": [0, 2]}
    with pytest.raises(ValueError, match=match):
        Interactions(**{**good, **wrong}, n_users=2, n_items=3)  # type: ignore[arg-type]
