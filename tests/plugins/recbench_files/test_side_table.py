"""Tables of users and items: titles, features, and conditions on them, joined by the ids."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import recbench
from recbench_files import read_file

LOG = "user,StockCode,time\n1,10,5\n1,11,6\n2,12,7\n"
TABLE_OF_ITEMS = (
    "item_table was read as a table of items, with item=sku,title=title and the features "
    "title, tags"
)
SHOP = {"customer": ["ann", "ann", "eve"], "sku": ["007", "x", "7"]}


@pytest.fixture
def join(tmp_path):
    """Return a function that writes a log and a table of items, and reads both."""

    def write_and_read(table, log=LOG, name="products.csv", **options):
        (tmp_path / "log.csv").write_text(log)
        (tmp_path / name).write_text(table)
        return read_file(str(tmp_path / "log.csv"), item_table=str(tmp_path / name), **options)

    return write_and_read


@pytest.mark.parametrize(
    ("table", "options"),
    [
        ("StockCode,Description\n10,CUP\n12,LAMP\n99,CHAIR\n", {}),
        ("id;name;price\n12;LAMP;3\n10;CUP;2\n10;MUG;2\n", {}),
        ("price\titem_id\ttitle\n3\t 10\tCUP\n3\t12.0\tLAMP \n", {}),
        ("asin,what\n10,CUP\n12,LAMP\n11,NA\n", {"title": "what"}),
    ],
)
def test_titles_are_joined_by_the_ids(join, table, options):
    dataset = join(table, **options)
    assert [dataset.title(item) for item in range(3)] == ["CUP", "", "LAMP"]
    assert "1 of 3 items have no title in products.csv" in dataset.notes
    assert dataset.notes[-1].startswith("products.csv was read as a table of items, with item=")
    assert dataset.name == "log.csv"


def test_ids_that_are_text_are_joined_as_text(join):
    dataset = join("item,title\n10,A\nx1,B\n", log="user,item\n1,10\n1,10.0x\n1,x1\n")
    assert [dataset.title(dataset.item(item)) for item in ("10", "x1", "10.0x")] == ["A", "B", ""]


def test_titles_that_are_numbers_stay_as_they_are_written(join):
    dataset = join("StockCode,title\n10,1984\n12,007\n")
    assert dataset.titles.tolist() == ["1984", "", "007"]


def test_all_other_columns_are_features(join):
    dataset = join(
        "StockCode,price,size,colour,code,tags\n"
        '10,2.5,3,red,07,"[""a"", ""b""]"\n'
        "12,,4,NA,8,[]\n"
        "11,1,5,blue,9,\n"
    )
    found = dataset.item_features
    assert list(found) == ["price", "size", "colour", "code", "tags"]
    np.testing.assert_array_equal(found["price"], [2.5, 1, np.nan])
    assert (found["size"].tolist(), found["size"].dtype) == ([3, 5, 4], np.int64)
    assert found["colour"].tolist() == ["red", "blue", ""]
    assert found["code"].tolist() == ["07", "9", "8"]
    assert found["tags"].tolist() == ["a|b", "", ""]
    assert dataset.titles is None
    assert dataset.interactions.item_features["size"].tolist() == [3, 5, 4]


def test_lists_in_json_are_joined(join):
    records = [
        {"StockCode": 10, "tags": ["a", "b"], "maker": {"name": "X"}, "deep": [["a"], ["b", None]]},
        {"StockCode": 12, "tags": [], "n": 2},
        {"StockCode": 11, "tags": None, "n": 1, "maker": {"name": None}},
    ]
    found = join("\n".join(map(json.dumps, records)), name="products.jsonl").item_features
    assert {name: values.tolist() for name, values in found.items() if name != "n"} == {
        "tags": ["a|b", "", ""],
        "maker.name": ["X", "", ""],
        "deep": ["a|b", "", ""],
    }
    assert str(found["n"].tolist()) == "[nan, 1.0, 2.0]"
    with pytest.raises(recbench.RecbenchError, match=r"line 1: the key 'tags' occurs more than"):
        join('{"StockCode": 10, "tags": 1, "tags": 2}', name="products.jsonl")


def test_tables_of_users_and_items_in_python():
    users = pd.DataFrame({"age": [30, 40]}, index=pd.Index(["ann", "bob"], name="customer"))
    items = pd.DataFrame(
        {
            "sku": ["7", "x", "x", "q", None],
            "title": ["Seven", "X", "Y", "Q", "N"],
            "tags": [["a", "b"], ["c"], None, None, None],
        }
    )
    dataset = recbench.load_dataset(pd.DataFrame(SHOP), user_table=users, item_table=items)
    assert dataset.item_ids.tolist() == ["007", "7", "x"]
    assert dataset.titles.tolist() == ["", "Seven", "X"]
    assert dataset.item_features["tags"].tolist() == ["", "a|b", "c"]
    assert dataset.item_features["title"].tolist() == ["", "Seven", "X"]
    assert str(dataset.user_features["age"].tolist()) == "[30.0, nan]"
    assert dataset.notes[:3] == (
        "1 of 2 users have no row in user_table",
        "1 of 3 items have no row in item_table",
        "1 of 3 items have no title in item_table",
    )
    assert dataset.notes[-6:] == (
        "1 item of item_table is not in the log and was left out",
        "1 row of item_table with the sku of an earlier row was left out",
        "1 row of item_table without a sku was left out",
        TABLE_OF_ITEMS,
        "1 user of user_table is not in the log and was left out",
        "user_table was read as a table of users, with user=customer and the feature age",
    )


def test_conditions_may_use_the_tables(tmp_path):
    (tmp_path / "log.csv").write_text(pd.DataFrame(SHOP).to_csv(index=False))
    (tmp_path / "users.csv").write_text("customer,Land,age\nann,DE,30\neve,FR,\n")
    (tmp_path / "items.csv").write_text("sku,price\n007,1\nx,3\n")
    text = f"{tmp_path}/log.csv:user_table={tmp_path}/users.csv,item_table={tmp_path}/items.csv"
    dataset = recbench.load_dataset(f"{text},where=land=DE")
    assert dataset.user_ids.tolist() == ["ann"]
    assert dataset.user_features["Land"].tolist() == ["DE"]
    assert dataset.name == "log.csv:where=Land=DE"
    assert dataset.notes[0] == "1 of 3 rows does not meet land=DE and was dropped"
    assert recbench.load_dataset(f"{text},where=price>=2&sku!=7").item_ids.tolist() == ["x"]
    assert recbench.load_dataset(f"{text},where=price=&age=").item_ids.tolist() == [7]
    with pytest.raises(recbench.RecbenchError, match=r"users\.csv: where=Land>3: 'DE'"):
        recbench.load_dataset(f"{text},where=Land>3")
    with pytest.raises(recbench.UsageError, match=r"where=lnd: log\.csv has no such column"):
        recbench.load_dataset(f"{text},where=lnd=DE")
    with pytest.raises(recbench.RecbenchError, match="no row meets price>9"):
        recbench.load_dataset(f"{text},where=price>9")


def test_wrong_tables_are_errors(join, tmp_path):
    with pytest.raises(recbench.RecbenchError, match=r"products\.csv: no id in its column item"):
        join("item,title\nx,A\ny,B\n")
    with pytest.raises(
        recbench.UsageError,
        match=r"products\.csv: no column has a usual name for the item. Rename it to `item`",
    ):
        join("colour,size\nred,1\n")
    with pytest.raises(recbench.UsageError, match=r"title=nme: products\.csv has no such column"):
        join("item,name\n10,A\n", title="nme")
    with pytest.raises(recbench.UsageError, match="several columns are called 'a'; rename all"):
        join("item,a,a\n10,1,2\n")
    (tmp_path / "log.csv").write_text(LOG)
    table = pd.DataFrame({"user": [8, 9], "age": [1, 2]})
    with pytest.raises(
        recbench.RecbenchError,
        match=r"user_table: no id in its column user is a user of the log\. Its ids look like '8'",
    ):
        read_file(str(tmp_path / "log.csv"), user_table=table)


def test_a_missing_table_is_an_error(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    with pytest.raises(recbench.UsageError, match=r"item_table=no\.csv: there is no file"):
        read_file(str(tmp_path / "log.csv"), item_table="no.csv")


def test_the_table_may_be_in_an_archive(tmp_path):
    (tmp_path / "log.csv").write_text(LOG)
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.writestr("shop/products.csv", "item,title\n10,CUP\n")
        archive.writestr("shop/other.csv", "a,b\n")
    dataset = read_file(
        str(tmp_path / "log.csv"), item_table=str(tmp_path / "shop.zip/products.csv")
    )
    assert dataset.titles.tolist() == ["CUP", "", ""]
    with pytest.raises(recbench.UsageError, match="has several files; name one of them"):
        read_file(str(tmp_path / "log.csv"), item_table=str(tmp_path / "shop.zip"))


@pytest.mark.parametrize(
    "table", ["10,CUP\n11,LAMP\n", "10|A cup|01-Jan-1995||x|0\n", "10::Cup::x"]
)
def test_a_table_without_a_header_is_refused(join, table):
    with pytest.raises(
        recbench.UsageError, match=r"^products\.csv has no header\. Add a first line"
    ):
        join(table)


def test_a_table_without_rows_is_refused(join):
    with pytest.raises(recbench.RecbenchError, match=r"^products\.csv has no rows"):
        join("item,title\n")


@pytest.mark.parametrize(("column", "options"), [("item", {}), ("tags", {"title": "tags"})])
def test_ids_and_titles_that_are_lists_are_refused(column, options):
    log = pd.DataFrame({"user": [1, 2], "item": ["a", "b"]})
    table = pd.DataFrame({"item": ["a", "b"], "tags": ["x", "y"]})
    table[column] = [["a"], ["b"]]
    match = rf"^item_table: the column '{column}' contains lists .*; write one value per row$"
    with pytest.raises(recbench.UsageError, match=match):
        read_file(log, item_table=table, **options)


def test_a_table_may_have_ids_only():
    log = pd.DataFrame({"user": [1, 2], "item": ["a", "b"]})
    dataset = read_file(log, item_table=log[["item"]])
    assert dataset.notes[-1].endswith("with item=item and no features")


def test_a_list_of_records_is_refused_with_the_remedy(join):
    with pytest.raises(recbench.UsageError, match=r"products\.json is a list of records\. Write"):
        join('[{"item": 10, "title": "CUP"}, {"item": 11}]', name="products.json")
