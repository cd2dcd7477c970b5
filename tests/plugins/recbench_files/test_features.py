"""The option `features`: columns of a log as one value per interaction, in the order of the log."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import recbench
from recbench_files import read_file

ROWS = {
    "user": ["b", "a", "b", "a"],
    "item": [1, 2, 3, None],
    "time": [30, 20, 10, 5],
    "unit price": [2.5, None, 1.5, 9.0],
    "n": [3, 2, 1, 0],
    "code": ["07", "7", "x", "q"],
    "genre": ["pop", "rock", None, "pop"],
}
EXPECTED = {
    "unit price": [np.nan, 1.5, 2.5],
    "n": [2, 1, 3],
    "code": ["7", "x", "07"],
    "genre": ["rock", "", "pop"],
}
"""The values in the order of users and times; the last row has no item."""


def texts(frame):
    return frame.to_csv(index=False)


WRITERS = {
    "log.csv": texts,
    "log.tsv": lambda frame: frame.to_csv(index=False, sep="\t"),
    "log.jsonl": lambda frame: frame.to_json(orient="records", lines=True),
    "log.parquet": lambda frame: frame.to_parquet(index=False),
}


def check(dataset):
    found = dataset.interactions.features
    assert list(found) == ["unit price", "n", "code", "genre"]
    for name, expected in EXPECTED.items():
        np.testing.assert_array_equal(found[name], np.array(expected, found[name].dtype))
    assert [values.dtype.kind for values in found.values()] == ["f", "i", "O", "O"]
    assert dataset.name.endswith(":features=code,genre,n,unit price")
    assert dataset.notes[-1].endswith("features=unit price,n,code,genre")


OPTION = "unit price,n,code,genre"


@pytest.mark.parametrize("name", WRITERS)
def test_columns_of_files(read, name):
    check(read(WRITERS[name](pd.DataFrame(ROWS)), name, features=OPTION))


def test_columns_of_a_frame_of_several_files_and_of_an_archive(tmp_path):
    frame = pd.DataFrame(ROWS)
    check(read_file(frame, features=OPTION.split(",")))
    (tmp_path / "1.csv").write_text(texts(frame[:2]))
    (tmp_path / "2.csv").write_text(texts(frame[2:]))
    check(read_file([str(tmp_path / "1.csv"), str(tmp_path / "2.csv")], features=OPTION))
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        archive.writestr("log.csv", texts(frame))
    check(read_file(str(tmp_path / "log.zip"), features=OPTION))
    loaded = recbench.load_dataset(f"{tmp_path}/log.zip:features={OPTION}")
    check(loaded)
    assert loaded.interactions.fingerprint() != read_file(frame).interactions.fingerprint()


def test_a_column_may_be_a_feature_and_more(read):
    dataset = read(texts(pd.DataFrame(ROWS)), features="Genre,time,user", where="genre=pop|rock")
    found = dataset.interactions.features
    assert {name: values.tolist() for name, values in found.items()} == {
        "genre": ["rock", "pop"],
        "time": [20, 30],
        "user": ["a", "b"],
    }
    dataset = read("1\t5\t3\t881250949\n1\t6\t4\t881250940\n", "u.data", features="rating")
    assert dataset.interactions.features["rating"].tolist() == [4, 3]


def test_numbers_of_different_types_in_several_files(tmp_path):
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "n": [1, 2]})
    frame.to_parquet(tmp_path / "1.parquet")
    frame.assign(n=[1.5, None]).to_parquet(tmp_path / "2.parquet")
    dataset = read_file(str(tmp_path), features="n")
    assert str(dataset.interactions.features["n"].tolist()) == "[1.0, 1.5, 2.0, nan]"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, None], ["true", ""]),
        (["5", "6"], ["5", "6"]),
        ([5.0, 6.0], [5, 6]),
        (pd.array([2**60 + 1, None], dtype="Int64"), [str(2**60 + 1), ""]),
        (pd.array([5, None], dtype="Int64"), [5.0, np.nan]),
        (pd.Categorical([5, 6]), [5, 6]),
        (pd.Categorical(["x", None]), ["x", ""]),
        ([["a", "b"], ["a"]], ["a|b", "a"]),
        ([[["a"], ["b", None]], None], ["a|b", ""]),
        ([np.array([1, 2]), np.array([])], ["1|2", ""]),
        ([{"b", "a"}, "c"], ["a|b", "c"]),
        (pd.to_datetime(["2024-05-01 10:00", None]), ["2024-05-01 10:00:00", ""]),
        (pd.to_datetime(["2024-05-01 10:00:00.5", None]), ["2024-05-01 10:00:00.5", ""]),
        (pd.to_datetime(["2024-05-01", "2024-05-02"]).date, ["2024-05-01", "2024-05-02"]),
        ([None, None], ["", ""]),
    ],
)
def test_values_of_any_type_in_a_frame(values, expected):
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "f": pd.Series(values)})
    found = read_file(frame, features="f", time="").interactions.features["f"]
    assert str(found.tolist()) == str(expected)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["5", "6"], [5, 6]),
        (["5", ""], [5.0, np.nan]),
        (["5", "NA"], [5.0, np.nan]),
        (["5.0", "6"], [5, 6]),
        (["-1.5e3", "0.5"], [-1500.0, 0.5]),
        (["05", "6"], ["05", "6"]),
        (["+5", "6"], ["+5", "6"]),
        (["12345678901234567890", "6"], ["12345678901234567890", "6"]),
        (["", ""], ["", ""]),
        (['"[""a"", ""b""]"', "[]"], ["a|b", ""]),
        (["\"['a', 'b']\"", "[1]"], ["a|b", "1"]),
        (["[a", "[1]"], ["[a", "[1]"]),
    ],
)
def test_values_of_a_text(read, cells, expected):
    log = f"user,item,f\n1,1,{cells[0]}\n2,2,{cells[1]}\n"
    found = read(log, features="f").interactions.features["f"]
    assert str(found.tolist()) == str(expected)


def test_wrong_names_are_errors(read, fails):
    log = texts(pd.DataFrame(ROWS))
    assert fails(log, kind=recbench.UsageError, features="genr") == (
        "features=genr: log.csv has no such column; did you mean 'genre'? Its columns are: user, "
        "item, time, unit price, n, code, genre"
    )
    assert fails(log, kind=recbench.UsageError, features=" ,") == (
        "features= names no column; write the names of columns, separated by commas"
    )
    records = json.dumps({"user": 1, "item": 2, "tags": ["a"]})
    assert "the column tags is a list" in fails(
        records, "log.jsonl", kind=recbench.UsageError, features="tags"
    )
