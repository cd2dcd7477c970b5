"""Read dates and clocks in every unambiguous form: ISO, RFC 2822, ctime, Apache, names of months.

Texts are read with regular expressions of pyarrow, a million at a time to save memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SLICE = 1 << 20

_YEAR, _DAY = r"(?P<year>\d{4})", r"(?P<day>\d{1,2})"
_COMPACT = r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"  # 20101231
_NAME = "(?P<name>Sept|" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS) + r")\.?"
_WEEKDAY = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs?)?|Fri|Sat(?:ur)?|Sun)(?:day)?\.?,?\s+)?"
_NTH = _DAY + "(?:st|nd|rd|th)?"
_HOUR = r"(?P<hour>\d{1,2})"
_SECOND = r"(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
_MINUTE = rf":(?P<minute>\d\d)(?::{_SECOND})?"
_HALF = r"\s*(?P<half>[AP])\.?M\.?"
_ZONE = r"(?:\s*(?P<zone>Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d\d)?)(?:\s*[(\[][^()]*[)\]])?)?"
_CLOCK = f"{_HOUR}(?:{_MINUTE})?(?:{_HALF})?{_ZONE}"
_THEN = rf"(?:(?:T|,?\s+|,?\s+at\s+){_CLOCK})?"

_DATES = (
    rf"{_YEAR}-(?P<month>\d{{1,2}})-{_DAY}{_THEN}",  # 2010-12-31 08:26:00
    rf"{_YEAR}/(?P<month>\d{{1,2}})/{_DAY}{_THEN}",
    rf"{_YEAR}\.(?P<month>\d{{1,2}})\.{_DAY}{_THEN}",
    rf"{_COMPACT}[T ](?P<hour>\d\d):?(?P<minute>\d\d):?(?:{_SECOND})?{_ZONE}",
    rf"{_WEEKDAY}{_NTH}[\s-]\s*{_NAME},?[\s-]\s*{_YEAR}{_THEN}",  # RFC 2822, 31 Dec 2010
    rf"{_DAY}/?{_NAME}/?{_YEAR}(?:[:\s]{_CLOCK})?",  # Apache: 31/Dec/2010:08:26:00 +0100
    rf"{_WEEKDAY}{_NAME}\s+{_NTH},?\s+{_YEAR}{_THEN}",  # Dec 31, 2010 8:26 AM
    rf"{_WEEKDAY}{_NAME}\s+{_DAY}\s+{_CLOCK}\s+{_YEAR}",  # Twitter, ctime
    rf"{_YEAR}[\s/-]{_NAME}[\s/-]{_DAY}{_THEN}",
)
_CLOCKS = (
    f"{_HOUR}{_MINUTE}(?:{_HALF})?{_ZONE}",  # 14:05:00
    f"{_HOUR}{_HALF}{_ZONE}",  # 2 PM
)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d\d)?$")


@dataclass(frozen=True)
class Instants:
    """What was read from n texts.

    known: (n,) bool, whether the text could be read; the others are 0.
    seconds: (n,) int64, since 1970, rounded down. nanos: (n,) int32, the rest.
    zoned: (n,) bool, whether it has a time zone.
    """

    known: Array
    seconds: Array
    nanos: Array
    zoned: Array


def read_dates(texts: Any) -> Instants:
    """Read dates with or without a time of the day from a pyarrow array of strings."""
    return _read(texts, _DATES)


def read_clocks(texts: Any) -> Instants:
    """Read times of the day, as times on 1 January 1970."""
    return _read(texts, _CLOCKS)


def is_written_as_date(text: str) -> bool:
    """Whether a text has the form of a date; there may be no such day."""
    return any(re.fullmatch(form, text, re.IGNORECASE) for form in _DATES)


def _read(texts: Any, forms: Sequence[str]) -> Instants:
    n = len(texts)
    read = Instants(
        np.zeros(n, bool), np.zeros(n, np.int64), np.zeros(n, np.int32), np.zeros(n, bool)
    )
    for start in range(0, n, _SLICE):
        _read_slice(texts.slice(start, _SLICE), forms, start, read)
    return read


def _read_slice(texts: Any, forms: Sequence[str], start: int, read: Instants) -> None:
    """Read the texts from `start` on into `read`, each with the first form that it has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.all(pc.string_is_ascii(texts)).as_py():
        texts = pc.replace_substring_regex(texts, r"[\x{a0}\x{2009}\x{202f}]", " ")
    left = np.arange(start, start + len(texts))
    first = texts[0].as_py()  # most columns have one form: try its form first
    for form in sorted(forms, key=lambda form: not re.fullmatch(form, first, re.IGNORECASE)):
        fields = pc.extract_regex(texts, f"(?i)^{form}$")
        matches = fields.is_valid().to_numpy(zero_copy_only=False)
        if matches.any():
            rows = left[matches]
            known, seconds, nanos, zoned = _instants(_Fields(fields.filter(pa.array(matches))))
            read.known[rows], read.seconds[rows] = known, np.where(known, seconds, 0)
            read.nanos[rows], read.zoned[rows] = nanos, zoned
            left, texts = left[~matches], texts.filter(pa.array(~matches))
        if not len(left):
            return


class _Fields:
    """The named groups of a regular expression, of n texts."""

    def __init__(self, fields: Any) -> None:
        self.fields = fields
        self.names = {fields.type.field(n).name for n in range(fields.type.num_fields)}

    def texts(self, name: str) -> Any:
        """Return a group, with "" where it does not occur."""
        import pyarrow as pa

        if name in self.names:
            return self.fields.field(name)
        return pa.array([""]).take(pa.array(np.zeros(len(self.fields), np.int64)))

    def numbers(self, name: str, default: int = 0) -> Array:
        """Return a group as (n,) int64."""
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = self.texts(name)
        filled = pc.if_else(pc.equal(texts, ""), str(default), texts)
        return np.asarray(filled.cast(pa.int64()))

    def each(self, name: str, read: Any) -> Array:
        """Return `read` of a group that has few distinct texts, (n,) int64."""
        encoded = self.texts(name).dictionary_encode()
        values = np.array([read(text) for text in encoded.dictionary.to_pylist()], np.int64)
        numbers: Array = values[np.asarray(encoded.indices)]
        return numbers


def _instants(fields: _Fields) -> tuple[Array, Array, Array, Array]:
    """Return known, seconds, nanos and zoned, as in `Instants`."""
    import pyarrow.compute as pc

    year, day = fields.numbers("year", 1970), fields.numbers("day", 1)
    named = "name" in fields.names
    month = fields.each("name", _number_of_month) if named else fields.numbers("month", 1)
    hour, minute, second = (fields.numbers(name) for name in ("hour", "minute", "second"))
    half = fields.each("half", lambda text: "AP".find(text.upper()) if text else -1)
    offset = fields.each("zone", _offset)
    nanos = np.asarray(pc.utf8_rpad(fields.texts("fraction"), 9, "0").cast("int32"))
    known = (year >= 1) & (month >= 1) & (month <= 12) & (minute < 60) & (second < 60)
    known &= np.where(half < 0, hour < 24, (hour >= 1) & (hour <= 12))
    known &= np.abs(offset) < 86400
    hour = np.where(half < 0, hour, hour % 12 + 12 * half)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first, end = (start.astype("datetime64[D]").astype(np.int64) for start in (months, months + 1))
    known &= (day >= 1) & (day <= end - first)
    seconds = ((first + day - 1) * 24 + hour) * 3600 + minute * 60 + second - offset
    zoned = np.asarray(pc.not_equal(fields.texts("zone"), "")).astype(bool)
    return known, seconds, nanos, zoned


def _number_of_month(name: str) -> int:
    return next(n for n, month in enumerate(MONTHS, 1) if month[:3].lower() == name[:3].lower())


def _offset(zone: str) -> int:
    """Return the seconds that a zone is ahead of UTC; a day if there is no such zone."""
    match = _OFFSET.search(zone)
    if not match:
        return 0
    hours, minutes = int(match[2]), int(match[3] or 0)
    if hours >= 24 or minutes >= 60:
        return 86400
    return (hours * 3600 + minutes * 60) * (1 if match[1] == "+" else -1)
