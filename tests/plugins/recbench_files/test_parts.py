"""Splits that others made: the part of each file by its name, and what is ambiguous."""

import pytest

import recbench
from recbench_files.parts import find_parts


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        ("train.csv", "valid.csv", "test.csv"),
        ("TRAIN.CSV", "DEV.CSV", "TEST.CSV"),
        ("click.train.inter", "click.valid.inter", "click.test.inter"),
        ("train_data.csv", "validation.csv", "test_data.csv"),
        ("x_train.csv", "x_val.csv", "x_test.csv"),
        ("mlTrain.csv", "mlValid.csv", "mlTest.csv"),
        ("trainset.csv.gz", "valset.csv.gz", "testset.csv.gz"),
        ("u1.base", "u1.valid", "u1.test"),
        ("test/train/a.csv", "test/validation/a.csv", "test/test/a.csv"),
        ("a/train-0-of-1.parquet", "a/dev-0-of-1.parquet", "a/test-0-of-1.parquet"),
    ],
)
def test_names_state_parts(train, valid, test):
    names = [test, "contest.csv", train, valid, "latest_items.csv"]
    assert find_parts(names) == {test: "test", train: "train", valid: "valid"}


@pytest.mark.parametrize(
    "names", [["train/a.csv", "train/b.csv"], ["test/a.csv", "test/train.csv"], ["a.csv", "b.csv"]]
)
def test_names_without_a_train_and_a_test_part(names):
    assert find_parts(names) == {}


def test_a_part_may_have_several_files():
    for pattern in ("{}/part-{}.csv", "{}-0000{}-of-00002.parquet"):
        names = {pattern.format(part, n): part for part in ("train", "test") for n in (0, 1)}
        assert find_parts(names) == names
    names = {"train-1.csv": "train", "train-2.csv": "train", "test.csv": "test"}
    assert find_parts(names) == names


@pytest.mark.parametrize(
    "names",
    [
        ["u1.base", "u1.test", "u2.base", "u2.test"],
        ["fold1/train.csv", "fold1/test.csv", "fold2/train.csv", "fold2/test.csv"],
        ["train1.csv", "test1.csv", "train2.csv", "test2.csv"],
        ["X_train.csv", "y_train.csv", "X_test.csv", "y_test.csv"],
    ],
)
def test_several_splits_are_refused(names):
    with pytest.raises(recbench.UsageError, match="there are several splits"):
        find_parts(names)


def test_a_part_of_several_kinds_is_refused():
    names = ["ml.train.rating", "ml.test.rating", "ml.test.negative"]
    with pytest.raises(recbench.UsageError) as caught:
        find_parts(names)
    assert "for test are of several kinds (ml.test.negative, ml.test.rating)" in str(caught.value)
