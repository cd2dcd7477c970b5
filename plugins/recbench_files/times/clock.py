"""Add the time of the day, from a second column, to dates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from recbench_files.arrays import distinct, to_numpy
from recbench_files.layout import shorten

from .forms import read_clocks
from .numbers import NO_ZONE, PER_SECOND, Refuse, Times
from .texts import combine, refuse_mixed_zones

Array = npt.NDArray[Any]
_DAY = 86400
_MAX_MILLISECONDS = 10 * 1000 * _DAY  # an offset may pass midnight; more is not a time of the day
_DIGITS = (  # 082600, 0826
    ("^(0[0-9]|1[0-9]|2[0-3])([0-5][0-9])([0-5][0-9])$", r"\1:\2:\3"),
    ("^(0[0-9]|1[0-9]|2[0-3])([0-5][0-9])$", r"\1:\2"),
)
_WRITE = "Write the times of the day as 14:05:00, or as whole hours, seconds or milliseconds"


def add_clock(dates: Times, clock: Any, refuse: Refuse) -> Times:
    """Return dates with the times of the day from a column.

    clock: a pyarrow.ChunkedArray with texts, times or durations, or counts from midnight on.
    """
    day = _DAY * PER_SECOND[dates.unit]
    has_clock = dates.values % day != 0
    if has_clock.any():
        raise refuse(
            int(np.argmax(has_clock)),
            "is not a date without a time of the day. Write time=DATE+CLOCK, the date first",
        )
    days = (dates.values // day).astype(np.int64)
    clocks, zoned = _read(clock, refuse)
    if clocks.unit == "ns" and (far := np.abs(days) > 106_000).any():
        raise refuse(int(np.argmax(far)), "is too far from 1970 for nanoseconds. Correct it")
    notes = [note for note in dates.notes if not zoned or note != NO_ZONE]
    values = days * (_DAY * PER_SECOND[clocks.unit]) + clocks.values
    return Times(values, clocks.unit, (*notes, *clocks.notes))


def _read(clock: Any, refuse: Refuse) -> tuple[Times, bool]:
    """Return the time since midnight, and whether it has a time zone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = clock.type
    if pa.types.is_time(kind):
        integers = clock.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        return Times(to_numpy(integers, np.int64), kind.unit), False
    if pa.types.is_duration(kind):
        values = to_numpy(clock.cast(pa.int64()), np.int64)
        wrong = (values < 0) | (values >= _MAX_MILLISECONDS * PER_SECOND[kind.unit] // 1000)
        if wrong.any():
            raise refuse(int(np.argmax(wrong)), f"has no time of the day. {_WRITE}")
        return Times(values, kind.unit), False
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        try:
            clock = clock.cast(pa.int64())
        except pa.ArrowInvalid:
            raise refuse(0, f"has times of the day that are not counts. {_WRITE}") from None
    codes, known = distinct(clock)
    if pa.types.is_integer(known.type):
        return _read_counts(known.to_numpy()[codes].astype(np.int64), refuse), False
    texts = pc.utf8_trim_whitespace(known)
    if pc.any(pc.starts_with(texts, "0")).as_py():
        for form, clock_form in _DIGITS:
            if pc.all(pc.match_substring_regex(texts, form)).as_py():
                with_colons = pc.replace_substring_regex(texts, form, clock_form)
                return _read_texts(codes, with_colons, refuse)
    if pc.all(pc.match_substring_regex(texts, "^[0-9]{1,18}$")).as_py():
        return _read_counts(texts.cast(pa.int64()).to_numpy()[codes], refuse), False
    return _read_texts(codes, texts, refuse)


def _read_texts(codes: Array, texts: Any, refuse: Refuse) -> tuple[Times, bool]:
    read = read_clocks(texts)
    if not read.known.all():
        row = int(np.argmin(read.known[codes]))
        text = shorten(texts[int(codes[row])].as_py())
        raise refuse(row, f"has the time of the day {text}, which cannot be read. {_WRITE}")
    refuse_mixed_zones(codes, read, refuse)
    values, unit = combine(read)
    return Times(values[codes], unit), bool(read.zoned.any())


def _read_counts(values: Array, refuse: Refuse) -> Times:
    wrong = (values < 0) | (values >= _MAX_MILLISECONDS)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise refuse(row, f"has the time of the day {values[row]}, which cannot be read. {_WRITE}")
    high = values.max()
    if high < 24:
        return Times(values * 3600, "s", ("Times of the day were read as hours since midnight",))
    unit, name = ("s", "seconds") if high < _DAY else ("ms", "milliseconds")
    return Times(values, unit, (f"Times of the day were read as {name} since midnight",))
