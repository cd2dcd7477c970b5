"""The preview of a log: its columns, what they are read as, and their first values."""

import pandas as pd
import pytest

import recbench
from recbench_files import preview


def test_each_column_is_shown_with_its_role_and_first_values(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("who,item,day,clock,kind\n1,7,2020-01-01,8:00,buy\n,8,2020-01-02,9:00,view\n")
    shown = preview(path=str(path), user="who", time="day+clock", where="kind=buy")
    (heading, rows), *rest = shown.items()
    assert (heading, rest) == ("Columns of log.csv", [])
    assert [tuple(row.values()) for row in rows] == [
        ("who", "user", "'1', ''"),
        ("item", "item", "'7', '8'"),
        ("day", "time", "'2020-01-01', '2020-01-02'"),
        ("clock", "time of day", "'8:00', '9:00'"),
        ("kind", "filter", "'buy', 'view'"),
    ]


def test_columns_are_shown_even_if_they_cannot_be_chosen(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("who,what\n1,7\n")
    rows = preview(path=str(path))["Columns of log.csv"]
    assert [row["read as"] for row in rows] == ["", ""]
    with pytest.raises(recbench.UsageError, match="there is no file"):
        preview(path=str(tmp_path / "other.csv"))


def test_formats_without_column_names(tmp_path):
    path = tmp_path / "u.data"
    path.write_text("196\t242\t3\t881250949\n")
    rows = preview(path=str(path))["Columns of u.data"]
    assert [row["read as"] for row in rows] == ["user", "item", "time", "rating"] or [
        row["column"] for row in rows
    ] == ["user", "item", "rating", "time"]
    path.write_text("1 2\n1 3\n2 4\n")
    assert preview(path=str(path)) == {}


def test_of_several_files_the_first_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("user,item\n1,7\n")
    assert list(preview(path=str(tmp_path))) == [f"Columns of {tmp_path.name}/a.csv"]


def test_features_and_conditions_on_tables_are_shown(tmp_path):
    (tmp_path / "log.csv").write_text("user,item,price\n1,2,3\n")
    items = pd.DataFrame({"item": [2], "brand": ["x"]})
    shown = preview(
        path=str(tmp_path / "log.csv"), features="price", item_table=items, where="brand=x&price>1"
    )
    assert [row["read as"] for row in shown["Columns of log.csv"]] == [
        "user",
        "item",
        "filter, feature",
    ]
