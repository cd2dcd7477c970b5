"""Datasets of logs: dropped rows are counted, and ties keep the order of the file."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recbench
from recbench_files import read_file


def test_rows_without_an_id_are_dropped_and_counted(read, sequences):
    dataset = read('user,item,time\n,5,1\n1,,2\n1,"",2\n,,3\n1,6,4\n')
    assert sequences(dataset) == {1: [6]}
    assert dataset.item_ids.tolist() == [6]
    assert "2 rows have no user and were dropped" in dataset.notes
    assert "2 rows have no item and were dropped" in dataset.notes


def test_times_of_dropped_rows_do_not_matter(read, sequences):
    dataset = read("user,item,time\n,5,soon\n1,4,2011-12-01\n1,,2011-12-01Z\n")
    assert sequences(dataset) == {1: [4]}
    text = "user,item,time\n1,5,2011-12-01\n,4,\n"
    assert sequences(read(text)) == {1: [5]}


def test_equal_times_keep_the_order_of_the_file(read, sequences):
    dataset = read("user,item,time\n2,1,5\n1,9,7\n2,8,5\n1,3,7\n1,4,6\n2,0,5\n")
    assert sequences(dataset) == {1: [4, 9, 3], 2: [1, 8, 0]}


logs = st.lists(
    st.tuples(
        st.text("ab7, \"'\né0", min_size=1, max_size=3).filter(lambda text: text == text.strip()),
        st.integers(-3, 12),
        st.integers(0, 5) | st.sampled_from([0.25, 2.5]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(log=logs)
def test_a_log_written_as_csv_is_read_unchanged(tmp_path_factory, log, sequences):
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
    assert sequences(dataset) == expected
    assert dataset.user_ids.tolist() == sorted(expected)


@pytest.mark.parametrize("missing", ["", "NA", "null", "\\N", " nan "])
@pytest.mark.parametrize("time", ["1291191960", "2010-12-01 08:26", "1291191960.5"])
def test_rows_without_a_time_are_dropped_and_counted(read, sequences, missing, time):
    dataset = read(f"user,item,time\n1,5,{time}\n1,6,{missing}\n2,7,{missing}\n2,8,{time}\n")
    assert sequences(dataset) == {1: [5], 2: [8]}
    assert "2 rows have no time and were dropped" in dataset.notes


def test_missing_times_in_parquet_and_json_are_dropped_and_counted(read_table, read, sequences):
    for times in ([3, None], [3.5, float("nan")], pa.array([3, None], pa.timestamp("ms"))):
        dataset = read_table({"user": [1, 1], "item": [5, 6], "time": times})
        assert sequences(dataset) == {1: [5]}
        assert "1 row has no time and was dropped" in dataset.notes
    dataset = read('{"user": 1, "item": 5, "time": 3}\n{"user": 1, "item": 6, "time": null}\n')
    assert sequences(dataset) == {1: [5]}


def test_no_complete_row_is_an_error(fails):
    message = fails("user,item,time\n1,5,\n,6,3\n")
    assert message == (
        "log.csv: no row has a value in all of the columns user, item, time; choose other columns"
    )


EVENTS = (
    "user,item,event,price,time\n"
    "1,10,view,5,2020-01-01\n"
    "1,11,purchase,15.50,2020-01-02\n"
    "2,10,purchase,7,2020-01-03 12:00\n"
    "2,12, purchase ,NA,2020-01-04\n"
    "3,10,view,9,2020-01-05\n"
)


@pytest.mark.parametrize(
    ("where", "kept", "n_dropped"),
    [
        ("event=purchase", {1: [11], 2: [10, 12]}, 2),
        ("event!=purchase", {1: [10], 3: [10]}, 3),
        ("price>=7", {1: [11], 2: [10], 3: [10]}, 2),
        ("event=purchase&price>=7", {1: [11], 2: [10]}, 3),
        ("event=purchase|view & time<2020-01-04", {1: [10, 11], 2: [10]}, 2),
        ("time>=2020-01-03", {2: [10, 12], 3: [10]}, 2),
        ("user=1", {1: [10, 11]}, 3),
        ("item!=10", {1: [11], 2: [12]}, 3),
    ],
)
def test_where_keeps_rows_that_meet_conditions_on_any_column(
    read, sequences, where, kept, n_dropped
):
    dataset = read(EVENTS, where=where)
    assert sequences(dataset) == kept
    canonical = str(recbench.Where.parse(where))
    assert f"{n_dropped} of 5 rows do not meet {canonical} and were dropped" in dataset.notes
    assert dataset.name == f"log.csv:where={canonical}"
    assert dataset.item_ids.tolist() == sorted({item for items in kept.values() for item in items})


def test_where_is_applied_before_incomplete_rows_are_counted(read):
    dataset = read("user,item,event\n1,2,buy\n,3,view\n,4,buy\n", where="event=buy")
    assert "1 of 3 rows does not meet event=buy and was dropped" in dataset.notes
    assert "1 row has no user and was dropped" in dataset.notes


def test_where_in_parquet_and_json_compares_their_values(read_table, read, sequences):
    rows = {"user": [1, 1, 2], "item": [5, 6, 5], "n": [1, 2, None], "ok": [True, False, True]}
    assert sequences(read_table(rows, where="n>=2")) == {1: [6]}
    assert sequences(read_table(rows, where="ok=true")) == {1: [5], 2: [5]}
    rows["time"] = pa.array([1577836800250, 1577923200000, 1578009600000], pa.timestamp("ms"))
    assert sequences(read_table(rows, where="time>=2020-01-02")) == {1: [6], 2: [5]}
    text = '{"user": 1, "item": 5, "e": {"type": "buy"}}\n{"user": 1, "item": 6, "e": {}}\n'
    assert sequences(read(text, where="e.type=buy")) == {1: [5]}


@pytest.mark.parametrize("where", ["event=NA", "event=", "event=null"])
def test_words_for_missing_values_in_conditions_are_missing_values(
    read, read_table, sequences, where
):
    rows = {"user": [1, 1, 2, 2], "item": [5, 6, 7, 8], "event": ["NA", "buy", None, " null "]}
    lines = [
        f"{user},{item},{event or ''}" for user, item, event in zip(*rows.values(), strict=True)
    ]
    text = "\n".join(["user,item,event", *lines, ""])
    for dataset in (read(text, where=where), read_table(rows, where=where)):
        assert sequences(dataset) == {1: [5], 2: [7, 8]}
        assert dataset.name.endswith(":where=event=")
    negated = where.replace("=", "!=")
    for dataset in (read(text, where=negated), read_table(rows, where=negated)):
        assert sequences(dataset) == {1: [6]}
    assert sequences(read(text, where="event=NA", missing="keep")) == {1: [5]}


def test_conditions_on_times_in_milliseconds(read, fails, sequences):
    text = "user,item,time\n1,5,1291191960000\n1,6,1293840000000\n"
    for bound in ("1293840000000", "1293840000", "2011-01-01"):
        assert sequences(read(text, where=f"time>={bound}")) == {1: [6]}
    assert fails(text, where="time>=2011").endswith(
        "log.csv: where=time>=2011: as seconds since 1970, 2011 is long before the data; write a "
        "date as 2020-12-31"
    )


def test_a_missing_rating_is_refused_with_a_condition_that_drops_it(read, fails, sequences):
    text = "user,item,Stars\n1,5,4\n1,6,\n1,7,NaN\n"
    assert "line 3: rating '' (column Stars) is missing. Fill it in, drop such rows with " in (
        fails(text)
    )
    assert "with where=Stars!=, or leave the column out with rating=" in fails(text)
    assert sequences(read(text, where="Stars!=")) == {1: [5]}


def test_wrong_conditions_are_errors(fails):
    message = fails(EVENTS, kind=recbench.UsageError, where="evnt=purchase")
    assert "where=evnt: log.csv has no such column; did you mean 'event'?" in message
    assert "no row meets event=cart" in fails(EVENTS, where="event=cart")
    message = fails(EVENTS, where="event>=3")
    assert message.startswith("log.csv: ")
    assert "'view'" in message
    assert "not a condition" in fails(EVENTS, kind=recbench.UsageError, where="purchase")


def test_titles_from_a_column_of_the_log(read):
    text = "user,item,Description\n1,5,\n1,5,NA\n2,5, LAMP \n2,6,CUP\n3,7,\n3,6,MUG\n"
    dataset = read(text, title="Description")
    assert [dataset.title(item) for item in range(3)] == ["LAMP", "CUP", ""]
    assert read(text).titles is None


def test_whole_days_are_noted_if_another_column_may_order_them(read):
    text = "user,item,date,n\n1,2,2020-01-02,1\n1,3,2020-01-02,2\n2,3,2020-01-03,2\n"
    note = (
        "Times are whole days; if another column orders the interactions of a day, write "
        "time=date+COLUMN"
    )
    assert note in read(text).notes
    assert note not in read(text.replace("02,2", "02 10:00,2")).notes
    assert note not in read(text.replace("1,3,2020-01-02", "1,3,2020-01-01")).notes  # no equal days
    assert note not in read(text.replace("1,3,", "2,3,")).notes  # of different users
    assert note not in read("user,item,date\n1,2,2020-01-01\n1,3,2020-01-01\n").notes
