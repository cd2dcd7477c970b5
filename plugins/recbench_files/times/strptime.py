"""Read times that are written as the option `time_format` says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .numbers import NO_ZONE, Refuse, Times

Array = npt.NDArray[Any]
_WIDTHS = {"%Y": 4, "%y": 2, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2, "%j": 3, "%f": 0}
_HOW = "write codes of strftime, as in time_format=%d/%m/%Y %H:%M"


def read_with_format(codes: Array, texts: Any, time_format: str, refuse: Refuse) -> Times:
    """Read each distinct text or integer once.

    codes: (rows,) index of each row's value in `texts`, a pyarrow array.

    Raises UsageError if the format is wrong.
    """
    _check(time_format)
    instants = _read(texts, time_format)
    unread = np.asarray(instants.isna())
    if unread.any():
        row = int(np.argmax(unread[codes]))
        raise refuse(row, f"does not fit time_format={time_format}. Correct it, or the format")
    notes = () if re.search("%[zZ]", time_format) else (NO_ZONE,)
    return Times(instants.asi8[codes], instants.unit, notes)


def fits(texts: Any, time_format: str) -> bool:
    """Whether all texts are written in this format."""
    return not _read(texts, time_format).isna().any()


def _read(texts: Any, time_format: str) -> Any:
    """Return a pandas.DatetimeIndex in UTC, with NaT for texts that do not fit."""
    import pandas
    import pyarrow as pa
    import pyarrow.compute as pc

    pattern = "[0-9]"  # pandas would read "now" and "today"
    codes = re.findall("%.", time_format)
    if "".join(codes) == time_format and all(code in _WIDTHS for code in codes):
        # pandas would read 2010111 with %Y%m%d, as one of two dates
        width = sum(_WIDTHS[code] for code in codes)
        if pa.types.is_integer(texts.type):
            texts = pc.utf8_lpad(texts.cast(pa.large_string()), width, "0")
        texts = pc.replace_substring_regex(texts, r"\.0+$", "")  # a column with missing integers
        pattern = rf"^[0-9]{{{width}}}{'[0-9]{1,9}' if '%f' in codes else ''}$"
    texts = texts.cast(pa.large_string())
    texts = pc.if_else(pc.match_substring_regex(texts, pattern), texts, "")
    return pandas.to_datetime(
        texts.to_numpy(zero_copy_only=False),
        format=time_format,
        errors="coerce",
        utc=True,
        cache=False,
    )


def _check(time_format: str) -> None:
    """Raise UsageError if the format does not say when something happened."""
    import pandas

    codes = set(re.findall("%(.)", time_format.replace("%%", "")))
    problem = ""
    if not codes:
        problem = "has no codes such as %Y"
    elif not codes & set("YyGcx"):
        problem = "has no year (%Y or %y)"
    elif codes & set("HIMSpfX") and not codes & set("djcxGUW"):
        problem = "has a time of the day, but no day (%d)"
    elif ("I" in codes) != ("p" in codes):
        problem = "needs both %I (the hour from 1 to 12) and %p (AM or PM), or %H"
    else:
        try:
            pandas.to_datetime(["-"], format=time_format, errors="coerce", utc=True)
        except ValueError as error:
            problem = f"is wrong: {str(error).rstrip('.')}"
    if problem:
        raise recbench.UsageError(f"time_format={time_format} {problem}; {_HOW}")
