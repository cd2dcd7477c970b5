"""Step 1, dataset: conditions on columns, such as `event=purchase&rating>=4`."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from recbench.data.interactions import Array
from recbench.data.times import PER_SECOND
from recbench.errors import RecbenchError, UsageError

_NUMBER = re.compile(
    r"[+-]?(0|[1-9][0-9]*|(?=\.[0-9]))(?P<fraction>(\.[0-9]*)?([eE][+-]?[0-9]+)?)", re.ASCII
)
_QUOTED = r"""(?:'[^']*'|"[^"]*")"""
_VALUE = rf"""(?:{_QUOTED}|(?!['"=!<>])[^&|]*?)"""
_CONDITION = re.compile(
    rf"\s*(?P<column>{_QUOTED}|[^=!<>&|'\"]+?)\s*(?P<operator>==|!=|<=|>=|=|<|>)"
    rf"(?P<values>\s*{_VALUE}\s*(?:\|\s*{_VALUE}\s*)*?)(?P<joiner>\s+and\s+|&&?|$)",
    re.IGNORECASE | re.DOTALL,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FINER = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""Numbers of this size are times in a finer unit, and how many of it are a second."""


@dataclass(frozen=True)
class Where:
    """Conditions on the columns of a log, all of which an interaction must meet.

    Create it with `Where.parse`. A value is equal to another one if both are the same text, or the
    same number (`4` and `4.0`, but not `7` and `007`). The operators <, <=, > and >= compare
    numbers, or times if the condition has an ISO date. A date without a time of day is the whole
    day (UTC), so `time<=2020-01-31` includes that day.

    Parameters
    ----------
    conditions : tuple
        The conditions, in a fixed order. `str` returns them as text; it is the same text for every
        spelling of the same conditions.

    Examples
    --------
    >>> import recbench
    >>> where = recbench.Where.parse("rating >= 4.0 and event == view|cart")
    >>> str(where), where.columns
    ('event=cart|view&rating>=4', ('event', 'rating'))
    >>> where.holds("event", ["view", "purchase", "cart", None]).tolist()
    [True, False, True, False]
    """

    conditions: tuple[_Condition, ...]

    @classmethod
    def parse(cls, text: str, missing: Collection[str] = ()) -> Where:
        """Read conditions from text.

        Parameters
        ----------
        text : str
            A column, an operator (=, !=, <, <=, > or >=; == is the same as =) and a value. Several
            conditions are joined by `&` or ` and `. Several accepted values are joined by `|`.
            Columns and values that contain such characters can stand in quotes. An empty value
            stands for missing ones: `coupon!=` are all interactions with a coupon.
        missing : collection of str, default: ()
            Words that stand for a missing value, such as NA. They are read as empty values.

        Returns
        -------
        Where

        Raises
        ------
        UsageError
            If the text is not such a condition.

        Examples
        --------
        >>> import recbench
        >>> str(recbench.Where.parse("event='add to cart'|purchase"))
        'event=add to cart|purchase'
        """
        conditions, place, joined = [], 0, True
        while joined:
            match = _CONDITION.match(text, place)
            if match is None:
                rest = text[place:].strip()
                wrong = f"{rest!r} is not a condition" if rest else "a condition is missing"
                raise UsageError(
                    f"where={text}: {wrong}; write COLUMN=VALUE or COLUMN>=VALUE, several joined "
                    "by &, and put quotes around a value that contains & or |"
                )
            conditions.append(_read_condition(match, text, missing))
            place, joined = match.end(), bool(match["joiner"])
        return cls(tuple(sorted(set(conditions), key=str)))

    def rename(self, names: Mapping[str, str]) -> Where:
        """Return the same conditions with other names of the columns.

        Parameters
        ----------
        names : mapping of str to str
            Column -> its new name.

        Returns
        -------
        Where

        Examples
        --------
        >>> import recbench
        >>> str(recbench.Where.parse("Event=view").rename({"Event": "event"}))
        'event=view'
        """
        renamed = {
            replace(condition, column=names[condition.column]) for condition in self.conditions
        }
        return Where(tuple(sorted(renamed, key=str)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, each once."""
        return tuple(dict.fromkeys(condition.column for condition in self.conditions))

    def holds(self, column: str, values: Sequence[Any] | Array) -> Array:
        """Return which values of a column meet the conditions on this column.

        Parameters
        ----------
        column : str
            Name of the column.
        values : sequence or numpy.ndarray of shape (n_values,)
            Text, numbers, truth values, dates or times; None, NaN and "" are missing. Arrays of
            numbers and of datetime64 are fast. For datetime64, a number in a condition stands for
            seconds since 1970 or, by its size, for milli-, micro- or nanoseconds. For a column with
            repeats, pass each distinct value once.

        Returns
        -------
        numpy.ndarray of shape (n_values,), bool
            A missing value equals only an empty one, and it is neither below nor above another.

        Raises
        ------
        RecbenchError
            If <, <=, > or >= compare a value that is not missing, but not a number or a date; or
            if a number such as 2011 or 20110101 is compared with times of our day.

        Examples
        --------
        >>> import recbench
        >>> recbench.Where.parse("rating>=4").holds("rating", ["3.5", 4, "5", ""]).tolist()
        [False, True, True, False]
        """
        held = np.ones(len(values), dtype=bool)
        for condition in self.conditions:
            if condition.column == column:
                held &= condition.holds(values)
        return held

    def __str__(self) -> str:
        return "&".join(map(str, self.conditions))


@dataclass(frozen=True)
class _Condition:
    """A condition on one column. values: several only for = and !=."""

    column: str
    operator: str
    values: tuple[_Value, ...]

    def __str__(self) -> str:
        values = "|".join(_quoted(value.text, "&|") for value in self.values)
        return f"{_quoted(self.column, '&|=!<>')}{self.operator}{values}"

    def holds(self, values: Sequence[Any] | Array) -> Array:
        """Return (values,) bool."""
        array = values if isinstance(values, np.ndarray) else None
        if array is not None and array.dtype.kind in "iuf":
            return self._compared(array, np.isnan(array), [v.number_limits for v in self.values])
        if array is not None and array.dtype.kind == "M":
            unit = np.datetime_data(array.dtype)[0]
            if unit not in PER_SECOND:
                array, unit = array.astype("datetime64[s]"), "s"
            self._refuse_small(array)
            limits = [value.time_limits(PER_SECOND[unit]) for value in self.values]
            return self._compared(array.astype(np.int64), np.isnat(array), limits)
        held = self._equals if self.operator in ("=", "!=") else self._lies
        plain = values if array is None else array.tolist()
        return np.fromiter(map(held, plain), dtype=bool, count=len(plain))

    def _refuse_small(self, times: Array) -> None:
        """Raise RecbenchError if a value is a year or a date in digits. times: datetime64."""
        small = [value.text for value in self.values if 1900 <= (value.number or 0) < 10**8]
        if small and len(times) and np.nanmin(times) >= np.datetime64(10**8, "s"):
            raise RecbenchError(
                f"where={self}: as seconds since 1970, {small[0]} is long before the data; write a "
                "date as 2020-12-31"
            )

    def _compared(
        self, numbers: Array, missing: Array, limits: Sequence[tuple[Any, Any] | None]
    ) -> Array:
        """Compare numbers with the limits of each value; None if the value is not comparable."""
        if self.operator in ("=", "!="):
            equal = np.zeros(len(numbers), dtype=bool)
            for value, limit in zip(self.values, limits, strict=True):
                if not value.text:
                    equal |= missing
                elif limit is not None:
                    equal |= (numbers >= limit[0]) & (numbers <= limit[1]) & ~missing
            return equal if self.operator == "=" else ~equal
        if limits[0] is None:
            present = numbers[~missing]
            if not len(present):
                return np.zeros(len(numbers), dtype=bool)
            raise self._incomparable(present[0])
        low, high = limits[0]
        held = {
            "<": lambda: numbers < low,
            "<=": lambda: numbers <= high,
            ">": lambda: numbers > high,
            ">=": lambda: numbers >= low,
        }[self.operator]()
        return np.asarray(held & ~missing)

    def _equals(self, actual: Any) -> bool:
        """Whether a value meets = or !=."""
        text = _text(actual)
        equal = text in self._texts
        if not equal and self._numbers:
            equal = _number(text) in self._numbers
        if not equal and self._days:
            moment = _microseconds(text)
            equal = moment is not None and any(low <= moment <= high for low, high in self._days)
        return equal == (self.operator == "=")

    def _lies(self, actual: Any) -> bool:
        """Whether a value meets <, <=, > or >=."""
        text, (value,) = _text(actual), self.values
        if not text:
            return False
        if value.number is not None:
            limits, place = value.number_limits, _number(text)
        else:
            limits, place = value.time_limits(PER_SECOND["us"]), _microseconds(text)
        if limits is None or place is None:
            raise self._incomparable(text)
        low, high = limits
        if self.operator in ("<", ">="):
            return bool(place < low) == (self.operator == "<")
        return bool(place > high) == (self.operator == ">")

    @cached_property
    def _texts(self) -> frozenset[str]:
        return frozenset(value.text for value in self.values)

    @cached_property
    def _numbers(self) -> frozenset[Any]:
        return frozenset(value.number for value in self.values if value.number is not None)

    @cached_property
    def _days(self) -> list[tuple[int, int]]:
        limits = [
            value.time_limits(PER_SECOND["us"]) for value in self.values if value.number is None
        ]
        return [limit for limit in limits if limit is not None]

    def _incomparable(self, actual: Any) -> RecbenchError:
        kind = "an ISO date" if self.values[0].number is None else "a number"
        return RecbenchError(
            f"where={self}: {str(actual)!r} (column {self.column}) is not {kind}. Correct it, or "
            "compare with = or !="
        )


@dataclass(frozen=True)
class _Value:
    """The text of a value in a condition, and the number or the time that it stands for."""

    text: str

    @cached_property
    def number(self) -> int | float | None:
        return _number(self.text)

    @property
    def number_limits(self) -> tuple[Any, Any] | None:
        return None if self.number is None else (self.number, self.number)

    def time_limits(self, per_second: int) -> tuple[int, int] | None:
        """The first and the last moment that it stands for, in a unit; None if it is not a time.

        A date is a day. If the unit is too coarse for a moment, the first is after the last.
        """
        if self.number is not None:
            size = abs(self.number)
            finer = next((per_second for least, per_second in _FINER if size >= least), 1)
            first, end = Fraction(self.text) / finer, None
        else:
            moment = _moment(self.text)
            if moment is None:
                return None
            first = Fraction((moment - _EPOCH) // timedelta(microseconds=1), 10**6)
            end = first + 86_400 if _is_day(self.text) else None
        last = math.floor(first * per_second) if end is None else math.ceil(end * per_second) - 1
        return math.ceil(first * per_second), last


def _read_condition(match: re.Match[str], text: str, missing: Collection[str]) -> _Condition:
    """Read one condition. text: all of them, for errors."""
    operator = match["operator"].replace("==", "=")
    values = re.findall(rf"(?:^|\|)\s*({_VALUE})\s*(?=\||$)", match["values"])
    canonical = {_canonical(_unquoted(value)) for value in values}
    texts = sorted({"" if value in missing else value for value in canonical})
    condition = _Condition(_unquoted(match["column"]), operator, tuple(map(_Value, texts)))
    if operator not in ("=", "!="):
        if len(texts) > 1:
            raise UsageError(f"where={text}: {operator} takes one value; several need = or !=")
        (value,) = condition.values
        if value.number is None and _moment(value.text) is None:
            raise UsageError(
                f"where={text}: {operator} compares numbers and ISO dates, and {value.text!r} is "
                "neither; write a number, or a date as 2020-12-31"
            )
    return condition


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in ("'", '"') else text


def _quoted(text: str, special: str) -> str:
    """Put quotes around a text that could be misread without them."""
    unsafe = set(text) & set(special) or text[:1] in ("'", '"') or text != text.strip()
    if not unsafe and not re.search(r"\sand\s", text, re.IGNORECASE):
        return text
    quote = "'" if "'" not in text else '"'
    return f"{quote}{text}{quote}"


def _canonical(text: str) -> str:
    """Return `4` for `4.0`, and other text without spaces around it."""
    text = text.strip()
    number = _number(text)
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        number = int(number)
    return text if number is None else str(number)


def _text(actual: Any) -> str:
    """Return a value as text; "" if it is missing."""
    if isinstance(actual, str):
        return actual.strip()
    if isinstance(actual, (bool, np.bool_)):
        return str(actual).lower()
    if actual is None or str(actual) in ("nan", "NaT", "<NA>"):
        return ""
    return str(actual)


def _number(text: str) -> int | float | None:
    """Return the number that a text is, or None. Ids such as 007 are not numbers."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return float(text) if match["fraction"] else int(text)


def _moment(text: str) -> datetime | None:
    """Return the time that an ISO text is, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _microseconds(text: str) -> int | None:
    moment = _moment(text)
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
