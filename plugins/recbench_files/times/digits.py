"""Recognise dates that are written in digits only, such as 20101231, and would pass for numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_LONG = ("%Y%m%d", "%Y%d%m", "%m%d%Y", "%d%m%Y")
_SHORT = ("%y%m%d", "%m%d%y", "%d%m%y")
_MONTH = "%Y%m"
_CLOCKS = {"": 1, "%H": 10**2, "%H%M": 10**4, "%H%M%S": 10**6, "%H%M%S%f": 10**9}
"""Format of the time of the day -> what the date before it is multiplied by."""

_N_SAMPLE = 1000


def digits_formats(values: Array) -> list[str]:
    """Return the formats of dates such as 20101231 or 311210, which would pass for numbers.

    The list is empty if the numbers are not such dates. A few of them need not be dates: 0 often
    stands for a missing value.
    """
    sample = values[:: max(1, len(values) // _N_SAMPLE)]
    formats = _formats(sample)
    return formats if not formats or len(sample) == len(values) else _formats(values)


def _formats(values: Array) -> list[str]:
    values = values[values > 0]
    if not len(values) or (values.dtype.kind == "f" and (values % 1).any()):
        return []
    for orders in (_LONG, _SHORT):
        for clock, scale in _CLOCKS.items():
            dates, in_day = values // scale, np.ones(len(values), dtype=bool)
            for place, limit in ((100, 24), (10**4, 60), (10**6, 60)):
                if scale >= place:
                    in_day &= values // (scale // place) % 100 < limit
            known = (*orders, _MONTH) if orders is _SHORT and not clock else orders
            count = {
                order: _count(dates, in_day & _are_dates(dates, order), order) for order in known
            }
            if best := max(count.values()):
                fitting = [order for order in known if count[order] == best]
                fitting = fitting[:1] if "%Y%m%d" in fitting else fitting
                return [f"{order}{clock}" for order in fitting]
    return []


def _count(dates: Array, valid: Array, order: str) -> int:
    """Return how many numbers are dates in this order, or 0 if that may be by chance.

    Half of them are enough if four digits for the year come first; otherwise, most must be dates.
    Dates with six digits must be of several days.
    """
    if order not in _LONG:
        valid = valid & (dates >= 10_000)
    n = int(np.count_nonzero(valid))
    if n < (0.5 if order in _LONG[:2] else 0.9) * len(dates):
        return 0
    by_chance = dates[valid].max() < 100_000 or len(np.unique(dates[valid])) < 3
    return 0 if order not in _LONG and by_chance else n


def _are_dates(dates: Array, order: str) -> Array:
    """Return which numbers are dates, of 1980 to 2049 if the year has two digits, (n,) bool."""
    valid = np.ones(len(dates), dtype=bool)
    for code in reversed(re.findall("%.", order)):
        size = 10**4 if code == "%Y" else 100
        part, dates = dates % size, dates // size
        if code == "%Y":
            valid &= (part >= 1900) & (part < 2100)
        elif code == "%y":
            valid &= (part >= 80) | (part < 50)
        else:
            valid &= (part >= 1) & (part <= (12 if code == "%m" else 31))
    valid &= dates == 0
    return valid
