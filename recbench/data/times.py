"""Step 1, dataset: store times as integers, in the coarsest unit that keeps each of them exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import check_numbers

Array = npt.NDArray[Any]

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Unit of times -> how many of it are a second; the coarsest unit comes first."""

_CHUNK = 1 << 18
"""Times that are computed with at once: a few megabytes."""


def check_unit(time_unit: str) -> None:
    """Raise ValueError if this is not a unit of times."""
    if time_unit not in tuple(PER_SECOND):  # which need not be hashable
        raise ValueError(f"time_unit must be one of {', '.join(PER_SECOND)}, not {time_unit!r}")


def to_integers(times: Array, time_unit: str) -> tuple[Array, str]:
    """Return times as integers, in the coarsest unit that keeps each of them exact, and this unit.

    times: (n,) integers or floats in `time_unit`, or datetime64. A float counts as exact in the
    first unit in which its rounded value is converted back to the same float, so 0.1 is 100 ms. If
    there is no such unit, floats are rounded in the finest one that 64 bits can hold.

    Whole seconds are returned as they are, without a copy.

    Raises ValueError if times are not numbers, not finite, or too large for 64 bits.
    """
    check_unit(time_unit)
    if times.dtype.kind == "M":
        times, time_unit = _since_1970(times)
    elif times.size:
        check_numbers("times", times, "integers or floats in time_unit, or datetime64")
    if times.dtype.kind == "f":
        times, time_unit = _round(times, time_unit)
    elif times.dtype == np.uint64:
        _check_size(times)
        times = times.astype(np.int64)
    for unit, per_second in PER_SECOND.items():
        step = PER_SECOND[time_unit] // per_second
        if step <= 1:
            break
        if not any((chunk % step).any() for chunk in _chunks(times)):
            return times // step, unit
    return times, time_unit


def _since_1970(times: Array) -> tuple[Array, str]:
    """Return datetime64 as int64, and its unit; seconds for a coarser one, such as days."""
    if np.isnat(times).any():
        raise ValueError("times must be known, but NaT occurs; fill or drop missing times first")
    unit, step = np.datetime_data(times.dtype)
    if step != 1 or unit not in PER_SECOND:
        exact = times.astype("datetime64[s]")
        if (exact != times).any():
            raise ValueError(
                f"times must be seconds to nanoseconds, but {times[exact != times][0]} "
                f"({times.dtype}) occurs; convert them to datetime64[ns] first"
            )
        times, unit = exact, "s"
    return times.astype(np.int64), unit


def _round(times: Array, time_unit: str) -> tuple[Array, str]:
    """Return floats as int64 in the unit, at least as fine as `time_unit`, that suits them best."""
    _check_size(times)
    largest = float(np.abs(times).max(initial=0))
    finer = {
        unit: per_second // PER_SECOND[time_unit]
        for unit, per_second in PER_SECOND.items()
        if per_second >= PER_SECOND[time_unit]
    }
    units = [unit for unit, factor in finer.items() if largest * factor < 2**63]
    best = next(
        (unit for unit in units if all(_is_exact(part, finer[unit]) for part in _chunks(times))),
        units[-1],
    )
    rounded = np.empty(len(times), dtype=np.int64)
    for part, out in zip(_chunks(times), _chunks(rounded), strict=True):
        whole, fraction = _rounded(part, finer[best])
        out[:] = whole.astype(np.int64) * finer[best] + fraction.astype(np.int64)
    return rounded, best


def _rounded(times: Array, factor: int) -> tuple[Array, Array]:
    """The whole part of each float, and the rest in steps of 1 / factor, rounded to whole steps."""
    fraction, whole = np.modf(times)
    return whole, np.rint(fraction.astype(np.float64) * factor)


def _is_exact(times: Array, factor: int) -> bool:
    whole, fraction = _rounded(times, factor)
    return bool(((whole + fraction / factor).astype(times.dtype) == times).all())


def _check_size(times: Array) -> None:
    """Raise ValueError for a time that is not finite or does not fit into int64."""
    for chunk in _chunks(times):
        fits = np.isfinite(chunk) & (chunk >= -(2**63)) & (chunk < 2**63)
        if not fits.all():
            raise ValueError(
                f"times must be finite and fit into 64 bits, but {chunk[~fits][0]} occurs"
            )


def _chunks(array: Array) -> Iterator[Array]:
    """Views of consecutive parts of an array."""
    for start in range(0, len(array), _CHUNK):
        yield array[start : start + _CHUNK]
