"""Read times that are texts; if that fails, find what is wrong and which `time_format` helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench_files.arrays import try_cast

from .forms import MONTHS, Instants, is_written_as_date, read_clocks, read_dates
from .numbers import NO_ZONE, PER_SECOND, Refuse, Times
from .strptime import fits

Array = npt.NDArray[Any]

_NAME = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS)
_AMBIGUOUS = re.compile(
    rf"(?P<first>\d\d?)(?P<mark>[/. -])(?P<second>\d\d?|{_NAME})(?P<next>(?P=mark)|, )"
    r"(?P<third>\d{4}|\d\d)"
    r"(?P<gap>,?\s+|T|:)?(?P<clock>\d\d?[:.]\d\d(?:[:.]\d\d)?)?(?P<fraction>[.,]\d{1,9})?"
    r"(?P<half>\s*[ap]m)?(?P<zone>\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?",
    re.IGNORECASE,
)
_NUMBER = r"^[+-]?[0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?$"
_NAMED_ZONE = re.compile(r".*\d.*?\b([A-Z]{2,5}|[A-Z]\w+/\w+)( \d{4})?")
_HINT = "Write time_format= with the codes of strftime, or ISO dates like 2010-12-31 08:26"


def read_texts(codes: Array, texts: Any, refuse: Refuse) -> Times:
    """Read dates; each distinct text is read once.

    codes: (rows,) index of each row's text in `texts`, a pyarrow array without spaces around texts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    iso = pc.replace_substring(texts, " UTC", "Z")
    for zone in (None, "UTC"):
        for unit in ("s", "ms", "us"):  # pyarrow is fast, but knows only ISO dates
            instants = try_cast(iso, pa.timestamp(unit, zone))
            if instants is not None:
                values = np.asarray(instants.cast(pa.int64()))
                return Times(values[codes], unit, () if zone else (NO_ZONE,))
    read = read_dates(texts)
    if not read.known.all():
        raise _unread(codes, texts, read, refuse)
    refuse_mixed_zones(codes, read, refuse)
    values, unit = combine(read)
    if unit == "ns" and (far := np.abs(read.seconds) > 9_200_000_000).any():
        row = int(np.argmax(far[codes]))
        raise refuse(row, "is too far from 1970 for this many decimals. Write fewer decimals")
    return Times(values[codes], unit, () if read.zoned.any() else (NO_ZONE,))


def combine(read: Instants) -> tuple[Array, str]:
    """Return the instants as int64 in the coarsest unit that is exact."""
    unit = next(
        unit for unit, scale in PER_SECOND.items() if not (read.nanos % (10**9 // scale)).any()
    )
    scale = PER_SECOND[unit]
    return read.seconds * scale + read.nanos // (10**9 // scale), unit


def refuse_mixed_zones(codes: Array, read: Instants, refuse: Refuse) -> None:
    """Raise an error if some times have a time zone and some do not."""
    if read.zoned.any() and not read.zoned.all():
        raise refuse(
            int(np.argmax(read.zoned[codes] != read.zoned[codes[0]])),
            "differs from the times above it: some have a time zone and some do not. Write all "
            "of them with a time zone, or all without",
        )


def looks_like_date(text: str) -> bool:
    """Whether a text is written as a date, even if it cannot be read without further knowledge."""
    zone = _NAMED_ZONE.fullmatch(text)
    without_zone = text if not zone else " ".join(text[: zone.start(1)].split())
    if zone and zone[2]:
        without_zone += zone[2]
    return is_written_as_date(text) or is_written_as_date(without_zone) or is_ambiguous(text)


def is_ambiguous(text: str) -> bool:
    """Whether this is a date that may have the day, the month or the year first."""
    match = _AMBIGUOUS.fullmatch(text)
    if not match:
        return False
    first, second = match["first"], match["second"]
    if not second.isdecimal():
        return int(first) <= 31
    padded = len(first) + len(second) == 4 and match["mark"] != " "
    if len(match["third"]) == 2 and match["mark"] != "/" and not padded:
        return False  # like the version 1.2.10
    low, high = sorted((int(first), int(second)))
    return 1 <= low <= 12 and (high <= 31 or len(match["third"]) == 2)


def _unread(codes: Array, texts: Any, read: Instants, refuse: Refuse) -> Exception:
    """Return the error for the first row whose text is not a time like the others."""
    import pyarrow.compute as pc

    numbers = np.asarray(pc.match_substring_regex(texts, _NUMBER))
    mostly_numbers = np.count_nonzero(numbers) > np.count_nonzero(read.known)
    wrong = ~(numbers if mostly_numbers else read.known)
    row = int(np.argmax(wrong[codes]))
    number = int(codes[row])
    return refuse(row, _problem(texts, number, bool(numbers[number]), bool(mostly_numbers)))


def _problem(texts: Any, number: int, is_number: bool, mostly_numbers: bool) -> str:
    """Return what is wrong with the text of this number, and what to do."""
    text = texts[number].as_py()
    if mostly_numbers:
        return "is not a number like the other times. Write all of them in the same way"
    if is_number:
        return "is a number, but other times are dates. Write all of them in the same way"
    if formats := list(_formats(text)):
        return _remedy(texts, text, formats)
    if read_clocks(texts.slice(number, 1)).known[0]:
        return "is a time of the day without a date. Write time=DATE+CLOCK with both columns"
    zone = _NAMED_ZONE.fullmatch(text)
    if zone and zone[1] not in ("AM", "PM", "UTC", "GMT"):
        return (
            f"has the time zone {zone[1]}, whose distance from UTC is not clear. Write it as "
            "+01:00, or write all times in UTC"
        )
    if re.search(r"[.,]\d{10}", text):
        return "has more than nine decimals. Write fewer decimals"
    if is_written_as_date(text):
        return "is not a time, as there is no such day, hour or zone. Correct it"
    return f"is not a time. {_HINT}"


def _remedy(texts: Any, text: str, formats: list[str]) -> str:
    """Return the formats that fit all texts or, if there is none, those that fit this one."""
    import pyarrow as pa

    fitting = [time_format for time_format in formats if fits(texts, time_format)]
    but = ", but all rows fit only one order" if len(fitting) == 1 else ""
    fitting = fitting or [
        time_format for time_format in formats if fits(pa.array([text]), time_format)
    ]
    if not fitting:
        return f"is not a time. {_HINT}"
    first = "day, the month or the year" if "%y" in fitting[0] else "day or the month"
    listed = ", or ".join(f"time_format={time_format}" for time_format in fitting)
    return f"may have the {first} first{but}. Write {listed}"


def _formats(text: str) -> Iterator[str]:
    """Return the formats that an ambiguous date may have."""
    match = _AMBIGUOUS.fullmatch(text)
    if not match:
        return
    month, year = "%m", "%Y" if len(match["third"]) == 4 else "%y"
    if not match["second"].isdecimal():
        month = "%b" if len(match["second"]) == 3 else "%B"
    rest = match["gap"] or ""
    if clock := match["clock"]:
        mark = clock.lstrip("0123456789")[0]
        codes = ["%I" if match["half"] else "%H", "%M", "%S"]
        rest += mark.join(codes[: clock.count(mark) + 1])
    if match["fraction"]:
        rest += match["fraction"][0] + "%f"
    if match["half"]:
        rest += match["half"][:-2] + "%p"
    if zone := match["zone"]:
        rest += zone[: -len(zone.strip())] + ("%z" if zone.strip()[0] in "+-Zz" else "%Z")
    orders = [("%d", month, year)]
    if month == "%m":
        orders.insert(0, (month, "%d", year))
    if year == "%y":
        orders.append((year, month, "%d"))
    for order in orders:
        yield order[0] + match["mark"] + order[1] + match["next"] + order[2] + rest
