"""The option time_format: how times are written."""

import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recbench
from recbench_files.times.reader import parse_times

NO_ZONE = "Times have no time zone and were read as UTC"
date = datetime.datetime.fromisoformat
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def parse(values, time_format):
    def refuse(row, problem):
        return recbench.RecbenchError(f"row {row} {problem}")

    return parse_times(pa.chunked_array([pa.array(values)]), refuse, time_format)


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
