"""Read times of any type and form, in full resolution."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench
from recbench_files.arrays import distinct, to_numpy, try_cast
from recbench_files.layout import is_number

from .digits import digits_formats
from .numbers import (
    NO_ZONE,
    PER_SECOND,
    Refuse,
    Times,
    are_epochs,
    read_decimals,
    read_numbers,
)

__all__ = ["Times", "parse_times", "reads_as_times"]

Array = npt.NDArray[Any]
_USUAL = (315_532_800, 4_102_444_800)
"""The years 1980 to 2099, in seconds."""


def parse_times(
    column: Any, refuse: Refuse, time_format: str | None = None, clock: Any = None
) -> Times:
    """Read a column of times.

    column: pyarrow.ChunkedArray of any type, with at least one row and without missing values.
    refuse: creates the error for (row, problem).
    time_format: how the times are written, in the codes of strftime.
    clock: pyarrow.ChunkedArray with the time of the day, if `column` has only the date.

    Raises UsageError if `time_format` is wrong or has no effect.
    """
    times = _parse(column, refuse, time_format)
    if clock is not None:
        from .clock import add_clock

        times = add_clock(times, clock, refuse)
    return dataclasses.replace(times, notes=(*times.notes, *_note_far(times)))


_MONTH = re.compile(r"(19|20)\d\d[-/](0?[1-9]|1[0-2])")
"""A month such as 2011-03, which time_format reads."""


def reads_as_times(values: Sequence[str]) -> bool:
    """Whether the first values of a column look like dates, or like times since 1970.

    A month does, too. A year, a time of the day and a number of any other size do not. One of ten
    values may be anything. Missing values are empty.
    """
    from .texts import looks_like_date

    texts = [text for value in values if (text := value.strip())]
    if not texts:
        return False
    if all(map(is_number, texts)):
        numbers = np.array(texts, dtype=np.float64)
        return are_epochs(numbers) or bool(digits_formats(numbers))
    n_dates = sum(bool(looks_like_date(text) or _MONTH.fullmatch(text)) for text in texts)
    return n_dates >= 0.9 * len(texts)


def _parse(column: Any, refuse: Refuse, time_format: str | None) -> Times:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind) and not _is_text(kind.value_type):
        return _parse(column.cast(kind.value_type), refuse, time_format)
    if time_format is not None and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise recbench.UsageError(
            f"time_format={time_format} has no effect: the type of the times is {kind}, which is "
            "read without a format; leave it out"
        )
    if pa.types.is_timestamp(kind):
        notes = () if kind.tz else (NO_ZONE,)
        return Times(to_numpy(column.cast(pa.int64()), np.int64), kind.unit, notes)
    if pa.types.is_date32(kind):
        return Times(to_numpy(column.cast(pa.int32()), np.int64) * 86400, "s", (NO_ZONE,))
    if pa.types.is_date64(kind):
        return Times(to_numpy(column.cast(pa.int64()), np.int64), "ms", (NO_ZONE,))
    if pa.types.is_dictionary(kind) or _is_text(kind):
        return _parse_texts(column, refuse, time_format)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _parse_numbers(column, refuse, time_format)
    if pa.types.is_time(kind):
        raise refuse(
            0, "is a time of the day without a date. Write time=DATE+CLOCK with both columns"
        )
    raise refuse(
        0, f"has the type {kind}, which is not a time. Write seconds since 1970 or ISO dates"
    )


def _parse_numbers(column: Any, refuse: Refuse, time_format: str | None) -> Times:
    import pyarrow as pa

    if time_format is None and pa.types.is_floating(column.type):
        return read_numbers(to_numpy(column.cast(pa.float64()), np.float64), refuse)
    if time_format is None and pa.types.is_decimal(column.type):
        return read_decimals(column.combine_chunks(), refuse)
    try:
        integers = column.cast(pa.int64())
    except pa.ArrowInvalid:  # too large, or a fraction
        values = to_numpy(column.cast(pa.float64(), safe=False), np.float64)
        row = int(np.argmax((np.abs(values) >= 2**63) | (values % 1 != 0)))
        if time_format is None:
            raise refuse(row, "is too large, even for nanoseconds since 1970. Correct it") from None
        raise refuse(row, f"does not fit time_format={time_format}. Correct it") from None
    if time_format is None:
        return read_numbers(to_numpy(integers, np.int64), refuse)
    from .strptime import read_with_format

    return read_with_format(*distinct(integers), time_format, refuse)


def _parse_texts(column: Any, refuse: Refuse, time_format: str | None) -> Times:
    """Read numbers or dates; each distinct text is read once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    codes, texts = distinct(column)
    texts = pc.utf8_trim_whitespace(texts)
    if time_format is not None:
        from .strptime import read_with_format

        return read_with_format(codes, texts, time_format, refuse)

    def refuse_text(number: int, problem: str) -> Exception:
        return refuse(int(np.argmax(codes == number)), problem)

    if (integers := try_cast(texts, pa.int64())) is not None:
        times = read_numbers(np.asarray(integers), refuse_text)
    elif try_cast(texts, pa.float64()) is not None:
        times = read_decimals(texts, refuse_text)
    else:
        from .texts import read_texts

        return read_texts(codes, texts, refuse)
    return dataclasses.replace(times, values=times.values[codes])


def _note_far(times: Times) -> list[str]:
    """Return a note on times that may stand for missing ones, as 1970-01-01 and 9999-12-31 do."""
    first, end = (bound * PER_SECOND[times.unit] for bound in _USUAL)
    if times.values.min() >= first and times.values.max() < end:
        return []
    far = (times.values < first) | (times.values >= end)
    n = int(np.count_nonzero(far))
    if n == len(far):
        return []
    seconds = times.values[far][:1] // PER_SECOND[times.unit]
    example = seconds.astype("datetime64[s]").astype("datetime64[D]")[0]
    were = "times are" if n > 1 else "time is"
    hint = "may stand for missing values (where= can drop rows)"
    return [f"{n:,} {were} before 1980 or after 2099, such as {example}, and {hint}"]


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
