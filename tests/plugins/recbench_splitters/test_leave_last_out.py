"""Leave-last-out: the last interaction of each user."""

from made_splits import numbered_log

from recbench_splitters import LeaveLastOut


def test_the_last_interaction_of_each_user_is_the_target() -> None:
    split = LeaveLastOut().split(numbered_log(3, 2, 1))
    assert split.targets.tolist() == [2, 11, -1]
    assert [items.tolist() for items in split.train.sequences()] == [[0, 1], [10], [20]]
    assert split.times is not None
    assert split.times.tolist() == [2, 11, -1]
    assert split.judged.tolist() == [0, 1]
    assert split.notes == ("1 user with a single interaction is used for training but not judged",)
    assert LeaveLastOut().split(numbered_log(3, 2)).notes == ()


def test_numbers_in_notes_have_thousands_separators() -> None:
    assert LeaveLastOut().split(numbered_log(2, *[1] * 1234)).notes == (
        "1,234 users with a single interaction are used for training but not judged",
    )


def test_a_split_of_train_is_a_validation_split() -> None:
    once = LeaveLastOut().split(numbered_log(4, 3))
    twice = LeaveLastOut().split(once.train)
    assert twice.targets.tolist() == [2, 11]
