"""The option time_format, and the time of the day in a second column."""

import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recbench
from recbench_files.times import parse_times

NO_ZONE = "Times have no time zone and were read as UTC"
date = datetime.datetime.fromisoformat
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def parse(values, time_format=None, clock=None):
    def refuse(row, problem):
        return recbench.RecbenchError(f"row {row} {problem}")

    def column(listed):
        return listed if listed is None else pa.chunked_array([pa.array(listed)])

    return parse_times(column(values), refuse, time_format, column(clock))


def nanoseconds(times):
    return [value * (10**9 // UNITS[times.unit]) for value in times.values.tolist()]


def instant(text):
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp()) * 10**9


@pytest.mark.parametrize(
    ("values", "time_format", "expected", "zoned"),
    [
        (["12/1/2010 8:26", "12/1/2010 8:26"], "%m/%d/%Y %H:%M", "2010-12-01T08:26:00", False),
        ([" 1.12.2010 "], "%d.%m.%Y", "2010-12-01T00:00:00", False),
        (["1.12.2010 2:05 PM"], "%d.%m.%Y %I:%M %p", "2010-12-01T14:05:00", False),
        (["1.12.2010 02:03 +0200"], "%d.%m.%Y %H:%M %z", "2010-12-01T00:03:00", True),
        (["01-Apr-12"], "%d-%b-%y", "2012-04-01T00:00:00", False),
        ([20101231], "%Y%m%d", "2010-12-31T00:00:00", False),
        ([20101231.0], "%Y%m%d", "2010-12-31T00:00:00", False),
        (["20101231.0"], "%Y%m%d", "2010-12-31T00:00:00", False),
        ([50102], "%y%m%d", "2005-01-02T00:00:00", False),
        (["2010-365"], "%Y-%j", "2010-12-31T00:00:00", False),
        (["2010"], "%Y", "2010-01-01T00:00:00", False),
    ],
)
def test_time_format(values, time_format, expected, zoned):
    times = parse(values, time_format)
    assert nanoseconds(times) == [instant(expected)] * len(values)
    assert times.notes == (() if zoned else (NO_ZONE,))


def test_time_format_keeps_fractions():
    times = parse(["1/12/2010 08:26:00.000000001"], "%d/%m/%Y %H:%M:%S.%f")
    assert nanoseconds(times) == [instant("2010-12-01T08:26:00") + 1]


@pytest.mark.parametrize(
    ("values", "time_format", "problem"),
    [
        (["12/1/2010", "13/13/2010"], "%d/%m/%Y", "row 1 does not fit time_format=%d/%m/%Y"),
        (["12/1/2010 8:26"], "%d/%m/%Y", "row 0 does not fit"),
        (["12/1/2010", "now"], "%d/%m/%Y", "row 1 does not fit"),
        (["20101231", "2010111"], "%Y%m%d", "row 1 does not fit"),
        ([20101231, 1291191960], "%Y%m%d", "row 1 does not fit"),
        ([20101231.0, 20101231.5], "%Y%m%d", "row 1 does not fit"),
    ],
)
def test_times_in_another_format_are_refused(values, time_format, problem):
    with pytest.raises(recbench.RecbenchError, match=f"^{problem}.*Correct it"):
        parse(values, time_format)


@pytest.mark.parametrize(
    ("time_format", "problem"),
    [
        ("dmy", "has no codes such as %Y"),
        ("mixed", "has no codes such as %Y"),
        ("%H:%M", "has no year (%Y or %y)"),
        ("%d/%m", "has no year (%Y or %y)"),
        ("%Y %H:%M", "has a time of the day, but no day (%d)"),
        ("%d/%m/%Y %H:%M %p",
         "needs both %I (the hour from 1 to 12) and %p (AM or PM), or %H"),
        ("%d/%m/%Y %I:%M", "needs both %I (the hour from 1 to 12) and %p (AM or PM), or %H"),
        ("%d/%q/%Y", "is wrong: 'q' is a bad directive in format '%d/%q/%Y'"),
        ("%d/%m/%Y%", "is wrong: stray % in format '%d/%m/%Y%'"),
    ],
)  # fmt: skip
def test_wrong_formats_are_refused(time_format, problem):
    with pytest.raises(recbench.UsageError) as caught:
        parse(["12/1/2010"], time_format)
    assert str(caught.value) == (
        f"time_format={time_format} {problem}; write codes of strftime, as in "
        "time_format=%d/%m/%Y %H:%M"
    )


@pytest.mark.parametrize("value", [datetime.date(2010, 12, 31), date("2010-12-31")])
def test_a_format_for_timestamps_is_refused(value):
    with pytest.raises(
        recbench.UsageError, match=r"^time_format=%Y has no effect: the type .*out$"
    ):
        parse([value], "%Y")


@given(st.datetimes(date("1970-01-01"), date("2068-12-31")))
@pytest.mark.parametrize(
    "time_format",
    ["%d/%m/%Y %H:%M:%S.%f", "%m-%d-%y %H:%M:%S.%f", "%Y%m%d%H%M%S%f", "%S.%f:%M:%H %j %Y"],
)
def test_what_is_written_in_a_format_is_read_back(time_format, when):
    times = parse([when.strftime(time_format)], time_format)
    since = when - date("1970-01-01")
    assert nanoseconds(times) == [since // datetime.timedelta(microseconds=1) * 1000]


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
        (["2016-05-01"], [0.5], "row 0 has times of the day that are not whole. "),
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
