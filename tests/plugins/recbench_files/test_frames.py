"""DataFrames as logs: types, indices, missing values, names, and what is no DataFrame."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import recbench
from recbench_files import preview, read_file

LOG = {"user": ["ann", "bob", "ann"], "item": ["007", "7", "x"]}


def refused(data, **options):
    with pytest.raises(recbench.RecbenchError) as caught:
        read_file(data, **options)
    assert "\n" not in str(caught.value)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_frame_is_read_like_a_file(sequences):
    frame = pd.DataFrame(
        {**LOG, "time": [30, 10, 20], "rating": [5, 4, 3], "event": ["a", "a", "b"]}
    )
    before = frame.copy(deep=True)
    dataset = read_file(frame, name="shop")
    assert sequences(dataset) == {"ann": ["x", "007"], "bob": ["7"]}
    assert dataset.interactions.times.tolist() == [20, 30, 10]
    assert dataset.interactions.ratings.tolist() == [3, 5, 4]
    assert (dataset.name, dataset.source, dataset.sha256) == ("shop", "DataFrame", "")
    assert dataset.notes[-1] == (
        "The DataFrame was read with user=user, item=item, time=time, rating=rating"
    )
    pd.testing.assert_frame_equal(frame, before)
    dataset = recbench.load_dataset(frame, where="event=a", min_rating=5)
    assert dataset.name == "DataFrame:min_rating=5,where=event=a"
    assert dataset.item_ids.tolist() == ["007"]
    assert list(preview(path=frame)["Columns of DataFrame"][0].values()) == [
        "user",
        "user",
        "'ann', 'bob', 'ann'",
    ]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["07", "7", "e@x.org"], ["07", "7", "e@x.org"]),
        ([7.0, np.nan, 8.0], [7, 8]),
        ([7.5, np.nan, 8.0], ["7.5", "8.0"]),
        ([1, "a", 2.0], ["1", "2", "a"]),
        ([2**70, 1, None], ["1", str(2**70)]),
        ([pd.NA, "a", None], ["a"]),
        ([Decimal(7), Decimal("8.0"), None], [7, 8]),
        ([True, 1, "x"], ["1", "true", "x"]),
        ([b"a", "b", None], ["a", "b"]),
        (pd.Categorical(["b", "a", None], categories=["z", "b", "a"]), ["a", "b"]),
        (pd.Categorical([7.0, 8.0, None]), [7, 8]),
        (pd.array([7, None, 8], dtype="Int64"), [7, 8]),
        (pd.array(["a", None, "b"], dtype="string"), ["a", "b"]),
        (pd.array([True, None, False], dtype="boolean"), ["false", "true"]),
        (pd.array([7, None, 8], dtype=pd.ArrowDtype(pa.int64())), [7, 8]),
        (pd.array(["a", None, "b"], dtype=pd.ArrowDtype(pa.large_string())), ["a", "b"]),
        (pd.arrays.SparseArray([7.0, np.nan, 8.0]), [7, 8]),
    ],
)
def test_ids_of_any_type(ids, expected):
    dataset = read_file(pd.DataFrame({"user": ids, "item": [1, 1, 1]}))
    assert dataset.user_ids.tolist() == expected
    n = 3 - len(expected)
    note = (
        f"{n} rows have no user and were dropped" if n > 1 else "1 row has no user and was dropped"
    )
    assert (note in dataset.notes) == (n > 0)


ZONED = pd.to_datetime(["2024-05-03 10:00", "2024-05-01 10:00", "2024-05-02 10:00"])


@pytest.mark.parametrize(
    ("times", "zoned"),
    [
        (ZONED.tz_localize("UTC"), True),
        (ZONED.tz_localize("UTC").tz_convert("Asia/Tokyo"), True),
        (ZONED.as_unit("ns"), False),
        (list(ZONED), False),
        ([str(time) for time in ZONED], False),
        (pd.Series(ZONED.tz_localize("UTC").to_pydatetime(), dtype=object), True),
        (pd.Series(ZONED).astype(pd.ArrowDtype(pa.timestamp("us", "UTC"))), True),
        (pd.Categorical(ZONED), False),
        (ZONED.astype("int64"), True),
    ],
)
def test_times_of_any_type(times, zoned):
    dataset = read_file(pd.DataFrame({**LOG, "time": times}))
    log = dataset.interactions
    assert log.times.view(f"datetime64[{log.time_unit}]").astype(str).tolist() == [
        "2024-05-02T10:00:00",
        "2024-05-03T10:00:00",
        "2024-05-01T10:00:00",
    ]
    assert ("Times have no time zone and were read as UTC" in dataset.notes) == (not zoned)


def test_nanoseconds_periods_and_dates_among_times_are_kept():
    fine = pd.Series([pd.Timestamp("2024-05-01 00:00:00.000000001"), None, None], dtype=object)
    dataset = read_file(pd.DataFrame({**LOG, "time": fine}))
    assert dataset.interactions.times.tolist() == [1714521600000000001]
    months = pd.period_range("2024-01", periods=3, freq="M")
    dataset = read_file(pd.DataFrame({**LOG, "time": months}))
    assert dataset.interactions.times.tolist() == [1704067200, 1709251200, 1706745600]
    mixed = pd.Series(
        [dt.date(2024, 1, 1), pd.Timestamp("2024-01-01 05:00").to_pydatetime(), None], dtype=object
    )
    dataset = read_file(pd.DataFrame({**LOG, "time": mixed}))
    assert sorted(dataset.interactions.times.tolist()) == [1704067200, 1704085200]


def test_zones_in_some_rows_are_refused():
    times = pd.Series(
        [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC"), None], dtype=object
    )
    message = refused(pd.DataFrame({**LOG, "time": times}))
    assert "DataFrame iloc[1]: time '2024-01-01T00:00:00+00:00' (column time) differs" in message


def test_an_index_with_a_name_is_a_column():
    frame = pd.DataFrame({"user": ["ann", "bob"], "item": [1, 2], "day": [5, 6]})
    for index in (["user"], ["user", "item"], ["day"]):
        dataset = read_file(frame.set_index(index), time="day")
        assert dataset.user_ids.tolist() == ["ann", "bob"]
        assert dataset.interactions.times.tolist() == [5, 6]
    unsorted = frame.set_index(pd.Index([9, 3]))
    assert not any("index" in note for note in read_file(unsorted, time="day").notes)
    twice = frame.set_index("user", drop=False)
    assert read_file(twice, time="day").user_ids.tolist() == ["ann", "bob"]


def test_an_index_without_a_name_is_the_column_index_unless_it_numbers_the_rows():
    days = pd.to_datetime(["2024-01-02", "2024-01-01"])
    frame = pd.DataFrame({"user": ["ann", "ann"], "item": [1, 2]}, index=days)
    assert refused(frame) == (
        "UsageError: DataFrame: the column 'index' seems to hold times, such as "
        "'2024-01-02 00:00:00.000000', but does not have a usual name. Write time=index to use "
        "it, or time= to leave it out"
    )
    assert read_file(frame, time="index").interactions.items.tolist() == [1, 0]
    named = pd.DataFrame({"item": [1, 2]}, index=["ann", "bob"])
    assert refused(named) == (
        "UsageError: DataFrame: no column has a usual name for the user. Name it: user=COLUMN, "
        "where COLUMN is one of index, item"
    )
    assert read_file(named, user="index").user_ids.tolist() == ["ann", "bob"]


def test_names_of_columns_that_are_no_texts_or_have_levels():
    frame = pd.DataFrame([[1, 2], [3, 4]])
    assert recbench.load_dataset(frame, user=0, item=1).item_ids.tolist() == [2, 4]
    frame.columns = pd.MultiIndex.from_tuples([("user", ""), ("product", "code")])
    assert read_file(frame, item="product.code").user_ids.tolist() == [1, 3]


def test_columns_of_the_same_name_are_refused_if_they_are_used():
    frame = pd.DataFrame([[1, 2, 3], [3, 4, 5]], columns=["user", "item", "item"])
    assert refused(frame) == (
        "UsageError: DataFrame: several columns are called 'item'; rename all but the one that is "
        "the item"
    )
    frame.columns = ["item", "user", "item"]
    assert "user=item matches several columns" in refused(frame, user="item")
    frame.columns = ["extra", "extra", "user"]
    frame["item"] = [1, 2]
    assert read_file(frame).user_ids.tolist() == [3, 5]


def test_errors_name_the_frame_and_the_row():
    frame = pd.DataFrame({**LOG, "rating": [1, "good", 3]}, index=[5, 6, 7])
    assert refused(frame) == (
        "RecbenchError: DataFrame iloc[1]: rating 'good' (column rating) is not a number. Correct "
        "it, or leave the column out with rating="
    )
    assert refused(frame, user="usr").startswith(
        "UsageError: user=usr: DataFrame has no such column; did you mean 'user'?"
    )
    assert refused(pd.DataFrame(columns=["user", "item"])) == (
        "RecbenchError: DataFrame has no rows; check how it was made"
    )
    assert refused(pd.DataFrame()) == (
        "UsageError: DataFrame has no columns; check how it was made"
    )
    lists = pd.DataFrame({"user": [1], "item": [[1, 2]]})
    assert "the column 'item' contains lists or records" in refused(lists)
    assert "DataFrame names its columns itself; leave out header=" in refused(frame, header="a,b")
    assert "DataFrame is not a file; leave out format=csv" in refused(frame, format="csv")


def test_tables_of_pyarrow_and_several_frames():
    dataset = read_file(pa.table(LOG))
    assert (dataset.name, dataset.user_ids.tolist()) == ("Table", ["ann", "bob"])
    frame = pd.DataFrame(LOG)
    both = read_file([frame, frame.assign(user="eve")])
    assert both.user_ids.tolist() == ["ann", "bob", "eve"]
    assert both.interactions.n_interactions == 6
    assert both.notes[0] == "2 DataFrames were read as one log, in this order"
    assert both.notes[-1] == "The DataFrames were read with user=user, item=item"
    wrong = [frame.assign(rating=1), frame.assign(rating="no")]
    assert "DataFrame 2 iloc[0]: rating 'no'" in refused(wrong)


def a(name, module, **methods):
    """Return an object of a class of this name in another package."""
    return type(name, (), {"__module__": module, **methods})()


@pytest.mark.parametrize(
    ("data", "what", "remedy"),
    [
        (a("DataFrame", "polars.dataframe", to_pandas=0), "a polars DataFrame", "df.to_pandas()"),
        (a("LazyFrame", "polars.lazy"), "a polars LazyFrame", "df.collect().to_pandas()"),
        (a("DataFrame", "dask.dataframe"), "a dask DataFrame", "df.compute()"),
        (a("DataFrame", "pyspark.sql"), "a pyspark DataFrame", "df.toPandas()"),
        (a("DataFrame", "cudf.core", to_pandas=0), "a cudf DataFrame", "df.to_pandas()"),
        (
            pd.Series([1]),
            "a pandas Series",
            "a DataFrame with a column for the user and one for the item",
        ),
        (LOG, "a dict", "pd.DataFrame(data)"),
        ([{"user": 1}], "a list", "pd.DataFrame(data)"),
        (
            np.zeros((2, 2)),
            "a numpy ndarray",
            'pd.DataFrame(array, columns=["user", "item", "time"])',
        ),
        (42, "an int", "a path or a pandas DataFrame"),
    ],
)
def test_what_is_no_frame_is_refused_with_what_to_pass(data, what, remedy):
    message = f"{what} cannot be read as a table; pass {remedy}"
    assert refused(data) == f"UsageError: {message}"
    with pytest.raises(recbench.UsageError) as caught:
        recbench.load_dataset(data)
    assert str(caught.value) == message
    assert refused(pd.DataFrame(LOG), item_table=data) == f"UsageError: item_table: {message}"
