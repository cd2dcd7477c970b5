"""Read times of any kind as integers or floats, and find their unit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Refuse = Callable[[int, str], Exception]

# (smallest absolute value, units per second, name): 1e11 seconds are in the year 5138, and 1e11
# milliseconds in 1973
_UNITS = (
    (1e17, 1_000_000_000, "nanoseconds"),
    (1e14, 1_000_000, "microseconds"),
    (1e11, 1_000, "milliseconds"),
    (0.0, 1, "seconds"),
)
_DAY_FIRST = re.compile(r"\s*\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b.*")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?\s*(Z|[+-]\d\d(:?\d\d)?)?)?")


def parse_times(column: Any, refuse: Refuse) -> tuple[Array, int, list[str]]:
    """Return (rows,) int64 or float64 times since 1970, the units per second, and notes.

    refuse: creates the error for (row, problem).
    """
    import pyarrow as pa

    kind = column.type
    if column.null_count:
        raise refuse(_first_row(column.is_null()), "is missing. Fill it in")
    if pa.types.is_timestamp(kind):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        return to_numpy(column.cast(pa.int64()), np.int64), per_second, _zone_notes(kind.tz)
    if pa.types.is_date32(kind):
        return to_numpy(column.cast(pa.int32()), np.int64) * 86400, 1, []
    if pa.types.is_date64(kind):
        return to_numpy(column.cast(pa.int64()), np.int64), 1000, []
    if pa.types.is_dictionary(kind) or _is_text(kind):
        return _parse_texts(column, refuse)
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return _in_units(to_numpy(column, np.int64), refuse)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _in_units(to_numpy(column.cast(pa.float64()), np.float64), refuse)
    raise refuse(
        0, f"has the type {kind}, which is not a time. Write seconds since 1970 or ISO dates"
    )


def to_numpy(column: Any, dtype: Any) -> Array:
    """Copy a column to an array, chunk by chunk to save memory. Missing floats become NaN."""
    array = np.empty(len(column), dtype=dtype)
    start = 0
    for chunk in column.chunks:
        end = start + len(chunk)
        array[start:end] = chunk.to_numpy(zero_copy_only=False)
        start = end
    return array


def _parse_texts(column: Any, refuse: Refuse) -> tuple[Array, int, list[str]]:
    """Read ISO dates or numbers; each distinct text is read once."""
    import pyarrow as pa

    from .ids import encode

    if pa.types.is_dictionary(column.type) and not _is_text(column.type.value_type):
        return parse_times(column.cast(column.type.value_type), refuse)
    codes, texts = encode(column)
    if (codes < 0).any():
        raise refuse(int(np.argmax(codes < 0)), "is missing. Fill it in")
    used = np.flatnonzero(np.bincount(codes))  # dropped rows may contain anything
    ranks = np.zeros(len(texts), dtype=np.int32)
    ranks[used] = np.arange(len(used), dtype=np.int32)
    codes, texts = ranks[codes], texts.take(pa.array(used))
    for numeric in (pa.int64(), pa.float64()):
        try:
            return _in_units(texts.cast(numeric).to_numpy()[codes], refuse)
        except pa.ArrowInvalid:
            pass
    for zone in (None, "UTC"):
        for unit, per_second in (("us", 10**6), ("ns", 10**9)):
            try:
                instants = texts.cast(pa.timestamp(unit, zone)).cast(pa.int64())
            except pa.ArrowInvalid:
                continue
            return instants.to_numpy(zero_copy_only=False)[codes], per_second, _zone_notes(zone)
    raise _text_error(codes, texts.to_pylist(), refuse)


def _text_error(codes: Array, texts: list[str], refuse: Refuse) -> Exception:
    """Return the error for the first row whose text is not a time like the others."""
    zoned = [bool((match := _ISO.fullmatch(text)) and match[5]) for text in texts]
    first = int(codes[0])
    for row, code in enumerate(codes):
        if _DAY_FIRST.fullmatch(texts[code]):
            return refuse(row, "may have the day or the month first. Write it as 2010-12-31 08:26")
        if not _ISO.fullmatch(texts[code]) or not _is_instant(texts[code], zoned[code]):
            return refuse(
                row, "is not a time. Write seconds since 1970, or ISO dates like 2010-12-31 08:26"
            )
        if zoned[code] != zoned[first]:
            return refuse(
                row,
                "differs from the times above it: some have a time zone and some do not. Write all "
                "of them with a time zone, or all without",
            )
    return refuse(0, "is too far from 1970 for this many decimals. Write fewer decimals")


def _is_instant(text: str, zoned: bool) -> bool:
    import pyarrow as pa

    for unit in ("us", "ns"):
        try:
            pa.array([text]).cast(pa.timestamp(unit, "UTC" if zoned else None))
        except pa.ArrowInvalid:
            continue
        return True
    return False


def _in_units(values: Array, refuse: Refuse) -> tuple[Array, int, list[str]]:
    """Return the numbers, the units per second, which follow from their size, and notes."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise refuse(int(np.argmin(np.isfinite(values))), "is not a finite number. Correct it")
    high, low = float(values.max()), float(values.min())
    size = max(high, -low)
    if size >= 9.2e18:
        row = int(np.argmax(np.abs(values.astype(np.float64)) >= 9.2e18))
        raise refuse(row, "is too large, even for nanoseconds since 1970. Correct it")
    _refuse_dates_in_digits(values, low, high, refuse)
    least, per_second, name = next(unit for unit in _UNITS if size >= unit[0])
    if per_second == 1:
        return values, 1, []
    if low < least:
        small = np.abs(values)
        misfit = (small >= 1e8) & (small < least)
        if misfit.any():
            row = int(np.argmax(misfit))
            raise refuse(row, f"does not fit the others, which are {name}. Use one unit for all")
    return values, per_second, [f"Times were read as {name} since 1970"]


def _refuse_dates_in_digits(values: Array, low: float, high: float, refuse: Refuse) -> None:
    """Refuse dates such as 20101231 and 20101231082600, which would pass for seconds."""
    for scale in (1, 10**4, 10**6):
        if low >= 19000101 * scale and high < 21010101 * scale:
            dates = values // scale
            days, months = dates % 100, dates // 100 % 100
            if ((days >= 1) & (days <= 31) & (months >= 1) & (months <= 12)).all():
                raise refuse(0, "looks like a date in digits. Write it as 2010-12-31 08:26:00")


def _zone_notes(zone: str | None) -> list[str]:
    return [] if zone else ["Times have no time zone and were read as UTC"]


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _first_row(mask: Any) -> int:
    return int(np.argmax(mask.to_numpy()))
