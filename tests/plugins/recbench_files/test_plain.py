"""Odd types of Parquet: ids, times and ratings of all of them are read, or refused by name."""

import json
import uuid
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import recbench
from recbench_files import open_table, preview
from recbench_files.plain import is_nested, plain_column, texts_of

UUIDS = [uuid.UUID(int=7), uuid.UUID(int=5)]


def uuids(*values):
    return pa.array([None if value is None else value.bytes for value in values], pa.uuid())


def in_json(*values):
    return pa.array([None if value is None else json.dumps(value) for value in values], pa.json_())


def opaque(values):
    return pa.ExtensionArray.from_storage(pa.opaque(values.type, "kind", "vendor"), values)


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (uuids(UUIDS[0], None, UUIDS[1]), list(map(str, reversed(UUIDS)))),
        (in_json("b", None, "a"), ["a", "b"]),
        (in_json(17, None, 3), [3, 17]),
        (pa.array(['"b"', "null", "1.50"], pa.json_()), ["1.50", "b"]),
        (pa.array(["{broken", None, "1"], pa.json_()), ["1", "{broken"]),
        (opaque(pa.array([7, None, 5])), [5, 7]),
        (opaque(pa.array([b"\xff", None, b"a"])), ["61", "ff"]),
        (pa.array([7, None, 5], pa.decimal32(5, 0)), [5, 7]),
        (pa.array([7, None, 5], pa.decimal64(15, 1)), [5, 7]),
        (pa.array([b"b", None, b"a"], pa.binary_view()), ["a", "b"]),
        (pa.array([b"b", None, b"a"], pa.large_binary()), ["a", "b"]),
        (pa.array(["b", None, "a"], pa.string_view()), ["a", "b"]),
        (pa.array([b"b", None, b"a"], pa.binary(1)).dictionary_encode(), ["a", "b"]),
        (pa.array([True, None, False]), ["false", "true"]),
        (
            pa.array([2, None, 0]).cast(pa.timestamp("ms", "No/Where")),
            ["1970-01-01 00:00:00.000", "1970-01-01 00:00:00.002"],
        ),
    ],
)
def test_ids_of_odd_types(read_table, column, ids):
    dataset = read_table({"user": column, "item": [1, 2, 3]})
    assert dataset.user_ids.tolist() == ids
    assert dataset.item_ids.tolist() == [1, 3]
    assert "1 row has no user and was dropped" in dataset.notes


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1577836801000000000, 1577836800000000000], pa.uint64()),
        pa.array([1577836801000000000, None, 1577836800000000000], pa.uint64()),
        pa.array([b"2020-01-01 00:00:01", b"2020-01-01 00:00:00"], pa.binary(19)),
        in_json("2020-01-01 00:00:01", "2020-01-01 00:00:00"),
        in_json(1577836801, 1577836800),
        opaque(pa.array([1577836801, 1577836800])),
    ],
)
def test_times_of_odd_types(read_table, column):
    n_rows = len(column)
    dataset = read_table({"user": [1] * n_rows, "item": range(n_rows), "time": column})
    assert dataset.interactions.times.tolist() == [1577836800, 1577836801]
    assert dataset.interactions.items.tolist() == [1, 0]


def test_ratings_and_titles_of_odd_types(read_table):
    rows = {"user": [1, 1], "item": [8, 9], "rating": pa.array([b"4.5", b"3"])}
    dataset = read_table({**rows, "name": in_json("Emma", "Heat")}, title="name")
    assert dataset.interactions.ratings.tolist() == [4.5, 3]
    assert dataset.titles.tolist() == ["Emma", "Heat"]
    assert read_table({**rows, "rating": in_json(4.5, 3)}).interactions.ratings.tolist() == [4.5, 3]


def test_times_beyond_64_bits_are_refused_by_row(read_table):
    times = pa.array([1, 2**63 + 1], pa.uint64())
    with pytest.raises(
        recbench.RecbenchError, match=r"row 2: time 9223372036854775809 .* too large"
    ):
        read_table({"user": [1, 1], "item": [8, 9], "time": times})


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([[1], [2]]), "list<element: int64>"),
        (pa.array([{"a": 1}, {"a": 2}]), "struct<a: int64>"),
        (in_json("a", {"b": 1}), "extension<arrow.json>"),
        (in_json([1], 2), "extension<arrow.json>"),
        (opaque(pa.array([[1], [2]])), "extension<arrow.opaque"),
    ],
)
def test_lists_and_records_are_refused_with_the_column_and_its_type(read_table, column, kind):
    for role in ("user", "time", "rating"):
        columns = {"user": [1, 1], "item": [8, 9], role: column}
        with pytest.raises(recbench.UsageError) as caught:
            read_table(columns)
        assert f"log.parquet: the column '{role}' contains lists or records" in str(caught.value)
        assert kind in str(caught.value)


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (uuids(*UUIDS), f"row 1: rating '{UUIDS[0]}'"),
        (pa.array([b"\xff", b"\x01"]), "row 1: rating 'ff'"),
        (pa.array([date(2020, 1, 1), None]), "row 2: rating '' (column rating) is missing"),
        (pa.array([date(2020, 1, 1)] * 2), "row 1: rating '2020-01-01'"),
    ],
)
def test_wrong_values_are_shown_as_text(read_table, column, problem):
    with pytest.raises(recbench.RecbenchError) as caught:
        read_table({"user": [1, 1], "item": [8, 9], "rating": column})
    assert problem in str(caught.value)


def test_bytes_that_are_no_text_are_no_times(read_table):
    times = pa.array([bytes(15) + b"\1", bytes(15) + b"\2"])
    with pytest.raises(recbench.RecbenchError, match="has the type binary, which is not a time"):
        read_table({"user": [1, 1], "item": [8, 9], "time": times})


def test_a_preview_shows_all_types(tmp_path):
    columns = {
        "user": uuids(*UUIDS),
        "item": pa.array([b"a", b"\xff"]),
        "time": pa.array([10**13, 0], pa.timestamp("s")),
        "day": pa.array([10**9, 0], pa.date32()),
        "list": pa.array([[1], None]),
        "odd": in_json({"a": 1}, 2),
    }
    parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
    (rows,) = preview(path=str(tmp_path / "log.parquet")).values()
    shown = {row["column"]: row["first values"] for row in rows}
    assert shown["user"] == f"'{UUIDS[0]}', '{UUIDS[1]}'"
    assert shown["item"] == "'61', 'ff'"
    assert shown["time"].endswith(", '1970-01-01 00:00:00.000'")
    assert shown["list"] == "'[1]', ''"
    assert shown["day"].endswith(", '1970-01-01'")
    assert shown["odd"] == f"{json.dumps({'a': 1})!r}, '2'"


def test_recommendations_of_odd_types():
    sink = pa.BufferOutputStream()
    columns = {
        "user": uuids(*UUIDS),
        "item": in_json("a", "b"),
        "rank": pa.array([2**63 + 1, 1], pa.uint64()),
        "bytes": pa.array([b"\1\2", b"\3\4"]),
    }
    parquet.write_table(pa.table(columns), sink)
    table = open_table("recs.parquet", sink.getvalue().to_pybytes())
    read = table.read(["user", "item"], ["rank", "bytes"])
    assert [read["user"][1][code] for code in read["user"][0]] == list(map(str, UUIDS))
    assert read["item"][1] == ["a", "b"]
    assert read["rank"].tolist() == [2.0**63, 1]
    assert np.isnan(read["bytes"]).all()
    assert table.locate("user", 1) == ("recs.parquet row 2", str(UUIDS[1]))


def test_columns_without_rows_and_with_several_chunks():
    empty = pa.chunked_array([], pa.uuid())
    assert plain_column(empty).to_pylist() == []
    chunks = pa.chunked_array([uuids(UUIDS[0]), uuids(UUIDS[1], None, UUIDS[0])])
    assert texts_of(plain_column(chunks)) == [str(UUIDS[0]), str(UUIDS[1]), "", str(UUIDS[0])]
    assert is_nested(pa.dictionary(pa.int32(), pa.list_(pa.int8())))
    assert not is_nested(pa.uuid())
