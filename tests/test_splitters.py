"""Leave-last-out and the notebook's windows, on logs small enough to read."""

import numpy as np
import pytest

from recbench import Interactions, RecbenchError, UsageError
from recbench.testing import check_splitter, example
from recbench_splitters import LeaveLastOut, Windows


def _log(*lengths: int) -> Interactions:
    """Users whose items count up from 10 times their number."""
    users = np.repeat(np.arange(len(lengths)), lengths)
    items = np.concatenate([10 * u + np.arange(n) for u, n in enumerate(lengths)])
    return Interactions.from_log(users, items, items, n_items=10 * len(lengths) + 10)


@pytest.mark.parametrize("factory", [LeaveLastOut, Windows])
def test_contract(factory: type) -> None:
    check_splitter(factory)


def test_the_last_event_of_each_user_is_the_target() -> None:
    split = LeaveLastOut().split(_log(3, 2, 1))
    assert split.targets.tolist() == [2, 11, -1]
    assert [one.tolist() for one in split.train.sequences()] == [[0, 1], [10], [20]]
    assert split.times is not None
    assert split.times.tolist() == [2, 11, -1]
    assert split.judged.tolist() == [0, 1]


def test_applied_to_train_it_gives_a_validation_part() -> None:
    once = LeaveLastOut().split(_log(4, 3))
    twice = LeaveLastOut().split(once.train)
    assert twice.targets.tolist() == [2, 11]


def test_windows_slide_and_the_last_one_ends_with_the_sequence() -> None:
    cut = Windows(length=4, step=2)._windows(_log(7, 4, 3, 6))
    assert [one.tolist() for one in cut.sequences()] == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [3, 4, 5, 6],
        [10, 11, 12, 13],
        [30, 31, 32, 33],
        [32, 33, 34, 35],
    ]
    assert cut.users.tolist() == [0, 0, 0, 1, 3, 3]


def test_windows_hold_a_seeded_share_out() -> None:
    log = example(users=200)
    split = Windows().split(log)
    n = len(split.train) + len(split.history)
    assert len(split.history) == round(0.15 * n)
    assert set(split.history.lengths) == {3}
    assert set(split.train.lengths) == {4}
    assert split.fingerprint() == Windows(seed=0).split(log).fingerprint()
    assert split.fingerprint() != Windows(seed=1).split(log).fingerprint()


def test_windows_and_targets_belong_together() -> None:
    log = example(users=50)
    whole = [one.tolist() for one in log.sequences()]
    split = Windows().split(log)
    for user, items, target in zip(
        split.history.users, split.history.sequences(), split.targets, strict=True
    ):
        window = [*items.tolist(), int(target)]
        own = whole[user]
        assert any(own[i : i + 4] == window for i in range(len(own)))


@pytest.mark.parametrize("wrong", [{"length": 1}, {"step": 0}, {"test": 0.0}, {"test": 1.0}])
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="splitter windows needs"):
        Windows(**wrong)  # type: ignore[arg-type]


def test_sequences_that_are_too_short_are_said() -> None:
    with pytest.raises(RecbenchError, match="found 0 windows"):
        Windows(length=9).split(_log(3, 3))
