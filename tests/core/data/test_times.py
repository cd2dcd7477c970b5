"""Times as integers: the coarsest unit that keeps each of them exact."""

import math
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbench.data.times import PER_SECOND, to_integers

UNITS = st.sampled_from(list(PER_SECOND))
SECOND = 1_291_191_960  # in 2010


def _stored(times: Any, unit: str) -> tuple[list[int], str]:
    stored, stored_unit = to_integers(np.asarray(times), unit)
    return stored.tolist(), stored_unit


@pytest.mark.parametrize("unit", PER_SECOND)
def test_whole_seconds_are_stored_as_seconds_whatever_unit_they_come_in(unit: str) -> None:
    times = np.array([SECOND, 0, -5]) * PER_SECOND[unit]
    assert _stored(times, unit) == ([SECOND, 0, -5], "s")
    assert _stored(times.astype(float), unit) == ([SECOND, 0, -5], "s")


@pytest.mark.parametrize(
    ("times", "unit", "stored", "stored_unit"),
    [
        ([SECOND * 1000 + 250], "ms", [SECOND * 1000 + 250], "ms"),
        ([250_000, 0], "us", [250, 0], "ms"),
        ([250_000_000, 1000], "ns", [250_000, 1], "us"),
        ([250_000_001, 1000], "ns", [250_000_001, 1000], "ns"),
        ([0.1, -0.1], "s", [100, -100], "ms"),
        (np.array([0.1, 2], dtype=np.float32), "s", [100, 2000], "ms"),
        ([SECOND + 0.123456], "s", [SECOND * 10**6 + 123_456], "us"),
        ([1.5, 2.0], "ms", [1500, 2000], "us"),
        ([1.4], "ns", [1], "ns"),  # nothing is finer
        ([1e-10, 1e-9], "s", [0, 1], "ns"),
        ([2.0**62, 0.5], "s", [2**62, 0], "s"),  # finer units do not fit into 64 bits
        ([], "ms", [], "s"),
    ],
)
def test_the_unit_is_the_coarsest_that_is_exact(
    times: Any, unit: str, stored: list[int], stored_unit: str
) -> None:
    assert _stored(times, unit) == (stored, stored_unit)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), UNITS)
def test_integers_stay_exact(times: list[int], unit: str) -> None:
    stored, stored_unit = _stored(np.array(times, dtype=np.int64), unit)
    finer = PER_SECOND[unit] // PER_SECOND[stored_unit]
    assert [time * finer for time in stored] == times


@given(st.integers(0, 2**31), st.integers(0, 999_999))
def test_a_float_with_six_decimals_is_read_as_it_was_written(second: int, micro: int) -> None:
    stored, unit = _stored([float(f"{second}.{micro:06}")], "s")
    assert Fraction(stored[0], PER_SECOND[unit]) == second + Fraction(micro, 10**6)


@given(st.floats(-9e9, 9e9))
def test_any_float_is_stored_to_the_nanosecond(time: float) -> None:
    stored, unit = _stored([time], "s")
    error = abs(Fraction(stored[0], PER_SECOND[unit]) - Fraction(time))
    assert error <= max(Fraction(1, 10**9), Fraction(math.ulp(time)))


def test_long_columns_are_read_to_the_end() -> None:
    times: Any = np.arange(600_000) * 1000
    assert to_integers(times, "ms")[1] == "s"
    assert to_integers(times.astype(float), "ms")[1] == "s"
    times[-1] += 1
    for given_times in (times, times.astype(float)):
        stored, unit = to_integers(given_times, "ms")
        assert unit == "ms"
        np.testing.assert_array_equal(stored, times)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_whole_seconds_are_not_copied(kind: type) -> None:
    times = np.arange(10, dtype=kind)
    assert to_integers(times, "s")[0] is times


@pytest.mark.parametrize(
    ("unit", "stored", "stored_unit"),
    [
        ("D", [0, 86_400, -86_400], "s"),
        ("h", [0, 3_600, -3_600], "s"),
        ("s", [0, 1, -1], "s"),
        ("ms", [0, 1, -1], "ms"),
        ("us", [0, 1, -1], "us"),
        ("ns", [0, 1, -1], "ns"),
    ],
)
def test_datetimes_of_every_unit_stay_exact(unit: str, stored: list[int], stored_unit: str) -> None:
    assert _stored(np.array([0, 1, -1]).astype(f"M8[{unit}]"), "s") == (stored, stored_unit)


def test_unsigned_nanoseconds_are_read() -> None:
    largest = 2**63 - 1
    made = to_integers(np.array([largest, 1], dtype=np.uint64), "ns")
    assert (made[0].tolist(), made[0].dtype, made[1]) == ([largest, 1], np.int64, "ns")
    assert _stored(np.array([SECOND * 10**9], dtype=np.uint64), "ns") == ([SECOND], "s")


@pytest.mark.parametrize(
    ("times", "unit", "match"),
    [
        ([0.0, np.nan], "s", "times must be finite and fit into 64 bits, but nan occurs"),
        ([0.0, -np.inf], "s", "but -inf occurs"),
        ([2.0**63], "ns", r"but 9\.22\d*e\+18 occurs"),
        (np.array([2**63], dtype=np.uint64), "s", "but 9223372036854775808 occurs"),
        (
            ["2010-12-01"],
            "s",
            "times must be integers or floats in time_unit, or datetime64, not <U",
        ),
        (["2010-12-01"], "s", r"\('2010-12-01' occurs\); convert them first"),
        ([True], "s", r"not bool \(True occurs\)"),
        ([1j], "s", r"not complex128 \(1j occurs\)"),
        ([datetime(2010, 12, 1, tzinfo=UTC)], "s", r"not object \(datetime.datetime\(2010, 12"),
        (np.array(["2010-12-01", "NaT"], "M8[s]"), "s", "but NaT occurs; fill or drop"),
        (np.array([10**12, 1], "M8[ps]"), "s", r"\(datetime64\[ps\]\) occurs; convert them to"),
        ([1], "sec", "time_unit must be one of s, ms, us, ns, not 'sec'"),
    ],
)
def test_other_values_are_refused(times: Any, unit: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        to_integers(np.asarray(times), unit)
