"""Titles from a table of items."""

import zipfile

import pytest

import recbench
from recbench_files import read_file

LOG = "user,StockCode,time\n1,10,5\n1,11,6\n2,12,7\n"


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
    assert any("Titles were read from products.csv, with item=" in note for note in dataset.notes)
    assert dataset.name == "log.csv"


def test_ids_that_are_text_are_joined_as_text(join):
    dataset = join("item,title\n10,A\nx1,B\n", log="user,item\n1,10\n1,10.0x\n1,x1\n")
    assert [dataset.title(dataset.item(item)) for item in ("10", "x1", "10.0x")] == ["A", "B", ""]


def test_wrong_tables_are_errors(join):
    with pytest.raises(recbench.RecbenchError, match=r"products\.csv: no id in its column item"):
        join("item,title\nx,A\ny,B\n")
    with pytest.raises(recbench.UsageError, match=r"products\.csv: no column has a usual name for"):
        join("item,colour\n10,red\n")
    with pytest.raises(recbench.UsageError, match=r"title=nme: products\.csv has no such column"):
        join("item,name\n10,A\n", title="nme")


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
