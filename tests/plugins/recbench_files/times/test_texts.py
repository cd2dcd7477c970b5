"""Dates in all forms that are read, and errors for the others."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recbench
from recbench_files.times.forms import MONTHS
from recbench_files.times.reader import parse_times

date = datetime.datetime.fromisoformat
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
NO_ZONE = ("Times have no time zone and were read as UTC",)


def parse(*texts):
    def refuse(row, problem):
        return recbench.RecbenchError(f"row {row} {problem}")

    return parse_times(pa.chunked_array([pa.array(texts)]), refuse)


@pytest.mark.parametrize(
    ("text", "instant", "zoned"),
    [
        ("2020-01-01 08:26:00 +00:00", "2020-01-01T08:26:00", True),
        ("2020-01-01 08:26:00 UTC", "2020-01-01T08:26:00", True),
        ("2020-01-01 08:26:00.25 UTC", "2020-01-01T08:26:00.25", True),
        ("2020-01-01T08:26:00 GMT", "2020-01-01T08:26:00", True),
        ("2020-01-01 08:26:00 Z", "2020-01-01T08:26:00", True),
        ("2020-01-01t08:26:00z", "2020-01-01T08:26:00", True),
        ("2020-01-01 08:26:00+0530", "2020-01-01T02:56:00", True),
        ("2020-01-01 08:26:00-03", "2020-01-01T11:26:00", True),
        ("2020-01-01 08:26 UTC+2", "2020-01-01T06:26:00", True),
        ("2020-01-01 8:26", "2020-01-01T08:26:00", False),
        ("2020-1-5", "2020-01-05T00:00:00", False),
        ("2020-1-5 08", "2020-01-05T08:00:00", False),
        ("  2020-01-05 ", "2020-01-05T00:00:00", False),
        ("2020/01/05 08:26:00", "2020-01-05T08:26:00", False),
        ("2020.01.05 08:26", "2020-01-05T08:26:00", False),
        ("2020-01-05 08:26:00,125", "2020-01-05T08:26:00.125", False),
        ("2020-01-05 12:05 am", "2020-01-05T00:05:00", False),
        ("2020-01-05, 2:05:07 PM", "2020-01-05T14:05:07", False),
        ("20200105T082600Z", "2020-01-05T08:26:00", True),
        ("20200105T0826", "2020-01-05T08:26:00", False),
        ("20200105 08:26:00.5", "2020-01-05T08:26:00.5", False),
        ("Tue, 03 Apr 2012 18:00:09 +0000", "2012-04-03T18:00:09", True),
        ("Tue, 3 Apr 2012 18:00:09 -0700 (PDT)", "2012-04-04T01:00:09", True),
        ("3 Apr 2012 18:00 GMT", "2012-04-03T18:00:00", True),
        ("Tue Apr 03 18:00:09 +0000 2012", "2012-04-03T18:00:09", True),
        ("Tue Apr  3 18:00:09 2012", "2012-04-03T18:00:09", False),
        ("Tue Apr  3 18:00:09 UTC 2012", "2012-04-03T18:00:09", True),
        ("Tue Apr 03 2012 18:00:09 GMT+0200 (Summer Time)", "2012-04-03T16:00:09", True),
        ("10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36", True),
        ("10OCT2000:13:55:36", "2000-10-10T13:55:36", False),
        ("2020-01-01T08:26+01:00[Europe/Paris]", "2020-01-01T07:26:00", True),
        ("Dec  1 2010  8:26AM", "2010-12-01T08:26:00", False),
        ("03 Apr 2012", "2012-04-03T00:00:00", False),
        ("03-APR-2012 10:00", "2012-04-03T10:00:00", False),
        ("1st September 2012", "2012-09-01T00:00:00", False),
        ("April 3, 2012", "2012-04-03T00:00:00", False),
        ("Sept. 3 2012", "2012-09-03T00:00:00", False),
        ("Apr 3, 2012 6:00 PM", "2012-04-03T18:00:00", False),
        ("April 3, 2012 at 12:00\u202fp.m.", "2012-04-03T12:00:00", False),
        ("2012-Apr-03", "2012-04-03T00:00:00", False),
        ("1969-12-31 23:59:59.5 UTC", "1969-12-31T23:59:59.5", True),
        ("2012-02-29 0:00", "2012-02-29T00:00:00", False),
    ],
)
def test_forms_of_dates(text, instant, zoned):
    times = parse(text, text)
    expected = np.datetime64(instant).astype(f"datetime64[{times.unit}]").astype(int)
    assert times.values.tolist() == [expected, expected]
    assert times.notes == (() if zoned else NO_ZONE)
    assert UNITS[times.unit] == (10**3 if "." in instant else 1)


def test_a_column_may_mix_unambiguous_forms():
    times = parse("2020-01-01 08:26", "1 Jan 2020 8:26:00.000001", "2020/1/1")
    assert times.values.tolist() == [1577867160000000, 1577867160000001, 1577836800000000]
    assert times.unit == "us"


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (
            ["12/1/2010 8:26"],
            (
                "row 0 may have the day or the month first. Write "
                "time_format=%m/%d/%Y %H:%M, or time_format=%d/%m/%Y %H:%M"
            ),
        ),
        (
            ["12/1/2010 8:26", "13/1/2010 9:26"],
            (
                "row 0 may have the day or the month first, but all "
                "rows fit only one order. Write time_format=%d/%m/%Y %H:%M"
            ),
        ),
        (
            ["1.12.2010"],
            (
                "row 0 may have the day or the month first. Write time_format=%m.%d.%Y, or "
                "time_format=%d.%m.%Y"
            ),
        ),
        (
            ["13.12.2010", "13.12.2010 8:26"],
            ("row 0 may have the day or the month first. Write time_format=%d.%m.%Y"),
        ),
        (
            ["03/04/05"],
            (
                "row 0 may have the day, the month or the year first. Write "
                "time_format=%m/%d/%y, or time_format=%d/%m/%y, or time_format=%y/%m/%d"
            ),
        ),
        (
            ["01-Apr-12"],
            (
                "row 0 may have the day, the month or the year first. Write "
                "time_format=%d-%b-%y, or time_format=%y-%b-%d"
            ),
        ),
        (
            ["12/31/10, 8:26:00.5 AM"],
            (
                "row 0 may have the day, the month or the year first, but all "
                "rows fit only one order. Write time_format=%m/%d/%y, %I:%M:%S.%f %p"
            ),
        ),
        (
            ["31-12-2010 08:26:00 +0100"],
            (
                "row 0 may have the day or the month first, but all rows "
                "fit only one order. Write time_format=%d-%m-%Y %H:%M:%S %z"
            ),
        ),
        (
            ["09 13, 2014"],
            (
                "row 0 may have the day or the month first, but all rows fit only one order. Write "
                "time_format=%m %d, %Y"
            ),
        ),
        (
            ["13-APR-10 08.26.00.5 AM", "45-APR-10 08.26.00.5 AM"],
            (
                "row 0 may have the day, the month or the year first, but all rows fit only one "
                "order. Write time_format=%y-%b-%d %I.%M.%S.%f %p"
            ),
        ),
        (
            ["99/99/2010"],
            (
                "row 0 is not a time. Write time_format= with the codes of strftime, or "
                "ISO dates like 2010-12-31 08:26"
            ),
        ),
        (
            ["yesterday"],
            (
                "row 0 is not a time. Write time_format= with the codes of strftime, or "
                "ISO dates like 2010-12-31 08:26"
            ),
        ),
        (
            ["2010-12"],
            (
                "row 0 is not a time. Write time_format= with the codes of strftime, or "
                "ISO dates like 2010-12-31 08:26"
            ),
        ),
        (
            ["2020-01-01", "2020-02-30"],
            ("row 1 is not a time, as there is no such day, hour or zone. Correct it"),
        ),
        (
            ["2016-12-31 23:59:60"],
            ("row 0 is not a time, as there is no such day, hour or zone. Correct it"),
        ),
        (
            ["0000-00-00 00:00:00"],
            ("row 0 is not a time, as there is no such day, hour or zone. Correct it"),
        ),
        (
            ["2010-12-31 13:00 PM"],
            ("row 0 is not a time, as there is no such day, hour or zone. Correct it"),
        ),
        (
            ["2010-12-31 08:26:00+25:00"],
            ("row 0 is not a time, as there is no such day, hour or zone. Correct it"),
        ),
        (
            ["2020-01-01 08:00 PST"],
            (
                "row 0 has the time zone PST, whose distance from UTC is not "
                "clear. Write it as +01:00, or write all times in UTC"
            ),
        ),
        (
            ["2020-01-01 08:00 Europe/Berlin"],
            (
                "row 0 has the time zone Europe/Berlin, whose "
                "distance from UTC is not clear. Write it as +01:00, or write all times in UTC"
            ),
        ),
        (
            ["14:05:00"],
            ("row 0 is a time of the day without a date. Write time=DATE+CLOCK with both columns"),
        ),
        (
            ["2020-01-01", "1291191960"],
            ("row 1 is a number, but other times are dates. Write all of them in the same way"),
        ),
        (
            ["1", "2", "x"],
            ("row 2 is not a number like the other times. Write all of them in the same way"),
        ),
        (
            ["2020-01-01 10:00", "2020-01-01 10:00 UTC"],
            (
                "row 1 differs from the times above it: "
                "some have a time zone and some do not. Write all of them with a time zone, or all "
                "without"
            ),
        ),
        (
            ["2020-01-01 10:00:00.1234567891"],
            ("row 0 has more than nine decimals. Write fewer decimals"),
        ),
    ],
)
def test_errors_say_what_to_write(texts, problem):
    with pytest.raises(recbench.RecbenchError) as caught:
        parse(*texts)
    assert str(caught.value) == problem


def test_the_error_of_a_log_names_the_line_and_the_remedy(fails):
    assert fails("user,item,date\n1,2,12/1/2010 8:26\n1,3,13/1/2010 8:26\n") == (
        "log.csv line 2: time '12/1/2010 8:26' (column date) may have the day or the month first, "
        "but all rows fit only one order. Write time_format=%d/%m/%Y %H:%M, or leave the column "
        "out with time="
    )


INSTANTS = st.datetimes(date("1900-01-01"), date("2200-01-01"))
OFFSETS = st.integers(-14 * 60, 14 * 60)


def write_zone(minutes, mark=":"):
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{mark}{abs(minutes) % 60:02}"


def month(when):
    return MONTHS[when.month - 1]


FORMS = {
    "ISO with a fraction": (10**6, lambda when, zone: when.isoformat(" ", "microseconds") + zone),
    "space before the zone": (1, lambda when, zone: f"{when:%Y-%m-%d %H:%M:%S} {zone}"),
    "few digits": (
        1,
        lambda when, zone: f"{when.year}-{when.month}-{when.day} {when.hour}:{when:%M:%S} {zone}",
    ),
    "slashes": (60, lambda when, zone: f"{when:%Y/%m/%d %H:%M}{zone}"),
    "compact": (1, lambda when, zone: f"{when:%Y%m%dT%H%M%S}{zone}"),
    "RFC 2822": (
        1,
        lambda when, zone: f"Mon, {when.day:02} {month(when)[:3]} {when:%Y %H:%M:%S} {zone}",
    ),
    "Twitter": (
        1,
        lambda when, zone: f"Mon {month(when)[:3]} {when.day:02} {when:%H:%M:%S} {zone} {when:%Y}",
    ),
    "Apache": (1, lambda when, zone: f"{when.day:02}/{month(when)[:3]}/{when:%Y:%H:%M:%S} {zone}"),
    "AM and PM": (
        60,
        lambda when, zone: (
            f"{month(when)} {when.day}, {when.year} {when.hour % 12 or 12}:{when:%M} "
            f"{'PM' if when.hour >= 12 else 'AM'} {zone}"
        ),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@given(
    instants=st.lists(INSTANTS, min_size=1, max_size=4),
    offset=OFFSETS,
    mark=st.sampled_from(["", ":"]),
)
def test_what_is_written_in_any_form_is_read_back(form, instants, offset, mark):
    precision, write = FORMS[form]
    local = [when + datetime.timedelta(minutes=offset) for when in instants]
    times = parse(*(write(when, write_zone(offset, mark)) for when in local))
    exact = [(when - date("1970-01-01")) // datetime.timedelta(microseconds=1) for when in instants]
    if precision == 10**6:
        expected = exact
    else:
        step = precision * 10**6
        expected = [when // step * step for when in exact]
    assert [value * (10**6 // UNITS[times.unit]) for value in times.values.tolist()] == expected
    assert not any("zone" in note for note in times.notes)
