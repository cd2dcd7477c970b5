"""Conditions on columns: what they accept, and how values of each kind are compared."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbench import RecbenchError, UsageError, Where


def _held(text: str, values: Any) -> list[bool]:
    where = Where.parse(text)
    (column,) = where.columns
    held: list[bool] = where.holds(column, values).tolist()
    return held


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("event_type=purchase", "event_type=purchase"),
        (" rating >= 4.0 ", "rating>=4"),
        ("rating>=4&event==view", "event=view&rating>=4"),
        ("event=view and rating >= 4 AND x!=1", "event=view&rating>=4&x!=1"),
        ("event=view|cart|view", "event=cart|view"),
        ("event='add & pay'|\"it's\"", "event='add & pay'|it's"),
        ("title=Ocean's Eleven", "title=Ocean's Eleven"),
        ("title='Bread and Butter'", "title='Bread and Butter'"),
        ("page seen=/home&a.b.c=1.50", "a.b.c=1.5&page seen=/home"),
        ("'a=b'=c=d", "'a=b'=c=d"),
        ("terms and conditions=yes&x=1", "'terms and conditions'=yes&x=1"),
        ("coupon!=", "coupon!="),
        ("time<2020-02-01T08:00", "time<2020-02-01T08:00"),
        ("id=007", "id=007"),
        ("a=1 && b=2", "a=1&b=2"),
    ],
)
def test_conditions_have_one_spelling(text: str, canonical: str) -> None:
    assert str(Where.parse(text)) == canonical
    assert str(Where.parse(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "where=: a condition is missing; write COLUMN=VALUE"),
        ("rating", "where=rating: 'rating' is not a condition; write COLUMN=VALUE"),
        ("a=1&", "a condition is missing"),
        ("&a=1", "'&a=1' is not a condition"),
        ("=1", "'=1' is not a condition"),
        ("genre=Action and Adventure", "'Adventure' is not a condition.*put quotes around"),
        ("title=Tom & Jerry", "'Jerry' is not a condition"),
        ("title='Tom", "is not a condition"),
        ("rating=>4", "'rating=>4' is not a condition"),
        ("rating>=four", ">= compares numbers and ISO dates, and 'four' is neither"),
        ("rating>=", "and '' is neither"),
        ("time>12/01/2010", "and '12/01/2010' is neither"),
        ("rating>=4|5", ">= takes one value; several need = or !="),
    ],
)
def test_other_text_is_refused(text: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Where.parse(text)


def test_text_is_compared_after_stripping() -> None:
    values = ["view", " view ", "View", "", None, "cart"]
    assert _held("event=view", values) == [True, True, False, False, False, False]
    assert _held("event=view|cart", values) == [True, True, False, False, False, True]
    assert _held("event!=view", values) == [False, False, True, True, True, True]
    assert _held("event=", values) == [False, False, False, True, True, False]
    assert _held("event!=", values) == [True, True, True, False, False, True]


def test_equal_numbers_are_equal_in_any_spelling_but_ids_are_not_numbers() -> None:
    values = ["4", "4.0", " 4.00", "04", "4e0", "-4", "four", 4, 4.0, np.float32(4)]
    equal = [True, True, True, False, True, False, False, True, True, True]
    assert _held("rating=4", values) == equal
    assert _held("rating=4.0", values) == equal
    assert _held("user=007", ["007", "7", 7]) == [True, False, False]
    large = ["9007199254740993", "9007199254740992", 9007199254740993]
    assert _held("user=9007199254740993", large) == [True, False, True]
    assert _held("user=9007199254740993", np.array([2**53, 2**53 + 1])) == [False, True]


def test_numbers_are_ordered_and_missing_ones_are_not() -> None:
    values = ["3.9", "4", 10, "", None, float("nan"), "-1e1"]
    assert _held("rating>=4", values) == [False, True, True, False, False, False, False]
    assert _held("rating<4", values) == [True, False, False, False, False, False, True]
    array = np.array([3.9, 4, 10, np.nan])
    assert _held("rating>4", array) == [False, False, True, False]
    assert _held("rating<=4", array) == [True, True, False, False]
    assert _held("rating!=4", array) == [True, False, True, True]
    assert _held("rating=", array) == [False, False, False, True]
    assert _held("rating>=3.7", np.array([3.7], dtype=np.float32)) == [True]


@pytest.mark.parametrize("operator", ["=", "!=", "<", "<=", ">", ">="])
@given(st.lists(st.integers(-5, 5), max_size=9), st.integers(-5, 5))
def test_text_objects_and_arrays_agree(operator: str, values: list[int], limit: int) -> None:
    compare = {
        "=": int.__eq__,
        "!=": int.__ne__,
        "<": int.__lt__,
        "<=": int.__le__,
        ">": int.__gt__,
        ">=": int.__ge__,
    }[operator]
    expected = [compare(value, limit) for value in values]
    text = f"x{operator}{limit}"
    assert _held(text, values) == expected
    assert _held(text, [str(value) for value in values]) == expected
    assert _held(text, np.array(values, dtype=np.int64)) == expected
    assert _held(text, np.array(values, dtype=np.float32)) == expected
    for unit in ("s", "ms", "us", "ns"):  # numbers are seconds
        times = np.array(values, dtype="datetime64[s]").astype(f"datetime64[{unit}]")
        assert _held(text, times) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time<2020-01-02", [True, False, False, False]),
        ("time<=2020-01-02", [True, True, True, False]),
        ("time=2020-01-02", [False, True, True, False]),
        ("time!=2020-01-02", [True, False, False, True]),
        ("time>=2020-01-02", [False, True, True, True]),
        ("time>2020-01-02", [False, False, False, True]),
        ("time>2020-01-02T00:00", [False, False, True, True]),
        ("time<=2020-01-02T00:00", [True, True, False, False]),
        ("time>=2020-01-02T02:00:00+02:00", [False, True, True, True]),
    ],
)
def test_a_date_is_a_day_and_a_time_is_a_moment(text: str, expected: list[bool]) -> None:
    moments = ["2020-01-01T23:59:59", "2020-01-02T00:00:00", "2020-01-02T23:59:59", "2020-01-03"]
    assert _held(text, moments) == expected
    assert _held(text, [datetime.fromisoformat(moment) for moment in moments]) == expected
    aware = [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in moments]
    assert _held(text, aware) == expected
    for unit in ("s", "ms", "us", "ns"):
        assert _held(text, np.array(moments, dtype=f"datetime64[{unit}]")) == expected


def test_times_are_compared_in_their_own_unit() -> None:
    times = np.array(["2020-01-02T23:59:59.999999999", "2020-01-03", "NaT"], "datetime64[ns]")
    assert _held("time<=2020-01-02", times) == [True, False, False]
    assert _held("time>2020-01-02", times) == [False, True, False]
    assert _held("time=", times) == [False, False, True]
    seconds = np.array([10, 11], dtype="datetime64[s]")
    assert _held("time>10.5", seconds) == [False, True]
    assert _held("time<10.5", seconds) == [True, False]
    assert _held("time=10.5", seconds) == [False, False]
    assert _held("day=2020-01-02", [date(2020, 1, 2), date(2020, 1, 3)]) == [True, False]
    assert _held("day>2020-01-02", np.array(["2020-01-02", "2020-01-03"], "M8[D]")) == [False, True]


def test_truth_values() -> None:
    assert _held("bought=true", [True, False, None]) == [True, False, False]
    assert _held("bought!=false", np.array([True, False])) == [True, False]


@pytest.mark.parametrize(
    ("text", "values", "match"),
    [
        ("rating>=4", ["5", "good"], r"where=rating>=4: 'good' \(column rating\) is not a number"),
        ("rating>=4", ["007"], "'007'"),
        ("time>=2020-01-01", ["1577836800"], "'1577836800' .* is not an ISO date"),
        ("time>=2020-01-01", np.array([1577836800]), "'1577836800' .* is not an ISO date"),
        ("time>=2020-01-01", ["12/1/2020"], "'12/1/2020' .* is not an ISO date"),
    ],
)
def test_a_value_that_cannot_be_ordered_is_named(text: str, values: Any, match: str) -> None:
    with pytest.raises(RecbenchError, match=match):
        _held(text, values)
    assert not _held(text, values[:0])


def test_several_conditions_on_a_column() -> None:
    where = Where.parse("x>=2&x<4&y=a")
    assert where.columns == ("x", "y")
    assert where.holds("x", [1, 2, 3, 4]).tolist() == [False, True, True, False]
    assert where.holds("y", ["a", "b"]).tolist() == [True, False]
    assert where.holds("z", ["a", "b"]).tolist() == [True, True]


def test_large_numbers_are_times_in_a_finer_unit() -> None:
    times = np.array(["2010-12-31T23:59:59.999", "2011-01-01"], dtype="datetime64[ms]")
    for digits in ("", "000", "000000", "000000000"):
        assert _held(f"time>=1293840000{digits}", times) == [False, True]
        assert _held(f"time<1293840000{digits}", times) == [True, False]


@pytest.mark.parametrize("number", ["2011", "20110101", "110101"])
def test_a_year_or_a_date_in_digits_is_no_time(number: str) -> None:
    times = np.array(["2010-12-31", "2011-01-01"], dtype="datetime64[s]")
    with pytest.raises(RecbenchError, match=f"as seconds since 1970, {number} is long before the"):
        _held(f"time>={number}", times)
    assert _held("time>0", times) == [True, True]
    assert _held("time>2000", np.array([1999, 2001], dtype="datetime64[s]")) == [False, True]


def test_words_for_missing_values() -> None:
    where = Where.parse("event!=NA|null|view", {"NA", "null"})
    assert str(where) == "event!=|view"
    assert where.holds("event", ["view", "buy", None]).tolist() == [False, True, False]


def test_columns_can_be_renamed() -> None:
    where = Where.parse("B=1&a=2&B<3").rename({"B": "b", "a": "z"})
    assert str(where) == "b<3&b=1&z=2"
    assert str(Where.parse("X=1&x=1").rename({"X": "x", "x": "x"})) == "x=1"
