"""Temporal: what comes after a day, known to nobody before it?"""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

import recbench

from .common import distinct_items, note_on_users

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Temporal:
    """One cut in time for everybody: all before it is training, what comes after is to be found.

    An event at exactly the time of the cut lies after it. Judged are users with events on both
    sides: their history is all before the cut, and a target that is in it stays a target. Who has
    no event before the cut has no row in train; who has none after it is trained on only.

    at: the cut: a date such as 1998-03-01, a date and time such as 1998-03-01T12:00 (UTC where it
        names no zone), or whole seconds since 1970.
    share: instead of at, the share of all events that lies before the cut, 0.9 by default; it is
        less where events share the time of the cut.
    targets: "next" is the user's first event after the cut, "all" each item of theirs after it.
    """

    def __init__(
        self,
        at: str | int | None = None,
        share: float | None = None,
        targets: Literal["next", "all"] = "next",
    ) -> None:
        if at is not None and share is not None:
            raise recbench.UsageError(
                f"splitter temporal: at={at} and share={share} both say where the cut is; give one"
            )
        if share is not None and not 0 < share < 1:
            raise recbench.UsageError(f"splitter temporal needs 0 < share < 1, not {share}")
        if targets not in ("next", "all"):
            raise recbench.UsageError(f"splitter temporal: targets={targets} is not next or all")
        self.at = None if at is None else _seconds(str(at).strip())
        self.share = 0.9 if share is None else share
        self.targets = targets

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        times = interactions.times
        if times is None:
            raise recbench.RecbenchError(
                "splitter temporal needs times and this dataset has none; use leave-last-out"
            )
        cut = self.at
        if cut is None:
            place = min(round(self.share * len(times)), len(times) - 1)
            cut = int(np.partition(times, place)[place])
        n_earlier_until = np.concatenate([[0], np.cumsum(times < cut, dtype=np.int64)])
        total = int(n_earlier_until[-1])
        if not 0 < total < len(times):
            side = "at or after" if total else "before"
            raise recbench.RecbenchError(
                f"splitter temporal: no event lies {side} the cut, {_date(cut)}; the data run from "
                f"{_date(int(times.min()))} to {_date(int(times.max()))}: "
                "put the cut between them with at=, or use leave-last-out"
            )
        n_earlier = np.diff(n_earlier_until[interactions.offsets])
        n_later = interactions.lengths - n_earlier
        only_later, only_earlier = (
            (n_earlier == 0) & (n_later > 0),
            (n_earlier > 0) & (n_later == 0),
        )
        rest = len(times) - total
        untrained, unjudged = "neither trained on nor judged", "trained on and not judged"
        notes = (
            f"the cut is {_date(cut)}: {total:,} events before it, {rest:,} at or after it",
            *note_on_users(only_later, "without an event before the cut", untrained),
            *note_on_users(only_earlier, "without an event at or after the cut", unjudged),
        )
        rows = np.flatnonzero(n_earlier)
        begins, n_earlier, n_later = interactions.offsets[rows], n_earlier[rows], n_later[rows]
        train = interactions.cut(rows, begins, n_earlier)
        first_later = begins + n_earlier
        if self.targets == "all":
            later = distinct_items(interactions.cut(rows, first_later, n_later))
            return recbench.Split(train, train, later.items, later.times, later.offsets, notes)
        judged = n_later > 0
        targets, target_times = np.full((2, len(rows)), -1, dtype=np.int64)
        targets[judged] = interactions.items[first_later[judged]]
        target_times[judged] = times[first_later[judged]]
        return recbench.Split(train, train, targets, target_times, notes=notes)


def _seconds(text: str) -> int:
    """Whole seconds since 1970; fractions of a second are rounded up, as events' are cut off."""
    if re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise recbench.UsageError(
            f"splitter temporal: at={text} is no time; write a date such as 1998-03-01, a date and "
            "time such as 1998-03-01T12:00, or whole seconds since 1970"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return -((_EPOCH - moment) // timedelta(seconds=1))


def _date(seconds: int) -> str:
    return f"{np.datetime64(seconds, 's')} UTC".replace("T", " ", 1)
