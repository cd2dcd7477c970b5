"""recbench_files: any log file into a dataset, exactly, or one error that says where and why."""

import bz2
import gzip
import os
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import recbench
from recbench_files import read_file


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, name="log.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_file(str(path), **options)

    return write_and_read


@pytest.fixture
def fails(read):
    def message(content, name="log.csv", kind=recbench.RecbenchError, **options):
        with pytest.raises(recbench.RecbenchError) as caught:
            read(content, name, **options)
        assert type(caught.value) is kind, caught.value
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


@pytest.fixture
def read_table(tmp_path):
    def write_and_read(columns, **options):
        parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
        return read_file(str(tmp_path / "log.parquet"), **options)

    return write_and_read


def seen(dataset):
    """{outside user: [outside items, oldest first]}."""
    inside = dataset.interactions
    return {
        dataset.user_ids[user]: [dataset.item_ids[item] for item in items]
        for user, items in zip(inside.users, inside.sequences(), strict=True)
    }


# Formats, found by their content


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_a_table_with_a_header(read, delimiter):
    text = "userId,movieId,rating,timestamp\n2,9,4.5,20\n1,9,3,30\n2,8,1,10\n"
    dataset = read(text.replace(",", delimiter), "any.log")
    assert seen(dataset) == {1: [9], 2: [8, 9]}
    assert dataset.user_ids.dtype == dataset.item_ids.dtype == np.int64
    assert dataset.interactions.times.tolist() == [30, 10, 20]
    assert dataset.interactions.ratings.tolist() == [3, 1, 4.5]
    assert dataset.name == dataset.source == "any.log"
    assert len(dataset.sha256) == 64
    assert "user=userId, item=movieId, time=timestamp, rating=rating" in dataset.notes[0]


def test_a_table_separated_by_spaces(read):
    assert seen(read("user item time\n1 7 2\n1 8 1\n")) == {1: [8, 7]}


def test_u_data(read):
    dataset = read("196\t242\t3\t881250949\n196\t12\t1\t881250000\n", "u.data")
    assert seen(dataset) == {196: [12, 242]}
    assert dataset.interactions.ratings.tolist() == [1, 3]


def test_ratings_dat(read):
    dataset = read("1::1193::5::978300760\n1::661::3.5::978300000\n", "ratings.dat")
    assert seen(dataset) == {1: [661, 1193]}
    assert dataset.interactions.ratings.tolist() == [3.5, 5]


def test_recbole_inter(read):
    text = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\ta\t3\t881250949.5\n"
    dataset = read(text, "x.inter")
    assert seen(dataset) == {7: ["a"]}
    assert dataset.interactions.times.tolist() == [881250949]
    assert seen(read(text, "x.inter", user="user_id", rating="")) == {7: ["a"]}


@pytest.mark.parametrize("gap", [" ", "\t"])
def test_pairs_in_the_order_of_time(read, gap):
    dataset = read(f"1{gap}9\n2{gap}9\n1{gap}3\n", "pairs.txt")
    assert seen(dataset) == {1: [9, 3], 2: [9]}
    assert dataset.interactions.times is None
    assert dataset.interactions.ratings is None


def test_sequences_oldest_first(read):
    dataset = read("2 9 3 9\n1\t4 \n\n10 9  4\n", "sequences.txt")
    assert seen(dataset) == {1: [4], 2: [9, 3, 9], 10: [9, 4]}


def test_format_decides_where_lines_leave_it_open(read, fails):
    assert "format=sequences" in fails("1 5 6\n2 7 8\n", kind=recbench.UsageError)
    assert seen(read("1 5 6\n2 7 8\n", format="sequences")) == {1: [5, 6], 2: [7, 8]}
    assert "format=" in fails("1 2 3 4\n2 3 4 5\n", kind=recbench.UsageError)
    assert seen(read("ann\tb\nann\ta\n", format="pairs")) == {"ann": ["b", "a"]}


def test_parquet_is_known_by_its_content(read_table, tmp_path):
    assert seen(read_table({"user": [1, 1], "item": [5, 4], "ts": [2, 1]})) == {1: [4, 5]}
    (tmp_path / "log.parquet").rename(tmp_path / "odd.bin")
    assert seen(read_file(str(tmp_path / "odd.bin"))) == {1: [4, 5]}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, pa.compress])
def test_packed_text(read, pack):
    text = b"user,item\n1,5\n1,4\n"
    packed = pa.compress(text, "zstd", asbytes=True) if pack is pa.compress else pack(text)
    assert seen(read(packed, "log.whatever")) == {1: [5, 4]}


def test_two_gzip_members_are_one_file(read):
    packed = gzip.compress(b"user,item\n1,5\n") + gzip.compress(b"1,4\n")
    assert seen(read(packed)) == {1: [5, 4]}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffuser,item\n1,5\n1,4\n",
        "user,item\r\n1,5\r\n1,4\r\n",
        "user,item\n1,5\n\n1,4\n\n\n",
        "user,item\n1,5\n1,4",
        "\n\nuser,item\n1,5\n1,4\n",
        '"user","item"\n"1","5"\n"1","4"\n',
    ],
    ids=["bom", "crlf", "blank", "no end", "blank on top", "quoted"],
)
def test_harmless_shapes_of_a_csv(read, text):
    assert seen(read(text)) == {1: [5, 4]}


def test_quoted_delimiters_and_line_breaks(read):
    text = 'user,title,item\n1,"a, ""b""\nc","x,\ny"\n2,,z\n'
    assert seen(read(text)) == {1: ["x,\ny"], 2: ["z"]}


# Columns


@pytest.mark.parametrize(
    ("header", "user", "item"),
    [
        ("CustomerID,StockCode", "CustomerID", "StockCode"),
        ("User-ID,Book ISBN,ISBN", "User-ID", "ISBN"),
        ("reviewerID,asin,x", "reviewerID", "asin"),
        ("visitor_id,track_id,x", "visitor_id", "track_id"),
        ("USER,product id,x", "USER", "product id"),
    ],
)
def test_usual_names_are_found(read, header, user, item):
    dataset = read(f"{header}\n1,2,3\n" if header.count(",") == 2 else f"{header}\n1,2\n")
    assert f"user={user}, item={item}" in dataset.notes[0]


def test_named_columns_win_over_usual_names(read):
    text = "user,item,who,what,when,time\n1,2,3,4,5,6\n"
    dataset = read(text, user="who", item="What", time="when")
    assert seen(dataset) == {3: [4]}
    assert dataset.interactions.times.tolist() == [5]


def test_an_empty_name_leaves_a_column_out(read):
    dataset = read("user,item,time,rating\n1,2,soon,good\n", time="", rating="")
    assert dataset.interactions.times is None
    assert dataset.interactions.ratings is None
    assert "no time column: events taken in the file's order" in dataset.notes


def test_rating_before_weight_and_said(read):
    dataset = read("user,item,weight,Rating\n1,2,9,4\n")
    assert dataset.interactions.ratings.tolist() == [4]
    assert "the rating is Rating, not weight" in dataset.notes


def test_two_columns_that_could_be_the_user(fails):
    message = fails("user_id,CustomerID,item\n1,2,3\n", kind=recbench.UsageError)
    assert "'user_id', 'CustomerID'" in message
    assert "user=user_id or user=CustomerID" in message


def test_a_named_column_that_is_not_there(fails):
    message = fails("CustomerID,StockCode\n1,2\n", kind=recbench.UsageError, user="CustmerID")
    assert "did you mean 'CustomerID'" in message
    assert "CustomerID, StockCode" in message


def test_no_known_column(fails):
    message = fails("who,item\n1,2\n", kind=recbench.UsageError)
    assert "write user=NAME" in message
    assert "who, item" in message


def test_one_column_cannot_have_two_roles(fails):
    fails("user,item\n1,2\n", kind=recbench.UsageError, user="item", item="item")
    fails("user,user,item\n1,2,3\n", kind=recbench.UsageError, user="user")
    fails("user,item\n1,2\n", kind=recbench.UsageError, user="")


@pytest.mark.parametrize("text", ["1\t2\t3\t4\n", "1::2::3::4\n", "1 2\n", "1 2 3\n1 2\n"])
def test_column_names_mean_nothing_without_a_header(fails, text):
    assert "no column names" in fails(text, kind=recbench.UsageError, rating="stars")


# Ids


def test_ids_are_exact(read):
    dataset = read("user,item\n007,1\n7,+1\n7, 1\n007,01\n")
    assert seen(dataset) == {"007": ["1", "01"], "7": ["+1", " 1"]}
    assert any("spaces" in note for note in dataset.notes)


def test_ids_are_numbered_in_sorted_order(read):
    dataset = read("user,item\n10,b\n9,é\n-1,Z\n")
    assert dataset.user_ids.tolist() == [-1, 9, 10]
    assert dataset.item_ids.tolist() == ["Z", "b", "é"]
    assert read("user,item\n-1,Z\n10,b\n9,é\n").fingerprint() == dataset.fingerprint()


def test_integers_beyond_64_bits_stay_strings(read):
    assert read("user,item\n9223372036854775808,1\n").user_ids.tolist() == ["9223372036854775808"]
    assert read("user,item\n9223372036854775807,1\n").user_ids.tolist() == [2**63 - 1]


def test_rows_without_an_id_are_dropped_and_counted(read):
    dataset = read('user,item,time\n,5,1\n1,,2\n1,"",2\n,,3\n1,6,4\n')
    assert seen(dataset) == {1: [6]}
    assert dataset.item_ids.tolist() == [6]
    assert "2 rows without user dropped" in dataset.notes
    assert "2 rows without item dropped" in dataset.notes


def test_times_of_dropped_rows_do_not_matter(read):
    dataset = read("user,item,time\n,5,soon\n1,4,2011-12-01\n1,,2011-12-01Z\n")
    assert seen(dataset) == {1: [4]}
    text = "user,item,time\n1,5,2011-12-01\n,4,\n"
    assert seen(read(text)) == {1: [5]}


def test_other_columns_may_hold_anything(read):
    text = "user,item,t\xedtulo\n1,5,caf\xe9\0\n".encode("latin-1")
    assert seen(read(text)) == {1: [5]}


def test_a_word_for_missing_is_kept_but_said(read):
    dataset = read("user,item\nNULL,5\nann,5\n")
    assert dataset.user_ids.tolist() == ["NULL", "ann"]
    assert any("'NULL'" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pa.array([17850.0, None, 3.0]), [3, 17850]),
        (pa.array([17850.0, float("nan"), 3.0]), [3, 17850]),
        (pa.array([1.5, None, 3.0]), ["1.5", "3.0"]),
        (pa.array(["b", None, "a"], pa.large_string()), ["a", "b"]),
        (pa.array(["b", "", "a"]), ["a", "b"]),
        (pa.array(["12", None, "2"]), [2, 12]),
        (pa.array(["b", None, "a"]).dictionary_encode(), ["a", "b"]),
        (pa.array([b"\x00" * 16, None, b"\xff" * 16], pa.binary(16)), ["00" * 16, "ff" * 16]),
        (pa.array([b"ab", None, b"aa"]), ["aa", "ab"]),
        (pa.array([2**63, None, 5], pa.uint64()), ["5", "9223372036854775808"]),
        (pa.array([3, None, 2], pa.int8()), [2, 3]),
    ],
)
def test_ids_of_any_type_in_parquet(read_table, column, ids):
    dataset = read_table({"user": column, "item": [1, 2, 3]})
    assert dataset.user_ids.tolist() == ids
    assert dataset.item_ids.tolist() == [1, 3]
    assert "1 row without user dropped" in dataset.notes


# Times and order


@pytest.mark.parametrize(
    ("first", "second", "seconds", "note"),
    [
        ("1300000001", "1300000000", 1300000000, ""),
        ("1300000000.75", "1300000000.25", 1300000000, ""),
        ("1300000000700", "1300000000200", 1300000000, "milliseconds"),
        ("1300000000000700", "1300000000000200", 1300000000, "microseconds"),
        ("1300000000000000700", "1300000000000000200", 1300000000, "nanoseconds"),
        ("2011-12-02", "2011-12-01", 1322697600, "no time zone"),
        ("2011-12-01 08:26:01", "2011-12-01 08:26:00", 1322727960, "no time zone"),
        ("2011-12-01 08:27", "2011-12-01T08:26", 1322727960, "no time zone"),
        ("2011-12-01T08:26:00.7Z", "2011-12-01T10:26:00.2+02:00", 1322727960, ""),
        ("2011-12-01 08:26:00.000000002", "2011-12-01 08:26:00.000000001", 1322727960, "zone"),
    ],
)
def test_units_and_precision_of_times(read, first, second, seconds, note):
    dataset = read(f"user,item,time\n1,8,{first}\n1,9,{second}\n")
    assert seen(dataset) == {1: [9, 8]}
    assert dataset.interactions.times[0] == seconds
    assert note in "; ".join(dataset.notes[1:])
    assert bool(note) == (len(dataset.notes) > 1)


@pytest.mark.parametrize(
    "column",
    [
        *(pa.array([1300000001, 1300000000]).cast(pa.timestamp("s")).cast(pa.timestamp(unit))
          for unit in ("s", "ms", "us", "ns")),
        pa.array([1300000001, 1300000000]).cast(pa.timestamp("s", "Europe/Paris")),
        pa.array([1300000001.0, 1300000000.0]),
        pa.array(["1300000001", "1300000000"]),
        pa.array(["2011-03-13T07:06:41Z", "2011-03-13T07:06:40Z"]),
        pa.array(["2011-03-13T07:06:41Z", "2011-03-13T07:06:40Z"]).dictionary_encode(),
        pa.array([1300000001, 1300000000], pa.uint32()),
    ],
)  # fmt: skip
def test_times_of_any_type_in_parquet(read_table, column):
    dataset = read_table({"user": [1, 1], "item": [8, 9], "time": column})
    assert seen(dataset) == {1: [9, 8]}
    assert dataset.interactions.times.tolist() == [1300000000, 1300000001]


def test_dates_in_parquet(read_table):
    for kind in (pa.date32(), pa.date64()):
        days = pa.array(["1970-01-03", "1969-12-31"]).cast(pa.timestamp("s")).cast(kind)
        dataset = read_table({"user": [1, 1], "item": [8, 9], "date": days})
        assert dataset.interactions.times.tolist() == [-86400, 2 * 86400]


def test_equal_times_keep_the_order_of_the_file(read):
    dataset = read("user,item,time\n2,1,5\n1,9,7\n2,8,5\n1,3,7\n1,4,6\n2,0,5\n")
    assert seen(dataset) == {1: [4, 9, 3], 2: [1, 8, 0]}


def test_whole_numbers_then_a_fraction(read):
    dataset = read("user,item,time\n1,9,5\n1,8,4.5\n")
    assert seen(dataset) == {1: [8, 9]}
    assert dataset.interactions.times.tolist() == [4, 5]


logs = st.lists(
    st.tuples(
        st.text("ab7, \"'\né0", min_size=1, max_size=3).filter(lambda one: one == one.strip()),
        st.integers(-3, 12),
        st.integers(0, 5) | st.sampled_from([0.25, 2.5]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(log=logs)
def test_a_round_trip_through_csv(tmp_path_factory, log):
    import csv

    path = tmp_path_factory.mktemp("log") / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("user", "item", "time"), *log])
    dataset = read_file(str(path))
    expected = {}
    for user, item, _ in sorted(log, key=lambda row: row[2]):
        expected.setdefault(user, []).append(item)
    if all(user.lstrip("-").isdigit() and str(int(user)) == user for user in expected):
        expected = {int(user): items for user, items in expected.items()}
    assert seen(dataset) == expected
    assert dataset.user_ids.tolist() == sorted(expected)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quotes_over_the_blocks_that_pyarrow_reads(read, monkeypatch, end):
    monkeypatch.setattr("recbench_files.text._BLOCK", 64)
    random = np.random.default_rng(5)
    for _ in range(40):
        users = ["".join(random.choice(list('ab,"1 \r\n'), 6)) for _ in range(30)]
        rows = ['"' + user.replace('"', '""') + f'",{n}' for n, user in enumerate(users)]
        expected = {}
        for n, user in enumerate(users):
            expected.setdefault(user, []).append(n)
        assert seen(read(end.join(["user,item", *rows, ""]))) == expected


# Broken files


GOOD = "user,item,time,rating\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (GOOD + "1,2,3,4\n1,2\n1,2,3,4\n", 3, "2 fields where the header has 4"),
        (GOOD + "1,2,3,4\n\n1,2,3,4,5\n1,2,3,4\n", 4, "5 fields"),
        (GOOD + "1,2,3,4\n1,2", 3, "cut short"),
        (GOOD + "1,2,3,4\r\n1,2,then,4\r\n", 3, "time 'then' is no number"),
        (GOOD + "1,2,3,4\n1,2,3,good\n", 3, "rating 'good' is no number"),
        (GOOD + "1,2,3,4\n1,2,3,\n", 3, "is missing"),
        (GOOD + "1,2,3,4\n1,2,,4\n", 3, "is missing"),
        (GOOD + "1,2,3,4\n,2,3,4\n1,2,,4\n", 4, "is missing"),
        (GOOD + "1,2,3,4\n1,2,3,nan\n", 3, "rating 'nan'"),
        (GOOD + "1,2,3,4\n1,2,3,inf\n", 3, "rating 'inf'"),
        (GOOD + "1,2,3,4\n1,2,3,1e99\n", 3, "no finite number"),
        (GOOD + "1,2,3.5,4\n1,2,inf,4\n", 3, "time 'inf'"),
        (GOOD + '"1\n1",2,3,4\n"2\n\n2",2,3,4\n1,2,x,4\n', 7, "time 'x'"),
        (GOOD + '1,2,3,4\n"1,2,3,4\n1,2,3,4\n', 3, "never closed"),
        (GOOD + '1,2,3,4\n"1,2,3,4\n1,"2",3,4\n', 3, "3 fields"),
        ('user,item,title\n1,2,x\n1,2,"x\n1,2,x\n1,2,x\n', 3, "never closed"),
        ('user,item\n1,2\n3,"4\n', 3, "never closed"),
        ('user,item\n1,2\n3,"4', 3, "never closed"),
        (GOOD + "1,2,12/1/2010 8:26,4\n", 2, "day or the month first"),
        (GOOD + "1,2,2011-12-01,4\n1,2,12/1/2010 8:26,4\n", 3, "day or the month first"),
        (GOOD + "1,2,2011-12-01,4\n1,2,yesterday,4\n", 3, "is no time"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-01T00:00:00Z,4\n", 3, "time zone"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-13-01,4\n", 3, "is no time"),
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
        ("1 2\n" * 70000 + "1\n", 70001, "1 field where a line of a user and an item has 2"),
        ("1 2 3\n2 5\n\n1 4\n", 4, "has a line above already"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-01\n", 3, "3 fields"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-12-02,x\n", 3, "rating 'x'"),
        (GOOD + "1,2,2011-12-01,4\n1,2,2011-02-30,4\n", 3, "is no time"),
        (GOOD + "1,2,2011-12-01,4\n,2,x,4\n1,2,2011/12/01,4\n", 4, "is no time"),
        (GOOD + ",2,,4\n1,2,3,4\n1,2,1_0,4\n", 4, "time '1_0' is no number"),
        ("user:token\titem:token\n1\t2\n1\n", 3, "1 field"),
    ],
)
def test_broken_text_names_the_line(fails, text, line, says):
    options = {"format": "udata"} if isinstance(text, str) and "\t2\t" in text else {}
    message = fails(text, **options)
    assert f"log.csv line {line}: " in message
    assert says in message


def test_sequences_without_items_or_in_latin_1(fails):
    long = "".join(f"{n} 1 2 {'3' * (n % 2)}\n" for n in range(60000))
    assert "line 60001: user 'x' has no items" in fails(long + "x\n")
    assert "line 60001: " in fails(long.encode() + b"caf\xe9 1\n")


def test_empty_files(fails):
    assert fails("") == "log.csv is empty"
    assert fails("\n \n") == "log.csv is empty"
    assert "a header and no rows" in fails("user,item\n")
    assert "a header and no rows" in fails("user:token\titem:token\n\n")
    assert "no row is left" in fails("user,item\n1,\n")


def test_a_quote_that_never_ends(fails):
    message = fails(GOOD + "1,2,3,4\n" * 10 + '"1,2,3,4\n' + "1,2,3,4\n" * 30000)
    assert "line 12:" in message
    assert "never closed" in message


def test_no_header(fails):
    message = fails("1,1193,5,978300760\n1,661,3,978302109\n", kind=recbench.UsageError)
    assert "no header was found, line 1 is '1,1193,5,978300760'" in message
    assert "user,item,rating,time" in message


def test_half_a_gzip(fails):
    text = "user,item\n" + "".join(f"{n * 7919 % 1009},{n * 31 % 997}\n" for n in range(200000))
    packed = gzip.compress(text.encode())
    message = fails(packed[: len(packed) // 2])
    assert "ends early or is damaged" in message
    assert "damaged" in fails(packed[:12])


def test_broken_parquet(fails, read_table, tmp_path):
    assert "broken or no Parquet" in fails(b"PAR1 and nothing more", "log.parquet")
    assert "broken or no Parquet" in fails("user,item\n1,2\n", "log.parquet")
    read_table({"user": list(range(5000)), "item": list(range(5000))})
    whole = (tmp_path / "log.parquet").read_bytes()
    assert "broken or no Parquet" in fails(whole[: len(whole) // 2], "log.parquet")
    assert "is not Parquet" in fails("user,item\n", kind=recbench.UsageError, format="parquet")


def test_broken_rows_in_parquet(read_table):
    rows = {"user": [1, None, 1], "item": [1, 2, 3]}
    with pytest.raises(recbench.RecbenchError, match="row 3: rating nan"):
        read_table({**rows, "rating": [1.0, None, float("nan")]})
    with pytest.raises(recbench.RecbenchError, match=r"row 3: time None .* is missing"):
        read_table({**rows, "time": [1, 2, None]})
    with pytest.raises(recbench.RecbenchError, match="row 1: rating 'a'"):
        read_table({**rows, "rating": ["a", "b", "c"]})
    with pytest.raises(recbench.RecbenchError, match="no rows"):
        read_table({"user": pa.array([], pa.int64()), "item": pa.array([], pa.int64())})
    with pytest.raises(recbench.UsageError, match="lists"):
        read_table({"user": [1], "item": [[1, 2]]})


def test_wrong_paths_and_formats(tmp_path, fails):
    (tmp_path / "ratings.csv").write_text("user,item\n1,2\n")
    with pytest.raises(recbench.UsageError, match=r"did you mean 'ratings\.csv'"):
        read_file(str(tmp_path / "rating.csv"))
    with pytest.raises(recbench.UsageError, match="is a folder"):
        read_file(str(tmp_path))
    with pytest.raises(recbench.UsageError, match="did you mean 'udata'"):
        read_file(str(tmp_path / "ratings.csv"), format="u.data")
    assert "unpack" in fails(b"PK\x03\x04rest", kind=recbench.UsageError)
    assert "UTF-16" in fails("user,item\n".encode("utf-16"), kind=recbench.UsageError)
    assert "NUL" in fails(b"\0\0\0\0", kind=recbench.RecbenchError)
    assert "no log" in fails('{"user": 1, "item": 2}\n', kind=recbench.UsageError)


def test_importing_is_cheap():
    code = (
        "import recbench_files, sys; assert not {'pyarrow', 'pandas', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})


def test_the_hook_gives_it():
    import recbench_files

    assert recbench_files.recbench_datasets() == {"file": read_file}


# Real files, where they are


@pytest.mark.parametrize(
    ("name", "users", "items", "events"),
    [
        ("ml-1m/sasrec-ml-1m.txt", 6040, 3416, 999_611),
        ("ml-100k/u.data", 943, 1682, 100_000),
        ("amazon-beauty/Beauty.txt", 22363, 12101, 198_502),
        ("ml-1m/ratings.first2999users.dat", 2999, 3615, 487_650),
    ],
)
def test_real_counts(real, name, users, items, events):
    inside = read_file(str(real(name))).interactions
    assert (inside.n_users, inside.n_items, inside.n_interactions) == (users, items, events)


def test_ratings_dat_gives_the_sequences_of_the_papers(real):
    ratings = read_file(str(real("ml-1m/ratings.first2999users.dat")))
    papers = read_file(str(real("ml-1m/sasrec-ml-1m.txt")))
    ours, theirs = seen(ratings), seen(papers)
    assert ours[1][:4] == [3186, 1270, 1721, 1022]
    to_user, to_item = (
        dict(np.loadtxt(real(f"ml-1m/sas_to_original_{what}.txt"), dtype=np.int64).tolist())
        for what in ("users", "items")
    )
    kept = set(to_item.values())
    checked = 0
    for user, items in theirs.items():
        if to_user[user] in ours:
            assert [to_item[item] for item in items] == [
                item for item in ours[to_user[user]] if item in kept
            ]
            checked += 1
    assert checked == 2999


def test_online_retail(real):
    path = str(real("online-retail/OnlineRetail.parquet"))
    dataset = read_file(path, user="CustomerID", item="StockCode", time="InvoiceDate")
    assert "135,080 rows without CustomerID dropped" in dataset.notes
    assert dataset.interactions.n_interactions == 541_909 - 135_080
    assert dataset.user_ids.dtype == np.int64
    assert dataset.item_ids.dtype == object


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
def test_a_broken_line_is_the_one_that_is_named(
    tmp_path: pathlib.Path, name: str, text: str, line: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(recbench.RecbenchError, match=line):
        read_file(str(path))
