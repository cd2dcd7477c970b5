"""Whose histories: ids in texts, sequences and files, unknown users, and users without items."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbench import Dataset, Interactions, UsageError, load_plugins
from recbench.recommending.histories import (
    histories_of_users,
    history_of_user,
    parse_ids,
    read_users,
)

PLUGINS = load_plugins()


def _dataset() -> Dataset:
    log = Interactions([3, 0], [1, 2, 0], offsets=[0, 2, 3], n_users=4, n_items=3)
    return Dataset("shop", log, np.array(["a", "b", "007", "d"]), np.array(["x", "y", "z"]))


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ('12, "a, b",007,', ["12", "a, b", "007"]),
        ("", []),
        (pd.Series([3, 1]), ["3", "1"]),
        (np.array(["x"]), ["x"]),
        (["x", 7], ["x", "7"]),
        (7, ["7"]),
        (pd.Categorical(["b", "a"]), ["b", "a"]),
    ],
)
def test_ids_are_read_from_text_and_sequences(given: Any, ids: list[str]) -> None:
    assert parse_ids("--users", given) == ids


def test_a_table_is_no_list_of_ids() -> None:
    with pytest.raises(
        UsageError, match=r"--users: a table is not a list .*; give one of its columns"
    ):
        parse_ids("--users", pd.DataFrame({"user": ["x"]}))


def test_users_keep_the_given_order_and_users_without_items_are_counted() -> None:
    dataset = _dataset()
    found = histories_of_users(dataset, ["d", "b", "zoe", "a", "d"], dataset, ["before"])
    assert found.users is not None
    assert found.users.tolist() == ["d", "a"]
    assert [items.tolist() for items in found.rows.sequences()] == [[1, 2], [0]]
    assert found.rows.users.tolist() == [3, 0]
    assert found.notes == [
        "before",
        "1 of 4 users is not in shop, such as 'zoe', and got no list",
        "1 user has no interaction with an item of shop, such as 'b', and got no list",
    ]
    every = histories_of_users(dataset, None, dataset)
    assert every.users is not None
    assert every.users.tolist() == ["a", "d"]


@pytest.mark.parametrize(
    ("users", "match"),
    [
        ([], "no user in the given list"),
        (["p", "q"], "none of the 2 users is in shop: 'p', 'q'; its user ids look like: 'a', 'b'"),
        (["b", "007"], "none of the users has an interaction with an item of shop"),
    ],
)
def test_lists_for_nobody_are_errors(users: list[str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        histories_of_users(_dataset(), users, _dataset())


def test_users_whom_only_the_extended_dataset_has_are_unknown_to_the_model() -> None:
    known = _dataset()
    log = Interactions([4], [2], offsets=[0, 1], n_users=5, n_items=3)
    more = Dataset("shop", log, np.array([*known.user_ids, "zoe"]), known.item_ids)
    found = history_of_user(more, "zoe", known)
    assert found.users is not None
    assert (found.rows.users.tolist(), found.rows.n_users) == ([-1], 4)
    assert found.users.tolist() == ["zoe"]


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        ("007\nann smith\n\n a@b.org \n", ["007", "ann smith", "a@b.org"]),
        ("1\n2\n", ["1", "2"]),
        ("user\n007\n8\n", ["007", "8"]),
        ("age,customer_id\n3,007\n4,x\n", ["007", "x"]),
        ("age;who\n3;007\n4;x\n", ["007", "x"]),
        ('{"user": "007"}\n{"user": "8"}\n', ["007", "8"]),
        ("\ufeffann\nbob\n", ["ann", "bob"]),
        ('"ann ""a"", b"\n"bob" "ann"\n"', ['ann "a", b', '"bob" "ann"', '"']),
    ],
)
def test_users_are_read_from_a_file(content: str, ids: list[str]) -> None:
    path = Path("ids.txt")
    path.write_text(content, encoding="utf-8")
    assert read_users(PLUGINS, path, "who") == ids


def test_users_are_read_from_parquet() -> None:
    pd.DataFrame({"age": [1, 2], "user_id": [7, 9]}).to_parquet("ids.parquet")
    assert read_users(PLUGINS, Path("ids.parquet"), "") == ["7", "9"]
    pd.DataFrame({"age": [1, 2], "city": [7, 9]}).to_parquet("ids.parquet")
    with pytest.raises(UsageError, match=r"call it user. Its columns are: age, city"):
        read_users(PLUGINS, Path("ids.parquet"), "")


def test_files_that_cannot_be_read_are_errors() -> None:
    with pytest.raises(UsageError, match=r"--users-file gone\.txt: No such file"):
        read_users(PLUGINS, Path("gone.txt"), "")
    Path("latin.txt").write_bytes("Jörg\nAnn\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin.txt is not in UTF-8; convert it"):
        read_users(PLUGINS, Path("latin.txt"), "")
    Path("half.parquet").write_bytes(b"PAR1half")
    with pytest.raises(UsageError, match=r"--users-file half\.parquet"):
        read_users(PLUGINS, Path("half.parquet"), "")
