"""Read times that are numbers: find their unit, and refuse dates in digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import try_cast

Array = npt.NDArray[Any]
Refuse = Callable[[int, str], Exception]
"""Creates the error for (row, problem); the problem ends with what to do."""

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
NO_ZONE = "Times have no time zone and were read as UTC"

_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_FROM = (1e11, 1e14, 1e17)
"""Where the next finer unit begins: 1e11 seconds are in the year 5138, 1e11 milliseconds in 1973"""

_EPOCHS = (631_152_000, 2_524_608_000)
"""The years 1990 to 2049, in seconds."""

_DIGITS = {
    "%Y%m%d": 1,
    "%Y%m%d%H": 10**2,
    "%Y%m%d%H%M": 10**4,
    "%Y%m%d%H%M%S": 10**6,
    "%Y%m%d%H%M%S%f": 10**9,
}
"""Format of dates in digits -> what the date itself is multiplied by."""


@dataclass(frozen=True)
class Times:
    """Times since 1970.

    values: (rows,) int64 or float64, in the unit.
    unit: "s", "ms", "us" or "ns".
    notes: on how they were read.
    """

    values: Array
    unit: str
    notes: tuple[str, ...] = ()


def read_numbers(values: Array, refuse: Refuse) -> Times:
    """Return numbers in the unit that follows from their size.

    values: (rows,) int64 or float64.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise refuse(int(np.argmin(np.isfinite(values))), "is not a finite number. Correct it")
    high, low = float(values.max()), float(values.min())
    if max(high, -low) >= 9.2e18:
        row = int(np.argmax(np.abs(values.astype(np.float64)) >= 9.2e18))
        raise refuse(row, "is too large, even for nanoseconds since 1970. Correct it")
    if formats := digits_formats(values):
        listed = ", or ".join(f"time_format={time_format}" for time_format in formats)
        row = int(np.argmax(values >= 1010000))
        raise refuse(row, f"looks like a date in digits. Write {listed}")
    rank = int(np.searchsorted(_FROM, max(high, -low), "right"))
    if rank and low < _FROM[rank - 1]:
        rank = _common_rank(values, refuse)
    unit = list(PER_SECOND)[rank]
    notes = [f"Times were read as {_NAMES[unit]} since 1970"] if rank else []
    step = 10_000 * PER_SECOND[unit]
    if values.dtype.kind == "f" and high > max(low, 1e8) and not (values % step).any():
        notes.append(
            "All times are multiples of 10,000 seconds: a spreadsheet may have shortened them"
        )
    return Times(values, unit, tuple(notes))


def read_decimals(decimals: Any, refuse: Refuse) -> Times:
    """Return decimal numbers, in nanoseconds if that is exact, else as floats.

    decimals: (rows,) a pyarrow array of decimals, or of texts with decimal numbers.
    """
    import pyarrow as pa

    times = read_numbers(np.asarray(decimals.cast(pa.float64())), refuse)
    places = 10 - len(str(PER_SECOND[times.unit]))
    exact = try_cast(decimals, pa.decimal128(38, places))
    if exact is None:
        return times
    parts = np.frombuffer(exact.buffers()[1], np.int64).reshape(-1, 2)  # 128 bits: low, high
    low, high = parts[exact.offset : exact.offset + len(exact)].T
    if (low >> 63 != high).any():
        return times
    return Times(low.copy(), "ns", times.notes)


def digits_formats(values: Array) -> list[str]:
    """Return the formats of dates such as 20101231 or 31122010, which would pass for seconds.

    The list is empty if the numbers are no such dates. Some may be far from all dates: 0 often
    stands for a missing value.
    """
    low, high = values.min(), values.max()
    for time_format, scale in _DIGITS.items():
        first, end = 19000101 * scale, 21010101 * scale
        if high < first or low >= end:
            continue
        inside = values[(values >= first) & (values < end)]
        if 2 * len(inside) < len(values):
            continue
        dates = inside // scale
        valid = _in_calendar(dates % 100, dates // 100 % 100)
        for place, limit in ((100, 24), (10**4, 60), (10**6, 60)):
            if scale >= place:
                valid &= inside // (scale // place) % 100 < limit
        if valid.all():
            return [time_format]
    if low >= 1010000 and high < 32000000:
        years, left, right = values % 10**4, values // 10**6, values // 10**4 % 100
        if ((years >= 1980) & (years < 2100)).all():
            orders = (("%m%d%Y", right, left), ("%d%m%Y", left, right))
            return [time_format for time_format, *order in orders if _in_calendar(*order).all()]
    return []


def _in_calendar(days: Array, months: Array) -> Array:
    valid: Array = (days >= 1) & (days <= 31) & (months >= 1) & (months <= 12)
    return valid


def are_epochs(values: Array) -> bool:
    """Whether all numbers are times from 1990 to 2049 in one unit; 0 and -1 are left out."""
    values = values[(values != 0) & (values != -1)]
    return len(values) > 0 and any(
        bool(((values >= _EPOCHS[0] * scale) & (values < _EPOCHS[1] * scale)).all())
        for scale in PER_SECOND.values()
    )


def _common_rank(values: Array, refuse: Refuse) -> int:
    """Return the index of the unit of most numbers; refuse one that is in another unit.

    Numbers below 1e8 fit any unit.
    """
    sizes = np.abs(values)
    ranks = np.searchsorted(_FROM, sizes, "right")
    clear = sizes >= 1e8
    counts = np.bincount(ranks[clear])
    common = int(np.flatnonzero(counts == counts.max())[-1])
    misfit = clear & (ranks != common)
    if misfit.any():
        name = list(_NAMES.values())[common]
        raise refuse(
            int(np.argmax(misfit)),
            f"does not fit the others, which are {name}. Use one unit for all",
        )
    return common
