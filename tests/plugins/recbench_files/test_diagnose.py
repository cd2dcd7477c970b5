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
        (GOOD + "1,2,3,4\n1,2,3,nan\n", 3, "rating 'nan'"),
        (GOOD + "1,2,3,4\n1,2,3,inf\n", 3, "rating 'inf'"),
        (GOOD + "1,2,3,4\n1,2,3,1e99\n", 3, "not a finite number"),
        (GOOD + "1,2,3.5,4\n1,2,inf,4\n", 3, "time 'inf'"),
        (GOOD + '"1\n1",2,3,4\n"2\n\n2",2,3,4\n1,2,x,4\n', 7, "time 'x'"),
        (GOOD + '1,2,3,4\n"1,2,3,4\n1,2,3,4\n', 3, "never closed"),
        (GOOD + '1,2,3,4\n"1,2,3,4\n1,"2",3,4\n', 3, "never closed"),
        ('user,item,title\n1,2,x\n1,"a",b" c\n1,2,"x" y\n1,"2","x" y\n', 5, "item '\"2\"' is in"),
        ('user,item,title\n1,2,"a\nb"\n1,2,"x\n1,2,x\n', 4, "never closed"),
        ('user,item,title\n1,2,"a\nb"\n1,2,"x\n1,2,"x"\n', 4, "closes it (line 5)"),
        ('user,item,title\n1,2,"a\nb"\n1,2\n', 4, "2 fields, but the header has 3"),
        ('user,"item\n1,2\n', 1, "never closed"),
        ("user,item\n1,2\n# until here\n3,4\n", 3, "looks like a comment. Remove"),
        ("user,item\n1,2\n# 5,6\n3,4\n", 3, "looks like a comment, but has as many fields"),
        ("# top\n\nuser,item\n1,2\n1\n3,4\n", 5, "1 field, but the header has 2"),
        ("user,item,time\n1,2,3\nuser,item,time\n\n1,2,x\n", 5, "time 'x'"),
        ('user,item,title,time\n1,2,"a,3\n1,b,c,x\n', 3, "time 'x'"),
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
        ("1::2::3::900000000\n1::2::3\n1::2::3::900000000\n", 2, "3 fields"),
        ("1::2::3::900000000\n1::2::x::900000000\n", 2, "rating 'x'"),
        ("1\t2\t3\t4\n1\t2\t3\tx\n", 2, "time 'x'"),
        ("1\t2\t3\t4\n1\t2\t3\n" + "1\t2\t3\t4\n" * 60000, 2, "3 fields"),
        ("1 2\n" * 70000 + "1\n", 70001, "1 field, but a line with a user and an item has 2"),
        ("1 2 3\n2 5\n\n1 4\n", 4, "already has a line above"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-01\n", 3, "3 fields"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-02,x\n", 3, "rating 'x'"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-02-30,4\n", 3, "is not a time"),
        (GOOD + "1,2,2011-12-01,4\n,2,x,4\n1,2,2011/13/01,4\n", 4, "is not a time"),
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
        ("u.data", "1\t10\t5\t900000000\n1\t11\t4\n2\t10\t3\t900000000\n", "line 2: "),
        ("ratings.dat", "1::10::5::900000000\n1::11::4\n", "line 2: 3 fields"),
        ("ratings.dat", "1::10::5::900000000\n1::11::x::900000000\n", "line 2: rating 'x'"),
    ],
)
def test_the_error_names_the_broken_line(
    tmp_path: pathlib.Path, name: str, text: str, line: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(recbench.RecbenchError, match=line):
        read_file(str(path))


def test_sequences_of_broken_text_name_the_line(fails):
    long = "".join(f"{n} 1 2 {'3' * (n % 2)}\n" for n in range(60000))
    assert "line 60001: user '5' already has a line above" in fails(long + "5 1\n")
    assert r"line 60001: user b'caf\xe9' is not UTF-8" in fails(long.encode() + b"caf\xe9 1\n")
    alone = fails("# users\n1\n2\n", format="sequences")
    assert "line 2: user '1' has no items, nor has any other" in alone


def test_a_wrong_value_is_found_below_skipped_lines_in_any_reading(fails):
    head, rows = "# made by hand\nuser,item,title,time\n", "1,2,{},2011-12-01\n"
    wrong = "1,3,x,yesterday\n"
    for title, line in (("x", 5), ('"x\n\ny"', 7), ('"x', 5), ('a "b"', 5)):
        again = "user,item,title,time\n"
        message = fails(head + rows.format(title) + again + wrong)
        assert f"log.csv line {line}: time '" in message


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_those_of_the_text_in_a_compressed_file(fails, pack):
    text = b"\xef\xbb\xbf// top\r\nuser,item,time\r\n\r\n1,2,3\r\n1,2\r\n1,2,3\r\n"
    assert "log.csv line 5: 2 fields" in fails(pack(text))


def test_empty_files_are_errors(fails):
    assert fails("") == "log.csv is empty; check that it was written completely"
    assert "is empty" in fails("\n \n")
    assert "a header but no rows" in fails("user,item\n")
    assert "a header but no rows" in fails("user:token\titem:token\n\n")
    assert "no row has" in fails("user,item\n1,\n")


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
