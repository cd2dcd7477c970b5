"""Tables with named columns, as read for `--recs`: exact values and their line numbers."""

import bz2
import gzip

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
    text = "score,item,who,item\n1,a,7,b\n2.5,c,,d\n".replace(",", separator)
    table = open_table("recs.csv", text.encode())
    assert table.names == ("score", "item", "who", "item")
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
        (b"user,item", "recs has a header but no rows"),
        (b"user,item\na,1\nb\n", "recs line 3: 1 field, but the header has 2: 'b'"),
        (b'user,item\na,1\n"b,2\n', "recs line 3: a quote is opened but never closed"),
        (b"user,item\n\na,\xff\n", "recs line 3: item .* is not UTF-8"),
        (b"\x1f\x8b and no more", "recs: the gzip data is truncated or damaged"),
        (b"PAR1 and no more", "recs is damaged or not a Parquet file"),
        (b"PK\x03\x04", "recs is a zip archive"),
    ],
)
def test_broken_tables_are_errors(content, message):
    with pytest.raises(recbench.RecbenchError, match=f"^{message}"):
        open_table("recs", content).read(["user", "item"], [])


@pytest.mark.parametrize("content", [b"user,score\n", b"user,score\n\n", b'"user",score\n'])
def test_a_table_may_have_no_rows(content):
    table = open_table("recs", content)
    read = table.read(["user"], ["score"])
    assert ids(read["user"]) == []
    assert read["score"].shape == (0,)
