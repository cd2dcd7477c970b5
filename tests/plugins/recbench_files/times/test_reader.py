"""Times: numbers of any unit and type, in full resolution."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

import recbench
from recbench_files.times.reader import parse_times, reads_as_times


def parse(values, kind=None, **options):
    """Read a list as a column of times."""

    def refuse(row, problem):
        return recbench.RecbenchError(f"row {row} {problem}")

    return parse_times(pa.chunked_array([pa.array(values, kind)]), refuse, **options)


@pytest.mark.parametrize(
    ("first", "second", "times", "unit", "note"),
    [
        ("1300000001", "1300000000", [1300000000, 1300000001], "s", ""),
        ("1300000000.75", "1300000000.25", [1300000000250, 1300000000750], "ms", ""),
        ("1300000000700", "1300000000200", [1300000000200, 1300000000700], "ms", "milliseconds"),
        ("1300000000000007", "1300000000000002", [1300000000000002, 1300000000000007], "us", "mic"),
        (
            "1300000000000000007",
            "1300000000000000002",
            [1300000000000000002, 1300000000000000007],
            "ns",
            "nanoseconds",
        ),
        ("2011-12-02", "2011-12-01", [1322697600, 1322784000], "s", "no time zone"),
        ("2011-12-01 08:26:01", "2011-12-01 08:26:00", [1322727960, 1322727961], "s", "no time"),
        (
            "2011-12-01T08:26:00.7Z",
            "2011-12-01T10:26:00.2+02:00",
            [1322727960200, 1322727960700],
            "ms",
            "",
        ),
        (
            "2011-12-01 08:26:00.000000002",
            "2011-12-01 08:26:00.000000001",
            [1322727960000000001, 1322727960000000002],
            "ns",
            "zone",
        ),
    ],
)
def test_a_log_keeps_the_resolution_of_its_times(read, first, second, times, unit, note, sequences):
    dataset = read(f"user,item,time\n1,8,{first}\n1,9,{second}\n")
    assert sequences(dataset) == {1: [9, 8]}
    assert dataset.interactions.times.tolist() == times
    assert dataset.interactions.time_unit == unit
    assert note in "; ".join(dataset.notes[:-1])
    assert bool(note) == (len(dataset.notes) > 1)


@pytest.mark.parametrize(
    "column",
    [
        *(
            pa.array([1300000001, 1300000000]).cast(pa.timestamp("s")).cast(pa.timestamp(unit))
            for unit in ("s", "ms", "us", "ns")
        ),
        pa.array([1300000001, 1300000000]).cast(pa.timestamp("s", "Europe/Paris")),
        pa.array([1300000001.0, 1300000000.0]),
        pa.array(["1300000001", "1300000000"]),
        pa.array(["1300000001", "1300000000"]).dictionary_encode(),
        pa.array([1300000001, 1300000000]).dictionary_encode(),
        pa.array([b"1300000001", b"1300000000"]),
        pa.array(["2011-03-13T07:06:41Z", "2011-03-13T07:06:40Z"]),
        pa.array(["2011-03-13T07:06:41Z", "2011-03-13T07:06:40Z"]).dictionary_encode(),
        pa.array([1300000001, 1300000000], pa.uint32()),
        pa.array([1300000001000000000, 1300000000000000000], pa.uint64()),
        pa.array([Decimal(1300000001), Decimal(1300000000)], pa.decimal128(20, 4)),
        pa.array([Decimal(1300000001), Decimal(1300000000)], pa.decimal256(50, 12)),
    ],
)
def test_times_of_any_type_in_parquet(read_table, column, sequences):
    dataset = read_table({"user": [1, 1], "item": [8, 9], "time": column})
    assert sequences(dataset) == {1: [9, 8]}
    assert dataset.interactions.times.tolist() == [1300000000, 1300000001]


def test_dates_in_parquet(read_table):
    for kind in (pa.date32(), pa.date64()):
        days = pa.array(["1970-01-03", "1969-12-31"]).cast(pa.timestamp("s")).cast(kind)
        dataset = read_table({"user": [1, 1], "item": [8, 9], "date": days})
        assert dataset.interactions.times.tolist() == [-86400, 2 * 86400]
        assert "Times have no time zone and were read as UTC" in dataset.notes


@pytest.mark.parametrize(
    ("values", "nanoseconds"),
    [
        (["1300000000.000000002", "1300000000.000000001"], [1300000000000000002, -1]),
        ([Decimal("1300000000.123456789"), Decimal("-0.5")], [1300000000123456789, -500000000]),
        (["1300000000000.000002", "1300000000000"], [1300000000000000002, -2]),
        (["1.3E9", "1300000000.5"], [1300000000000000000, 500000000]),
    ],
)
def test_decimals_are_exact(values, nanoseconds):
    first, second = nanoseconds
    times = parse(values)
    assert times.unit == "ns"
    assert times.values[0] == first
    assert times.values[1] in (second, first + second)


def test_floats_keep_their_fraction():
    times = parse([1300000000.75, 1300000000.25])
    assert (times.values.tolist(), times.unit) == ([1300000000.75, 1300000000.25], "s")
    times = parse([1300000000000.5, 1300000000001.0])
    assert (times.values.tolist(), times.unit) == ([1300000000000.5, 1300000000001.0], "ms")
    times = parse(["12345678901.1234567891", "5"])  # too many decimals for nanoseconds
    assert (times.values.tolist(), times.unit) == ([12345678901.123457, 5.0], "s")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1, 2**63 + 5], "row 1 is too large, even for nanoseconds since 1970. Correct it"),
        ([1, 2**63 - 1], "row 1 is too large, even for nanoseconds since 1970. Correct it"),
        ([1.0, 1e19], "row 1 is too large, even for nanoseconds since 1970. Correct it"),
        ([1.0, float("inf")], "row 1 is not a finite number. Correct it"),
        (["1.5", "nan"], "row 1 is not a finite number. Correct it"),
        (
            [1300000000, 1300000001, 1300000000000],
            "row 2 does not fit the others, which are seconds. Use one unit for all",
        ),
        (
            [1300000000000, 1300000000001, 1300000000],
            "row 2 does not fit the others, which are milliseconds. Use one unit for all",
        ),
        (
            [True],
            ("row 0 has the type bool, which is not a time. Write seconds since 1970 or ISO dates"),
        ),
        (
            [datetime.timedelta(seconds=5)],
            (
                "row 0 has the type duration[us], which is not a time. "
                "Write seconds since 1970 or ISO dates"
            ),
        ),
        (
            [datetime.time(8, 26)],
            ("row 0 is a time of the day without a date. Write time=DATE+CLOCK with both columns"),
        ),
    ],
)
def test_what_is_no_time_is_refused(values, problem):
    kind = pa.uint64() if max(values) == 2**63 + 5 else None
    with pytest.raises(recbench.RecbenchError) as caught:
        parse(values, kind)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("digits", "time_format"),
    [
        ([20101231, 20110101], "%Y%m%d"),
        (["20101231.0"], "%Y%m%d"),
        ([2010123108], "%Y%m%d%H"),
        ([201012310826], "%Y%m%d%H%M"),
        ([20101231082600], "%Y%m%d%H%M%S"),
        ([20101231082600123], "%Y%m%d%H%M%S%f"),
    ],
)
def test_dates_in_digits_are_refused_with_a_format_that_reads_them(digits, time_format):
    with pytest.raises(recbench.RecbenchError) as caught:
        parse(digits)
    assert (
        str(caught.value) == f"row 0 looks like a date in digits. Write time_format={time_format}"
    )
    times = parse(digits, time_format=time_format)
    day = times.values[0] // {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[times.unit] // 86400
    assert day == np.datetime64("2010-12-31").astype(int)


def test_dates_in_digits_may_have_the_year_last():
    with pytest.raises(recbench.RecbenchError) as caught:
        parse([1122010, 2122010])
    problem = "row 0 looks like a date in digits. Write time_format=%m%d%Y, or time_format=%d%m%Y"
    assert str(caught.value) == problem
    assert parse([1122010], time_format="%d%m%Y").values[0] // 10**6 == 1291161600
    with pytest.raises(recbench.RecbenchError, match=r"Write time_format=%d%m%Y$"):
        parse([1122010, 13122010])
    assert parse([1122010, 13122200]).unit == "s"


def test_a_zero_among_dates_in_digits_does_not_hide_them():
    with pytest.raises(recbench.RecbenchError, match=r"^row 1 looks like a date in digits"):
        parse([0, 20101231, 20110101])
    assert parse([20101231, 20109999, 20105555]).unit == "s"  # no dates: no such months


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([0, 0, 1300000000], "2 times are before 1980 or after 2099, such as 1970-01-01"),
        ([1300000000000, -1], "1 time is before 1980 or after 2099, such as 1969-12-31"),
        (["2011-12-01", "9999-12-31"], "1 time is before 1980 or after 2099, such as 9999-12-31"),
        (
            ["0001-01-01 00:00:00", "2011-12-01 00:00:00"],
            "1 time is before 1980 or after 2099, such as 0001-01-01",
        ),
        ([1300000000.5, 0.5], "1 time is before 1980 or after 2099, such as 1970-01-01"),
        ([0, 1, 2], ""),
        ([1300000000, 1300000001], ""),
        ([1.29119e9, 1.2912e9], "All times are multiples of 10,000 seconds"),
        ([1.29119e9, 1.2912e9 + 1], ""),
    ],
)
def test_doubtful_times_are_noted(values, note):
    notes = "; ".join(parse(values).notes)
    assert note in notes
    assert bool(note) == ("before 1980" in notes or "multiples" in notes)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([43831.5, 43832.25], "As seconds since 1970, all times are on 1970-01-01"),
        ([1, 200_000], "As seconds since 1970, all times are from 1970-01-01 to 1970-01-03"),
        ([129 * 10**15], "As nanoseconds since 1970, all times are on 1974-02-02"),
        ([637 * 10**15, 638 * 10**15], "As nanoseconds since 1970, all times are from 1990-03"),
        ([63397123200], "As seconds since 1970, all times are on 3978-12-23"),
        ([1300000000], ""),
        ([0, 1300000000], ""),
    ],
)
def test_numbers_that_are_hardly_times_since_1970_are_noted(values, note):
    notes = "; ".join(parse(values).notes)
    assert note in notes
    assert bool(note) == ("if they count something else, only their order is right" in notes)


@pytest.mark.parametrize("scale", [1, 1000])
@pytest.mark.parametrize("kind", ["i8", "f8"])
def test_times_that_were_rounded_as_floats_of_32_bits_are_noted(kind, scale):
    exact = np.arange(1291191960, 1291291960, 3777) * scale
    seconds = 128 if scale == 1 else 131
    note = (
        f"All times are multiples of {seconds} seconds: 32-bit floats may have rounded them, and "
        "lost the order of close ones"
    )
    assert note in parse(exact.astype("f4").astype(kind)).notes
    assert note not in parse(exact.astype(kind)).notes
    hours = (1_600_000_000 + 3600 * np.arange(0, 100, 8)) * scale
    assert note not in parse(hours.astype(kind)).notes
    assert note not in parse((86_400 * np.arange(14000, 14010) * scale).astype(kind)).notes


def test_times_far_from_1970_are_exact():
    times = parse(["0001-01-01", "9999-12-31 23:59:59.999999"])
    assert times.values.tolist() == [-62135596800 * 10**6, 253402300799999999]
    assert times.unit == "us"
    with pytest.raises(recbench.RecbenchError, match=r"^row 1 is too far from 1970 for this many"):
        parse(["2011-12-01 00:00:00.000000001", "9999-12-31 00:00:00"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2017-07-15", ""], True),
        (["2017-07-15"] * 9 + ["never"], True),
        (["2017-07-15"] * 8 + ["never"], False),
        (["12/1/2010 8:26"], True),
        (["1.12.2010", "31.12.2010"], True),
        (["09 13, 2014"], True),
        (["10 12 14"], False),
        (["31122010", "1122010"], True),
        (["03/04/05"], True),
        (["85/12/31"], True),
        (["01-Apr-12"], True),
        (["Tue Apr 03 18:00:09 +0000 2012"], True),
        (["20101231", "20110101"], True),
        (["1291191960", "881250949"], True),
        (["1291191960.25"], True),
        (["1291191960250", "0", "-1"], True),
        (["1193452611", "5193452611"], False),
        (["1193452611", "1193452611000"], False),
        (["0", "-1"], False),
        (["1995", "2010"], False),
        (["2010-12", "2011/01"], True),
        (["14:05:00", "8:26"], False),
        (["9.99", "12.50"], False),
        (["1.2.10", "10.2.10"], False),
        (["32/13/2010"], False),
        (["42-Apr-12"], False),
        (["192.168.1.1"], False),
        (["7", "12"], False),
        (["2010-12-31 in the title"], False),
        (["", " "], False),
        ([], False),
        (["2010-12-01 08:26 EST"], True),
        (["Wed Dec 01 08:26:00 PST 2010"], True),
        (["2010-12-01 08:26:00 Europe/Paris"], True),
        (["bought on 2010-12-01"], False),
        (["101231", "101130", "091215"], True),
    ],
)
def test_columns_that_read_as_times(values, expected):
    assert reads_as_times(values) is expected
