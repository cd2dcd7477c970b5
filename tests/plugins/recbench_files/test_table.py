"""Tables with named columns, as read for `--recs`: exact values and their line numbers."""

import bz2
import gzip
import io
import re
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import recbench
from recbench_files import open_table


def packed_as_parquet(columns):
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def ids(column):
    codes, texts = column
    return [texts[code] if code >= 0 else None for code in codes]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|", " "])
def test_columns_are_read_by_name(separator):
    text = "score,item,who,x,x\n1,a,7,b,b\n2.5,c,,d,d\n".replace(",", separator)
    table = open_table("recs.csv", text.encode())
    assert table.names == ("score", "item", "who", "x", "x")
    columns = table.read(["who"], ["score"])
    assert ids(columns["who"]) == ["7", None]
    assert columns["score"].tolist() == [1, 2.5]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes, pa.compress])
def test_line_numbers_are_those_of_an_editor_with_any_compression(pack):
    text = b'\n"user","item","x"\n\n"a\n""b""",1,2\n\n"c",3,4\n'
    content = pa.compress(text, "zstd", asbytes=True) if pack is pa.compress else pack(text)
    table = open_table("there/recs", content)
    assert ids(table.read(["user"], [])["user"]) == ['a\n"b"', "c"]
    assert table.locate("user", 0) == ("there/recs line 4", 'a\n"b"')
    assert table.locate("x", 1) == ("there/recs line 7", "4")


def test_line_numbers_without_quotes():
    table = open_table("recs", b"\r\nuser,item\r\n\r\na,1\r\n\r\nb,2")
    assert ids(table.read(["item"], [])["item"]) == ["1", "2"]
    assert table.locate("user", 1) == ("recs line 6", "b")


def test_parquet_rows_are_located_by_number():
    columns = {"user": pa.array([7.0, None]), "item": [b"a", b"b"], "score": [1, 2]}
    table = open_table("recs", packed_as_parquet(columns))
    read = table.read(["user", "item"], ["score"])
    assert ids(read["user"]) == ["7", None]
    assert ids(read["item"]) == ["a", "b"]
    assert read["score"].tolist() == [1, 2]
    assert read["score"].dtype == np.float64
    assert table.locate("item", 1) == ("recs row 2", "b")


def test_numbers_are_read_as_the_nearest_64_bit_floats():
    random = np.random.default_rng(1)
    numbers = random.standard_normal(1000) * 10.0 ** random.integers(-300, 300, 1000)
    lines = "".join(f"{number!r}\n" for number in numbers.tolist())
    for text in (lines, lines + "none\n"):  # a column with a word is parsed differently
        table = open_table("recs", f"score,item\n{text.replace(chr(10), f',a{chr(10)}')}".encode())
        read = table.read(["item"], ["score"])["score"]
        assert (read[:1000] == numbers).all()
        assert np.isnan(read[1000:]).all()


def test_text_that_is_not_a_number_is_nan():
    texts = ["1", "", "x", "nan", "1_0", "1e999", " 2 ", "-3e0"]
    content = "item,score\n" + "".join(f"a,{text}\n" for text in texts)
    table = open_table("recs", content.encode())
    expected = [1, np.nan, np.nan, np.nan, np.nan, np.nan, 2, -3]
    np.testing.assert_array_equal(table.read(["item"], ["score"])["score"], expected)
    assert table.locate("score", 2) == ("recs line 4", "x")
    whole = [2**53 + 1, None, -(2**60)]
    columns = {"item": ["a", "b", "c"], "score": pa.array(whole, pa.int64())}
    table = open_table("recs", packed_as_parquet(columns))
    expected = [2.0**53, np.nan, -(2.0**60)]
    np.testing.assert_array_equal(table.read(["item"], ["score"])["score"], expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n\n", "recs is empty"),
        (b"user,item\na,1\nb\n", "recs line 3: 1 field, but the header has 2: 'b'"),
        (b'user,item\na,1\n"b,2\n', "recs line 3: user '\"b' has a quote that is never closed"),
        (b"user,item\n\na,\xff\n", "recs line 3: item .* is not UTF-8"),
        (b"\x1f\x8b and no more", "recs: the gzip data is truncated or damaged"),
        (b"PAR1 and no more", "recs is damaged or not a Parquet file"),
        (b"PK\x03\x04", "recs is a damaged or encrypted zip archive"),
    ],
)
def test_broken_tables_are_errors(content, message):
    with pytest.raises(recbench.RecbenchError, match=f"^{message}"):
        open_table("recs", content).read(["user", "item"], [])


@pytest.mark.parametrize(
    "content", [b"user,score\n", b"user,score", b"user,score\n\n", b'"user",score\n']
)
def test_a_table_may_have_no_rows(content):
    table = open_table("recs", content)
    read = table.read(["user"], ["score"])
    assert ids(read["user"]) == []
    assert read["score"].shape == (0,)


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("CustomerID,StockCode,rank", {"user": "CustomerID", "item": "StockCode"}),
        (" userId , Movie-ID,rank", {"user": "userId", "item": "Movie-ID"}),
        ("row,item,session", {"user": "session", "item": "item"}),
        ("row,asin,rank", {"item": "asin"}),
        ("user,session,item", {"user": "user", "item": "item"}),
        ("a,b,c", {}),
    ],
)
def test_columns_with_usual_names_are_found(header, roles):
    table = open_table("recs", f"{header}\nx,y,z\n".encode())
    assert table.header
    assert dict(table.roles) == roles


def test_several_columns_for_the_item_are_an_error_that_names_them():
    with pytest.raises(recbench.RecbenchError) as error:
        open_table("recs", b"user,item,rank,product_id\na,b,1,c\n")
    assert str(error.value) == (
        "recs: several columns could be the item: 'item', 'product_id'. Rename all but one"
    )


def test_json_and_inter_files_are_tables_too():
    table = open_table("recs", b'{"user": 1, "recs": [{"item": "a", "score": 0.5}, {"item": "b"}]}')
    assert dict(table.roles) == {"user": "user", "item": "recs.item"}
    read = table.read(["user", "recs.item"], ["recs.score"])
    assert ids(read["user"]) == ["1", "1"]
    assert ids(read["recs.item"]) == ["a", "b"]
    np.testing.assert_array_equal(read["recs.score"], [0.5, np.nan])
    assert table.locate("recs.item", 1) == ("recs line 1", "b")
    table = open_table("recs", b"user_id:token\titem_id:token\tscore:float\n1\t2\t0.5\n")
    assert table.names == ("user_id", "item_id", "score")


def test_a_json_list_of_records_is_a_table():
    records = b'[{"user": "007", "item": 3, "rank": 1},\n {"user": "b\\n", "item": 4}]'
    table = open_table("recs", records)
    read = table.read(["user", "item"], ["rank"])
    assert ids(read["user"]) == ["007", "b\n"]
    assert ids(read["item"]) == ["3", "4"]
    np.testing.assert_array_equal(read["rank"], [1, np.nan])
    assert open_table("recs", b"[1,2]\n").names == ("[1", "2]")


def test_words_for_missing_values_are_ids():
    table = open_table("recs", b"user,item\nNA,null\n,x\n")
    assert ids(table.read(["user", "item"], [])["user"]) == ["NA", None]


def test_how_marks_were_read_is_noted():
    table = open_table("recs", b'user,title,item\na,"b" c,d\n')
    assert ids(table.read(["user", "item"], [])["item"]) == ["d"]
    assert list(table.notes) == [
        "Quotation marks that do not enclose a field were read as text (line 2)"
    ]


def zipped(*names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "user,item\na,b\n")
    return packed.getvalue()


def test_the_only_file_of_a_zip_archive_is_read():
    content = zipped("recs/", "recs/a.csv", "__MACOSX/recs/._a.csv", ".hidden")
    table = open_table("recs.zip", content)
    assert ids(table.read(["item"], [])["item"]) == ["b"]
    for names, problem in (
        (("a.csv", "b.csv"), "recs.zip has 2 files in it; pack one file"),
        ((".hidden",), "recs.zip has 0 files in it"),
        (("[Content_Types].xml", "sheet.xml"), "recs.zip is a spreadsheet; save it as CSV"),
    ):
        with pytest.raises(recbench.RecbenchError, match=re.escape(problem)):
            open_table("recs.zip", zipped(*names))
