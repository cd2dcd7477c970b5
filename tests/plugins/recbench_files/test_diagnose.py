"""Broken text: one error that names the line and says what is wrong with it."""

import gzip
import pathlib

import pytest

import recbench
from recbench_files import read_file

GOOD = "user,item,time,rating\n"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (GOOD + "1,2,3,4\n1,2\n1,2,3,4\n", 3, "2 fields, but the header has 4"),
        (GOOD + "1,2,3,4\n\n1,2,3,4,5\n1,2,3,4\n", 4, "5 fields"),
        (GOOD + "1,2,3,4\n1,2", 3, "may be truncated"),
        (GOOD + "1,2,3,4\r\n1,2,then,4\r\n", 3, "time 'then' is not a number"),
        (GOOD + "1,2,3,4\n1,2,3,good\n", 3, "rating 'good' is not a number"),
        (GOOD + "1,2,3,4\n1,2,3,\n", 3, "is missing"),
        (GOOD + "1,2,3,4\n1,2,,4\n", 3, "is missing"),
        (GOOD + "1,2,3,4\n,2,3,4\n1,2,,4\n", 4, "is missing"),
        (GOOD + "1,2,3,4\n1,2,3,nan\n", 3, "rating 'nan'"),
        (GOOD + "1,2,3,4\n1,2,3,inf\n", 3, "rating 'inf'"),
        (GOOD + "1,2,3,4\n1,2,3,1e99\n", 3, "not a finite number"),
        (GOOD + "1,2,3.5,4\n1,2,inf,4\n", 3, "time 'inf'"),
        (GOOD + '"1\n1",2,3,4\n"2\n\n2",2,3,4\n1,2,x,4\n', 7, "time 'x'"),
        (GOOD + '1,2,3,4\n"1,2,3,4\n1,2,3,4\n', 3, "never closed"),
        (GOOD + '1,2,3,4\n"1,2,3,4\n1,"2",3,4\n', 3, "3 fields"),
        ('user,item,title\n1,2,x\n1,2,"x\n1,2,x\n1,2,x\n', 3, "never closed"),
        ('user,item\n1,2\n3,"4\n', 3, "never closed"),
        ('user,item\n1,2\n3,"4', 3, "never closed"),
        (GOOD + "1,2,12/1/2010 8:26,4\n", 2, "day or the month first"),
        (GOOD + "1,2,2011-12-01,4\n1,2,12/1/2010 8:26,4\n", 3, "day or the month first"),
        (GOOD + "1,2,2011-12-01,4\n1,2,yesterday,4\n", 3, "is not a time"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-01T00:00:00Z,4\n", 3, "time zone"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-13-01,4\n", 3, "is not a time"),
        (GOOD + "1,2,1300000000000,4\n1,2,1300000000,4\n", 3, "which are milliseconds"),
        (GOOD + "1,2,20111201,4\n1,2,20111202,4\n", 2, "date in digits"),
        (GOOD + "1,2,1e30,4\n", 2, "too large"),
        (GOOD + "1,2,3,4\n1,a\0b,3,4\n", 3, "NUL"),
        (b"user,item\n1,2\n1,caf\xe9\n", 3, "latin1"),
        ("1::2::3::4\n1::2::3\n1::2::3::4\n", 2, "3 fields"),
        ("1::2::3::4\n1::2:9::3::4\n", 2, "colon"),
        ("1::2::3::4\n1::2::x::4\n", 2, "rating 'x'"),
        ("1\t2\t3\t4\n1\t2\t3\tx\n", 2, "time 'x'"),
        ("1\t2\t3\t4\n1\t2\t3\n" + "1\t2\t3\t4\n" * 60000, 2, "3 fields"),
        ("1 2\n" * 70000 + "1\n", 70001, "1 field, but a line with a user and an item has 2"),
        ("1 2 3\n2 5\n\n1 4\n", 4, "already has a line above"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-01\n", 3, "3 fields"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-02,x\n", 3, "rating 'x'"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-02-30,4\n", 3, "is not a time"),
        (GOOD + "1,2,2011-12-01,4\n,2,x,4\n1,2,2011/12/01,4\n", 4, "is not a time"),
        (GOOD + ",2,,4\n1,2,3,4\n1,2,1_0,4\n", 4, "time '1_0' is not a number"),
        ("user:token\titem:token\n1\t2\n1\n", 3, "1 field"),
    ],
)
def test_broken_text_names_the_line(fails, text, line, part):
    options = {"format": "udata"} if isinstance(text, str) and "\t2\t" in text else {}
    message = fails(text, **options)
    assert f"log.csv line {line}: " in message
    assert part in message


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("pairs.txt", "1 10\n1 11\n2 10 3\n2 11\n", "line 3: "),
        ("pairs.txt", "1 10\n1\n2 10\n", "line 2: "),
        ("u.data", "1\t10\t5\t100\n1\t11\t4\n2\t10\t3\t100\n", "line 2: "),
        ("ratings.dat", "1::10::5::100\n1::11::4::\n", "line 2: time ''"),
        ("ratings.dat", "1::10::5::100\n1::11::x::9\n", "line 2: rating 'x'"),
    ],
)
def test_the_error_names_the_broken_line(
    tmp_path: pathlib.Path, name: str, text: str, line: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(recbench.RecbenchError, match=line):
        read_file(str(path))


def test_sequences_without_items_or_in_latin_1_are_errors(fails):
    long = "".join(f"{n} 1 2 {'3' * (n % 2)}\n" for n in range(60000))
    assert "line 60001: user 'x' has no items" in fails(long + "x\n")
    assert "line 60001: " in fails(long.encode() + b"caf\xe9 1\n")


def test_empty_files_are_errors(fails):
    assert fails("") == "log.csv is empty; check that it was written completely"
    assert "is empty" in fails("\n \n")
    assert "a header but no rows" in fails("user,item\n")
    assert "a header but no rows" in fails("user:token\titem:token\n\n")
    assert "no row has both a user (column user) and an item (column item)" in fails(
        "user,item\n1,\n"
    )


def test_a_quote_that_is_never_closed_is_an_error(fails):
    message = fails(GOOD + "1,2,3,4\n" * 10 + '"1,2,3,4\n' + "1,2,3,4\n" * 30000)
    assert "line 12:" in message
    assert "never closed" in message


def test_truncated_gzip_data_is_an_error(fails):
    text = "user,item\n" + "".join(f"{n * 7919 % 1009},{n * 31 % 997}\n" for n in range(200000))
    packed = gzip.compress(text.encode())
    message = fails(packed[: len(packed) // 2])
    assert "is truncated or damaged" in message
    assert "damaged" in fails(packed[:12])
