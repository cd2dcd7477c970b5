"""Given: train, valid and test parts, on small logs and random logs."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import cases, train_items

import recbench
from recbench import Interactions, RecbenchError, Split, UsageError
from recbench.selfcheck import selfcheck
from recbench_splitters import Given

Row = tuple[int, int, int, int]  # user, item, time, part
ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 8), st.integers(0, 2)),
    min_size=1,
    max_size=40,
)


def _log(*rows: Row) -> Interactions:
    users, items, times, parts = zip(*rows, strict=True)
    return Interactions.from_log(users, items, times, parts=parts, n_users=7, n_items=70)


def _split(**options: Any) -> Split:
    return Given(**options).split(
        _log(
            *[(0, 10, 1, 0), (0, 11, 2, 0), (0, 12, 3, 1), (0, 13, 4, 2), (0, 14, 5, 2)],
            *[(1, 20, 9, 0), (1, 21, 3, 2), (1, 22, 1, 1)],  # the test part comes before train
            *[(2, 30, 1, 0), (2, 31, 2, 0)],  # train only
            *[(3, 40, 1, 2), (3, 41, 2, 2)],  # test only
            *[(4, 50, 1, 1), (4, 51, 2, 2)],  # valid and test
            *[(5, 60, 1, 1)],  # valid only
            *[(6, 65, 1, 0), (6, 65, 2, 2), (6, 66, 3, 2), (6, 66, 4, 2)],  # repeats
        )
    )


def test_the_valid_part_is_training_data() -> None:
    split = _split()
    assert train_items(split) == {
        0: [10, 11, 12],
        1: [22, 20],
        2: [30, 31],
        4: [50],
        5: [60],
        6: [65],
    }
    assert split.history.items.tolist() == split.train.items.tolist()
    assert cases(split) == {
        0: ([10, 11, 12], [13, 14], [4, 5]),
        1: ([22, 20], [21], [3]),
        4: ([50], [51], [2]),
        6: ([65], [65, 66], [2, 3]),
    }
    assert split.notes == (
        "1 user without a training interaction is not judged",
        "2 users without a test interaction are used for training but not judged",
        "1 target is in the history of the same user too",
    )
    assert not split.ordered


def test_the_valid_part_can_be_left_out() -> None:
    split = _split(valid="unused")
    assert train_items(split) == {0: [10, 11], 1: [20], 2: [30, 31], 6: [65]}
    assert cases(split) == {
        0: ([10, 11], [13, 14], [4, 5]),
        1: ([20], [21], [3]),
        6: ([65], [65, 66], [2, 3]),
    }
    assert split.notes == (
        "2 users without a training interaction are not judged",
        "1 user without a test interaction is used for training but not judged",
        "1 user of the valid part only is neither used for training nor judged",
        "the valid part is not used: 4 interactions",
        "1 target is in the history of the same user too",
    )


@given(ROWS, st.sampled_from(["train", "unused"]))
def test_the_split_equals_that_of_a_loop(rows: list[Row], valid: Any) -> None:
    ordered = sorted(rows, key=lambda row: (row[0], row[2]))
    learnt: dict[int, list[int]] = {}
    tested: dict[int, dict[int, int]] = {}
    for user, item, time, part in ordered:
        if part == 2:
            tested.setdefault(user, {}).setdefault(item, time)
        elif part == 0 or valid == "train":
            learnt.setdefault(user, []).append(item)
    if not learnt.keys() & tested.keys():
        with pytest.raises(RecbenchError, match="no user has both training and test interactions"):
            Given(valid).split(_log(*rows))
        return
    split = Given(valid).split(_log(*rows))
    assert train_items(split) == learnt
    assert cases(split) == {
        user: (learnt[user], list(targets), list(targets.values()))
        for user, targets in sorted(tested.items())
        if user in learnt
    }


def test_times_are_not_needed() -> None:
    log = Interactions.from_log([0, 0, 0], [3, 1, 2], parts=[0, 2, 1])
    split = Given().split(log)
    assert split.times is None
    assert (split.train.items.tolist(), split.targets.tolist()) == ([3, 2], [1])


def test_without_parts_the_error_names_the_folder_that_is_needed() -> None:
    with pytest.raises(UsageError) as error:
        Given().split(Interactions.from_log([0, 0], [0, 1]))
    assert str(error.value) == (
        "splitter given: the dataset has no train and test files; name a folder with files such as "
        "train.csv and test.csv, or use leave-last-out"
    )


def test_a_wrong_option_is_refused() -> None:
    with pytest.raises(UsageError, match="valid must be train or unused, not test"):
        Given(valid="test")  # type: ignore[arg-type]


def test_a_folder_of_files_is_judged_on_its_test_file(tmp_path: Path) -> None:
    files = {
        "train": "u0,a u1,a u2,a u3,a u0,c",  # repeats=first: the test item of u0 is not a target
        "valid": "u0,b u1,b u2,b u3,b u4,b",
        "test": "u0,c u1,c u2,c",
    }
    for part, lines in files.items():
        (tmp_path / f"{part}.csv").write_text("user,item\n" + lines.replace(" ", "\n") + "\n")
    (result,) = recbench.run(["popular"], tmp_path, split="given", ks=1, results=None)
    assert result.status == "ok"
    assert result.setting.split == "given"
    assert (result.setting.n_judged_users, result.setting.n_unjudged_users) == (2, 3)
    assert result.value("hit", 1).mean == 1  # the only unseen item
    assert not [check for check in selfcheck(tmp_path, split="given") if not check.holds]
    (result,) = recbench.run(
        ["popular"], f"{tmp_path}:repeats=keep", split="given:valid=unused", ks=1, results=None
    )
    assert result.setting.n_judged_users == 3
    assert result.setting.n_targets == 3


def test_validation_targets_are_those_of_the_valid_part() -> None:
    log = _log(
        *[(0, 10, 1, 0), (0, 11, 2, 0), (0, 12, 3, 1), (0, 12, 4, 1), (0, 13, 5, 1), (0, 14, 6, 2)],
        *[(1, 20, 1, 0), (1, 21, 2, 2)],  # no valid
        *[(2, 30, 1, 1), (2, 31, 2, 2)],  # no train
        *[(3, 40, 1, 2)],  # test only
        *[(4, 50, 1, 0), (4, 50, 2, 1)],  # a repeat
    )
    for valid in ("train", "unused"):
        split = Given(valid).validation_split(log)
        assert train_items(split) == {0: [10, 11], 1: [20], 4: [50]}
        assert cases(split) == {0: ([10, 11], [12, 13], [3, 5]), 4: ([50], [50], [2])}
        assert split.notes == (
            "1 user without a training interaction is not judged",
            "1 user without a validation interaction is used for training but not judged",
            "1 user of the test part only is neither used for training nor judged",
            "1 target is in the history of the same user too",
        )
        assert not split.ordered


def test_without_a_valid_part_the_last_training_interactions_are_held_out() -> None:
    log = _log(
        *[(0, 10, 1, 0), (0, 11, 9, 0), (0, 12, 3, 2)],
        *[(1, 20, 1, 0), (1, 21, 2, 2)],  # a single training interaction
        *[(2, 31, 2, 2)],  # test only
    )
    split = Given().validation_split(log)
    assert train_items(split) == {0: [10], 1: [20]}
    assert cases(split) == {0: ([10], [11], [9])}
    assert split.notes == (
        "no valid part: each user's last training interaction is held out for validation",
        "1 user without a training interaction is not judged",
        "1 user with a single interaction is used for training but not judged",
    )


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (
            [(0, 1, 1, 0), (1, 1, 1, 1), (0, 2, 2, 2)],
            "no user has both training and validation interactions, so nobody can be judged",
        ),
        (
            [(0, 1, 1, 0), (0, 2, 2, 2)],
            "there is no valid part, and no user has two training interactions, so none can be",
        ),
    ],
)
def test_parts_that_judge_nobody_in_validation_are_an_error(rows: list[Row], match: str) -> None:
    with pytest.raises(RecbenchError, match=match):
        Given().validation_split(_log(*rows))


def test_without_parts_there_is_no_validation_either() -> None:
    with pytest.raises(UsageError, match="the dataset has no train and test files"):
        Given().validation_split(Interactions.from_log([0, 0], [0, 1]))
