"""Formats of logs: detected by their content, or an error that says what to add."""

import gzip

import numpy as np
import pytest

import recbench
from recbench_files import read_file


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_a_table_with_a_header(read, delimiter, sequences):
    text = "userId,movieId,rating,timestamp\n2,9,4.5,20\n1,9,3,30\n2,8,1,10\n"
    dataset = read(text.replace(",", delimiter), "any.log")
    assert sequences(dataset) == {1: [9], 2: [8, 9]}
    assert dataset.user_ids.dtype == dataset.item_ids.dtype == np.int64
    assert dataset.interactions.times.tolist() == [30, 10, 20]
    assert dataset.interactions.ratings.tolist() == [3, 1, 4.5]
    assert dataset.name == dataset.source == "any.log"
    assert len(dataset.sha256) == 64
    assert "user=userId, item=movieId, time=timestamp, rating=rating" in dataset.notes[-1]


def test_a_table_separated_by_spaces(read, sequences):
    assert sequences(read("user item time\n1 7 2\n1 8 1\n")) == {1: [8, 7]}


def test_u_data(read, sequences):
    dataset = read("196\t242\t3\t881250949\n196\t12\t1\t881250000\n", "u.data")
    assert sequences(dataset) == {196: [12, 242]}
    assert dataset.interactions.ratings.tolist() == [1, 3]


def test_ratings_dat(read, sequences):
    dataset = read("1::1193::5::978300760\n1::661::3.5::978300000\n", "ratings.dat")
    assert sequences(dataset) == {1: [661, 1193]}
    assert dataset.interactions.ratings.tolist() == [3.5, 5]


def test_recbole_inter(read, sequences):
    text = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\ta\t3\t881250949.5\n"
    dataset = read(text, "x.inter")
    assert sequences(dataset) == {7: ["a"]}
    assert dataset.interactions.times.tolist() == [881250949500]
    assert dataset.interactions.time_unit == "ms"
    assert sequences(read(text, "x.inter", user="user_id", rating="")) == {7: ["a"]}


@pytest.mark.parametrize("gap", [" ", "\t"])
def test_pairs_in_order_of_time(read, gap, sequences):
    dataset = read(f"1{gap}9\n2{gap}9\n1{gap}3\n", "pairs.txt")
    assert sequences(dataset) == {1: [9, 3], 2: [9]}
    assert dataset.interactions.times is None
    assert dataset.interactions.ratings is None


def test_sequences_oldest_first(read, sequences):
    dataset = read("2 9 3 9\n1  4 \n\n10 9  4\n", "sequences.txt")
    assert sequences(dataset) == {1: [4], 2: [9, 3, 9], 10: [9, 4]}


def test_the_option_format_decides_if_lines_are_ambiguous(read, fails, sequences):
    assert "format=sequences" in fails("1 5 6\n2 7 8\n", kind=recbench.UsageError)
    assert sequences(read("1 5 6\n2 7 8\n", format="sequences")) == {1: [5, 6], 2: [7, 8]}
    assert "format=" in fails("1 2 3 4\n2 3 4 5\n", kind=recbench.UsageError)
    assert "format=pairs" in fails("ann b\nann a\n", kind=recbench.UsageError)
    assert sequences(read("ann\tb\nann\ta\n", format="pairs")) == {"ann": ["b", "a"]}


def test_parquet_is_detected_by_its_content(read_table, tmp_path, sequences):
    assert sequences(read_table({"user": [1, 1], "item": [5, 4], "ts": [2, 1]})) == {1: [4, 5]}
    (tmp_path / "log.parquet").rename(tmp_path / "odd.bin")
    assert sequences(read_file(str(tmp_path / "odd.bin"))) == {1: [4, 5]}


def test_a_missing_header_is_an_error(fails):
    message = fails("1,1193,5,978300760\n1,661,3,978302109\n", kind=recbench.UsageError)
    assert "log.csv has no header: line 1 is '1,1193,5,978300760'" in message
    assert "Name its 4 columns with header=, such as log.csv:header=user,item,..." in message
    repeated = fails("ann;milk;x\nann;bread;y\n", kind=recbench.UsageError)
    assert "log.csv has no header: line 1 is 'ann;milk;x'" in repeated
    dated = fails("2020-01-01\tann\tmilk\n2020-01-02\tbob\tbread\n", kind=recbench.UsageError)
    assert "log.csv has no header" in dated


def test_a_table_with_two_colons_and_a_header(read, sequences):
    text = "UserID::MovieID::Title::Timestamp\n1::9::Alien: 3::30\n1::8::Heat::20\n"
    assert sequences(read(text, "ratings.dat")) == {1: [8, 9]}


def test_a_separator_at_the_end_of_lines_is_read(read, fails, sequences):
    for text in ("user,item,\n1,5,\n1,4,\n", "user,item\n1,5,\n1,4,\n", "user,item,\n1,5\n1,4\n"):
        assert sequences(read(text)) == {1: [5, 4]}
    message = fails('"user","item"\n"1",10,20\n"2",11,21\n')
    assert "the header has 2 fields, but the rows have 3, as in '\"1\",10,20'" in message
    assert "R, for example, leaves out the name of the first" in message


@pytest.mark.parametrize(
    "top",
    ["# made by hand\n# 7 rows\n", "// from the shop\n\n", "% dump\n", "sep=,\n", "\ufeff# x\n"],
)
def test_comments_above_the_header_are_skipped(read, sequences, top):
    dataset = read(top + "user,item\n1,5\n1,4\n")
    assert sequences(dataset) == {1: [5, 4]}
    assert any("at the top of the file" in note for note in dataset.notes)


@pytest.mark.parametrize("names", ["#user,item", "# user,item", "#,user,item", "%user,item,x"])
def test_a_commented_header_is_the_header(read, sequences, names):
    before, after = "0," * names.startswith("#,"), ",x" * names.endswith("x")
    rows = "".join(f"{before}{row}{after}\n" for row in ("1,5", "1,4"))
    assert sequences(read(f"# export\n{names}\n{rows}")) == {1: [5, 4]}


def test_a_comment_alone_is_no_header(read, fails, sequences):
    text = "# user and item of the shop\nuser item\n1 5\n1 4\n"
    assert sequences(read(text)) == {1: [5, 4]}
    assert "no other line was found" in fails("# nothing\n# here\n")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("user,item\n1,2\n".encode("utf-16"), "iconv -f UTF-16 -t utf-8"),
        ("user,item\n1,2\n".encode("utf-16-le"), "iconv -f UTF-16LE -t utf-8"),
        ("user,item\n1,2\n".encode("utf-16-be"), "iconv -f UTF-16BE -t utf-8"),
        ("user,item\n1,2\n".encode("utf-32"), "iconv -f UTF-32 -t utf-8"),
        ("user,item\n1,2\n".encode("utf-32-be"), "iconv -f UTF-32BE -t utf-8"),
        (gzip.compress("user,item\n1,2\n".encode("utf-16"), mtime=0), "iconv -f UTF-16 -t utf-8"),
    ],
)
def test_text_in_wide_characters_is_refused_with_the_command(fails, text, command):
    assert command in fails(text, kind=recbench.UsageError)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[{"user": 1}]', "jq -c '.[]' log.csv > lines.json"),
        ("<rows>", "XML or HTML"),
        (b"\xfd7zXZ\x00...", "compressed with xz"),
        (b"\x93NUMPY...", "NumPy"),
    ],
)
def test_other_kinds_of_files_are_refused_with_a_remedy(fails, text, part):
    assert part in fails(text, kind=recbench.UsageError)


def test_a_very_long_header(read, fails, sequences):
    assert sequences(read(f"user,item,{'x' * 140_000}\n1,5,2\n")) == {1: [5]}
    assert "first line is longer than 262,144 bytes" in fails(f"user,item,{'x' * 300_000}\n1,5,2\n")


@pytest.mark.parametrize("mark", ["#", "%", "//", ";", "--"])
def test_comments_at_the_top_are_skipped_and_others_refused(read, fails, sequences, mark):
    assert sequences(read(f"{mark} made by hand\nuser,item\n1,2\n1,3\n")) == {1: [2, 3]}
    assert "line 3: " in fails(f"user,item\n1,2\n{mark} 5,6\n3,4\n")
    message = fails(f"user,item,time\n1,2,3\n{mark} a,b,c\n3,4,5\n")
    assert message == f"log.csv line 3: '{mark} a,b,c' looks like a comment. Remove the line"


@pytest.mark.parametrize("top", [",,\n", ";;;\n\n", "|\n"])
def test_lines_of_separators_above_the_header_are_skipped(read, fails, sequences, top):
    dataset = read(f"{top}user,item\n1,2\n1,3\n")
    assert sequences(dataset) == {1: [2, 3]}
    assert not any("comment" in note for note in dataset.notes)
    assert "is empty" in fails(top)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it"),
        (b"Rar!\x1a\x07\x00", "is a RAR archive; unpack it"),
        (b"a.csv".ljust(257, b"\0") + b"ustar\0 \n", "is a tar archive; unpack it"),
        (
            gzip.compress(gzip.compress(b"user,item\n1,2\n", mtime=0), mtime=0),
            "is compressed twice",
        ),
    ],
)
def test_archives_are_named(fails, content, part):
    assert part in fails(content, kind=recbench.UsageError)


def test_the_content_counts_whatever_the_name(read, sequences):
    text = b"user,item\n1,2\n1,3\n"
    assert sequences(read(text, "log.parquet")) == {1: [2, 3]}
    assert sequences(read(text, "log.csv.gz")) == {1: [2, 3]}
    assert sequences(read(gzip.compress(text), "log.csv")) == {1: [2, 3]}


def test_text_in_another_encoding_is_refused_with_a_command(fails):
    message = fails(b"user,item\n1,caf\xe9\n")
    assert r"line 2: item b'caf\xe9' is not UTF-8" in message
    assert message.endswith("iconv -f latin1 -t utf-8 log.csv > utf8-log.csv")


@pytest.mark.parametrize(
    "text",
    [
        "user,item\n----,----\n1,2\n",
        "user\titem\n====\t====\n1\t2\n",
        "|user|item|\n|:--|--:|\n|1|2|\n",
    ],
)
def test_a_rule_below_the_header_is_an_error(fails, text):
    assert "is a rule of a printed table. Remove it" in fails(text)
