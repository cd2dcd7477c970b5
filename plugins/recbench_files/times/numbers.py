"""Read times that are numbers: find their unit, and refuse dates in digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench_files.arrays import try_cast

from .digits import digits_formats

Array = npt.NDArray[Any]
Refuse = Callable[[int, str], Exception]
"""Creates the error for (row, problem); the problem ends with what to do."""

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
NO_ZONE = "Times have no time zone and were read as UTC"

_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_FROM = (1e11, 1e14, 1e17)
"""Where the next finer unit begins: 1e11 seconds are in the year 5138, 1e11 milliseconds in 1973"""

_EPOCHS = (662_688_000, 2_524_608_000)
"""The years 1991 to 2049, in seconds."""


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
        row = int(np.argmax(values > 0))
        raise refuse(row, f"looks like a date in digits. Write {listed}")
    rank = int(np.searchsorted(_FROM, max(high, -low), "right"))
    if rank and low < _FROM[rank - 1]:
        rank = _common_rank(values, refuse)
    unit = list(PER_SECOND)[rank]
    notes = [f"Times were read as {_NAMES[unit]} since 1970"] if rank else []
    return Times(values, unit, (*notes, *_doubts(values, unit)))


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


def _doubts(values: Array, unit: str) -> list[str]:
    """Return a note if numbers are hardly times since 1970, or were rounded."""
    high, low, scale = values.max(), values.min(), PER_SECOND[unit]
    if high < _EPOCHS[0] * scale or low >= _EPOCHS[1] * scale:
        first, last = (
            np.datetime64(int(bound // scale), "s").astype("datetime64[D]") for bound in (low, high)
        )
        when = f"on {first}" if first == last else f"from {first} to {last}"
        read = f"As {_NAMES[unit]} since 1970, all times are {when}"
        return [f"{read}: if they count something else, only their order is right"]
    if low <= 0 or high == low:
        return []
    step = 10_000 * scale
    if values.dtype.kind == "f" and not (values % step).any():
        return ["All times are multiples of 10,000 seconds: a spreadsheet may have shortened them"]
    step = 2 ** max(0, math.frexp(low)[1] - 24)  # between neighbouring floats of 32 bits
    if (values[:1000] % step).any() or (values % step).any():
        return []
    if step <= scale or not ((values - low) % (3600 * scale)).any():
        return []
    steps = f"All times are multiples of {round(step / scale)} seconds"
    return [f"{steps}: 32-bit floats may have rounded them, and lost the order of close ones"]


def are_epochs(values: Array) -> bool:
    """Whether all numbers are times from 1991 to 2049 in one unit; 0 and -1 are left out."""
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
