"""Times: in any unit and form, without loss of precision."""

import pyarrow as pa
import pytest


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
def test_units_and_precision_of_times(read, first, second, seconds, note, sequences):
    dataset = read(f"user,item,time\n1,8,{first}\n1,9,{second}\n")
    assert sequences(dataset) == {1: [9, 8]}
    assert dataset.interactions.times[0] == seconds
    assert note in "; ".join(dataset.notes[:-1])
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
def test_times_of_any_type_in_parquet(read_table, column, sequences):
    dataset = read_table({"user": [1, 1], "item": [8, 9], "time": column})
    assert sequences(dataset) == {1: [9, 8]}
    assert dataset.interactions.times.tolist() == [1300000000, 1300000001]


def test_dates_in_parquet(read_table):
    for kind in (pa.date32(), pa.date64()):
        days = pa.array(["1970-01-03", "1969-12-31"]).cast(pa.timestamp("s")).cast(kind)
        dataset = read_table({"user": [1, 1], "item": [8, 9], "date": days})
        assert dataset.interactions.times.tolist() == [-86400, 2 * 86400]
