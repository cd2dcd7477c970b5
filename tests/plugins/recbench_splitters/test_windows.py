"""Windows: the evaluation protocol of the original notebook."""

import pytest
from made_splits import numbered_log

from recbench import Interactions, RecbenchError, Split, UsageError
from recbench.testing import example
from recbench_splitters import Windows


def _items(part: Interactions) -> list[list[int]]:
    return [items.tolist() for items in part.sequences()]


def _cases(split: Split) -> list[tuple[list[int], int]]:
    return list(zip(_items(split.history), split.targets.tolist(), strict=True))


def test_windows_slide_and_the_last_one_ends_with_the_sequence() -> None:
    split = Windows(length=4, step=2, test=0.5).split(numbered_log(7, 4, 3, 6))
    windows = [[*items, target] for items, target in _cases(split)]
    assert sorted([*_items(split.train), *windows]) == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [3, 4, 5, 6],
        [10, 11, 12, 13],
        [30, 31, 32, 33],
        [32, 33, 34, 35],
    ]
    assert sorted([*split.train.users, *split.history.users]) == [0, 0, 0, 1, 3, 3]
    assert Windows(test=0.5).split(numbered_log(7, 4, 3, 6, 2)).notes == (
        "2 users with fewer than 4 interactions are left out",
    )
    assert Windows(test=0.5).split(numbered_log(7, 4)).notes == (
        "1 user whose windows are all used for training is not judged",
    )
    assert Windows(test=0.5).split(numbered_log(7, 7)).notes == ()


def test_a_seeded_share_of_the_windows_is_held_out() -> None:
    log = example(users=200)
    split = Windows().split(log)
    n = len(split.train) + len(split.history)
    assert len(split.history) == round(0.15 * n)
    assert set(split.history.lengths) == {3}
    assert set(split.train.lengths) == {4}
    assert split.fingerprint() == Windows(seed=0).split(log).fingerprint()
    assert split.fingerprint() != Windows(seed=1).split(log).fingerprint()


def test_each_history_and_its_target_are_a_window() -> None:
    log = example(users=50)
    whole = [items.tolist() for items in log.sequences()]
    split = Windows().split(log)
    for user, items, target in zip(
        split.history.users, split.history.sequences(), split.targets, strict=True
    ):
        window = [*items.tolist(), int(target)]
        own = whole[user]
        assert any(own[i : i + 4] == window for i in range(len(own)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"length": 1}, "length must be 2 or more, not 1"),
        ({"step": 0}, "step must be 1 or more, not 0"),
        ({"test": 0.0}, "test must be above 0 and below 1, not 0.0"),
        ({"test": 1.0}, "test must be above 0 and below 1, not 1.0"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=f"splitter windows: {words}"):
        Windows(**wrong)  # type: ignore[arg-type]


def test_sequences_shorter_than_a_window_are_an_error() -> None:
    with pytest.raises(
        RecbenchError, match="have 0 windows of 9 interactions, too few to hold out 15%"
    ):
        Windows(length=9).split(numbered_log(3, 3))


def test_validation_windows_hold_no_test_target() -> None:
    log = numbered_log(*[9] * 50)  # items are not repeated
    test, split = Windows().split(log), Windows().validation_split(log)
    free = [items for items in _items(test.train) if not {*items} & {*test.targets.tolist()}]
    assert 0 < len(free) < len(test.train)
    windows = [[*items, target] for items, target in _cases(split)]
    assert sorted([*_items(split.train), *windows]) == sorted(free)
    assert len(windows) == round(0.15 * len(free))
    assert split.fingerprint() != Windows(seed=1).validation_split(log).fingerprint()


def test_too_few_windows_for_validation_are_an_error() -> None:
    with pytest.raises(
        RecbenchError,
        match="windows: 1 training windows of 4 interactions hold no test target, too few to hold "
        "out 50% for validation",
    ):
        Windows(test=0.5).validation_split(numbered_log(4, 4))
    with pytest.raises(RecbenchError, match=r"windows: 0 training windows .* for validation"):
        Windows(length=9).validation_split(numbered_log(3, 3))
