"""Cuts in time: at a given date, or where a share of the log is before it."""

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .common import PER_SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Cut:
    """A cut in time, as users set it.

    splitter: its name in errors.
    at: date, date and time, or seconds since 1970; None for a share.
    share: share of the log before the cut; None for 0.9. The real share is lower if several entries
        have the time of the cut, which are after it.
    """

    def __init__(self, splitter: str, at: str | int | None, share: float | None) -> None:
        self.splitter = splitter
        if at is not None and share is not None:
            raise recbench.UsageError(
                f"splitter {splitter}: at={at} and share={share} both set the cut; give only one"
            )
        is_valid = share is None or 0 < share < 1
        rule = "above 0 and below 1"
        recbench.check_options(f"splitter {splitter}", ("share", share, is_valid, rule))
        self.at = None if at is None else self._seconds(str(at).strip())
        self.share = 0.9 if share is None else share
        self.is_for_validation = False

    def again(self, share_before: float) -> "Cut":
        """Return the cut of the training data that holds out validation targets.

        share_before: the share that this cut has left before it; it is used if a date was set.
        """
        cut = Cut(self.splitter, None, self.share if self.at is None else share_before)
        cut.is_for_validation = True
        return cut

    def divide(
        self, times: npt.NDArray[Any], time_unit: str, what: str
    ) -> tuple[npt.NDArray[Any], str]:
        """Return which of the times are before the cut, and the cut as a date.

        what: subject and verb of the errors, such as "interaction is" in "no interaction is before
            the cut".
        """
        per_second, at = PER_SECOND[time_unit], self.at
        if at is None:
            place = min(round(self.share * len(times)), len(times) - 1)
            at = Fraction(int(np.partition(times, place)[place]), per_second)
        earlier = np.asarray(times < math.ceil(at * per_second))
        if earlier.all() or not earlier.any():
            side = "at or after" if earlier.any() else "before"
            first, last = (
                _date(Fraction(int(end), per_second)) for end in (times.min(), times.max())
            )
            if self.is_for_validation:
                raise recbench.RecbenchError(
                    f"{self.splitter}: too few training data to cut off validation targets: no "
                    f"{what} {side} the cut, {_date(at)}; the training data run from {first} to "
                    f"{last}. Set a later cut with at= or share=, or use leave-last-out"
                )
            if times.min() == times.max():
                raise recbench.RecbenchError(
                    f"{self.splitter}: every {what} at {first}, so no cut divides the data; use "
                    "leave-last-out"
                )
            raise recbench.RecbenchError(
                f"{self.splitter}: no {what} {side} the cut, {_date(at)}; the data run from "
                f"{first} to {last}. Set a cut between these times with at=, or use leave-last-out"
            )
        return earlier, _date(at)

    def _seconds(self, text: str) -> Fraction:
        """Return a time in seconds since 1970."""
        if re.fullmatch(r"-?[0-9]{1,18}", text):
            return Fraction(text)
        # datetime would cut the fraction off after six digits
        fraction = re.search(r"(?<=:\d\d:\d\d)[.,](\d+)", text)
        whole = text if fraction is None else text.replace(fraction[0], "")
        try:
            moment = datetime.fromisoformat(whole)
        except ValueError:
            raise recbench.UsageError(
                f"splitter {self.splitter}: at={text} is not a time; write a date such as "
                "1998-03-01, a date and time such as 1998-03-01T12:00, or whole seconds since 1970"
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = Fraction((moment - _EPOCH) // timedelta(microseconds=1), 10**6)
        return seconds if fraction is None else seconds + Fraction(f"0.{fraction[1]}")


def _date(seconds: Fraction) -> str:
    """Write a time; the fraction of its second has up to nine digits."""
    whole = math.floor(seconds)
    fraction = f"{int((seconds - whole) * 10**9):09}".rstrip("0")
    date = f"{np.datetime64(whole, 's')}".replace("T", " ", 1)
    return f"{date}.{fraction} UTC" if fraction else f"{date} UTC"
