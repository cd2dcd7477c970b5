"""The time of the day in a second column."""

import datetime

import pyarrow as pa
import pytest

import recbench
from recbench_files.times.reader import parse_times

NO_ZONE = "Times have no time zone and were read as UTC"
date = datetime.datetime.fromisoformat
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def parse(values, time_format=None, clock=None):
    def refuse(row, problem):
        return recbench.RecbenchError(f"row {row} {problem}")

    def column(listed):
        array = listed if isinstance(listed, pa.Array | None) else pa.array(listed)
        return None if array is None else pa.chunked_array([array])

    return parse_times(column(values), refuse, time_format, column(clock))


def nanoseconds(times):
    return [value * (10**9 // UNITS[times.unit]) for value in times.values.tolist()]


def instant(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp()) * 10**9


@pytest.mark.parametrize(
    ("clock", "expected", "note"),
    [
        (["14:05:00", "8:26"], ["2016-05-01T14:05:00", "2016-05-02T08:26:00"], ""),
        (["2:05 PM", "12:26am"], ["2016-05-01T14:05:00", "2016-05-02T00:26:00"], ""),
        (["2 PM", "12 AM"], ["2016-05-01T14:00:00", "2016-05-02T00:00:00"], ""),
        (["140500", "082600"], ["2016-05-01T14:05:00", "2016-05-02T08:26:00"], ""),
        ([datetime.time(14, 5), datetime.time(8, 26)],
         ["2016-05-01T14:05:00", "2016-05-02T08:26:00"], ""),
        ([3600, 86399], ["2016-05-01T01:00:00", "2016-05-02T23:59:59"], "seconds"),
        ([3600.0, 86399.0], ["2016-05-01T01:00:00", "2016-05-02T23:59:59"], "seconds"),
        (["3600", "86399"], ["2016-05-01T01:00:00", "2016-05-02T23:59:59"], "seconds"),
        ([3600, 86400], ["2016-05-01T00:00:03.600", "2016-05-02T00:01:26.400"], "milliseconds"),
        (["1000", "90000000"], ["2016-05-01T00:00:01", "2016-05-03T01:00:00"], "milliseconds"),
    ],
)  # fmt: skip
def test_clocks_are_added_to_dates(clock, expected, note):
    times = parse(["2016-05-01", "2016-05-02"], clock=clock)
    found = [
        datetime.datetime.fromtimestamp(value / 1e9, datetime.UTC) for value in nanoseconds(times)
    ]
    assert found == [datetime.datetime.fromisoformat(text + "+00:00") for text in expected]
    notes = (f"Times of the day were read as {note} since midnight",) if note else ()
    assert times.notes == (NO_ZONE, *notes)


def test_what_dropped_rows_held_does_not_matter():
    kept, dates = pa.array([1, 0, 1]), pa.array(["", "2016-05-01"])
    for clocks, second in ((["25:00", "8:00"], 8 * 3600), (["x", "60"], 60)):
        clock = pa.DictionaryArray.from_arrays(kept, pa.array(clocks)).filter(
            pa.array([True, False, True])
        )
        dropped = pa.DictionaryArray.from_arrays(kept, dates).filter(pa.array([True, False, True]))
        found = nanoseconds(parse(dropped, clock=clock))
        assert found == [instant("2016-05-01T00:00:00") + second * 10**9] * 2


def test_clocks_with_fractions_zones_and_other_dates():
    assert nanoseconds(parse(["2016-05-01"], clock=["08:00:00.000000001"])) == [
        instant("2016-05-01T08:00:00") + 1
    ]
    zoned = parse(["2016-05-01"], clock=["01:00+02:00"])
    assert nanoseconds(zoned) == [instant("2016-04-30T23:00:00")]
    assert zoned.notes == ()
    named = parse(["1/5/2016"], "%d/%m/%Y", clock=["8:00"])
    assert nanoseconds(named) == [instant("2016-05-01T08:00:00")]
    typed = parse([datetime.date(2016, 5, 1)], clock=["8:00"])
    assert nanoseconds(typed) == [instant("2016-05-01T08:00:00")]


@pytest.mark.parametrize(
    ("dates", "clock", "problem"),
    [
        (["2016-05-01", "2016-05-01 10:00"], ["8:00", "8:00"],
         "row 1 is not a date without a time of the day. Write time=DATE+CLOCK, the date first"),
        ([1000, 2000], ["2016-05-01", "2016-05-01"],
         "row 0 is not a date without a time of the day. Write time=DATE+CLOCK, the date first"),
        (["2016-05-01", "2016-05-01"], ["8:00", "25:00"],
         "row 1 has the time of the day '25:00', which cannot be read. "),
        (["2016-05-01", "2016-05-01"], [5, -1],
         "row 1 has the time of the day -1, which cannot be read. "),
        (["2016-05-01", "2016-05-01"], [5, 1300000000000],
         "row 1 has the time of the day 1300000000000, which cannot be read. "),
        (["2016-05-01"], [0.5], "row 0 has times of the day that are not counts. "),
        (["2016-05-01"], [True], "row 0 has the time of the day 'true', which cannot be read. "),
        (["2016-05-01", "2016-05-01"], ["8:00", "8:00Z"], "row 1 differs from the times above it"),
        (["2016-05-01", "9999-12-31"], ["8:00", "8:00:00.000000001"],
         "row 1 is too far from 1970 for nanoseconds"),
    ],
)  # fmt: skip
def test_wrong_clocks_are_refused(dates, clock, problem):
    with pytest.raises(recbench.RecbenchError) as caught:
        parse(dates, clock=clock)
    assert str(caught.value).startswith(problem)


def test_a_log_with_two_columns_for_the_time(read, sequences):
    text = "user,item,day,hour\n1,8,1/5/2016,9:30\n1,9,1/5/2016,8:30\n1,7,30/4/2016,10:00\n"
    dataset = read(text, time="day+hour", time_format="%d/%m/%Y")
    assert sequences(dataset) == {1: [7, 9, 8]}
    assert dataset.interactions.times.tolist() == [1462010400, 1462091400, 1462095000]


def test_counts_below_24_are_hours():
    times = parse(["2016-05-01", "2016-05-01"], clock=[23, 8])
    assert nanoseconds(times) == [instant("2016-05-01T23:00:00"), instant("2016-05-01T08:00:00")]
    assert "Times of the day were read as hours since midnight" in times.notes
    assert parse(["2016-05-01", "2016-05-01"], clock=[24, 8]).values.tolist()[1] % 86400 == 8


@pytest.mark.parametrize(("digits", "clock"), [("0826", "08:26:00"), ("082605", "08:26:05")])
def test_times_of_the_day_in_digits(digits, clock):
    times = parse(["2016-05-01", "2016-05-01"], clock=[digits, digits.replace("08", "14")])
    first = instant(f"2016-05-01T{clock}")
    assert nanoseconds(times) == [first, first + 6 * 3600 * 10**9]


def test_durations_are_times_of_the_day(read_table):
    columns = {"user": [1, 1], "item": [8, 9], "date": pa.array([0, 0], pa.date32())}
    clock = pa.array([5, 3], pa.duration("s"))
    dataset = read_table({**columns, "clock": clock}, time="date+clock")
    assert dataset.interactions.times.tolist() == [3, 5]
    negative = pa.array([5, -3], pa.duration("ms"))
    with pytest.raises(recbench.RecbenchError, match=r"row 2: time '1970-01-01' .* no time of the"):
        read_table({**columns, "clock": negative}, time="date+clock")
