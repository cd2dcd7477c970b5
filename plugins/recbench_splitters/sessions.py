"""Sessions: predict the items of later sessions, from earlier ones and from their own beginning."""

import math
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import recbench

from .common import PER_SECOND
from .cuts import Cut


class Sessions:
    """Session-based recommendation: the target follows the beginning of a session.

    Sessions whose last interaction is at or after a cut in time are test sessions; the others are
    training data, one sequence each. This is the protocol of Hidasi et al., "Session-based
    recommendations with recurrent neural networks", 2016. A history has no earlier sessions. Test
    sessions of a single interaction are not judged. No training interaction is later than a target,
    except with targets=each, where a test session that begins before the cut has targets before it.

    Each user's sequence is one session, as in logs whose user is a session id (user=SessionId).
    With `gap`, it is cut into sessions instead. Load such data with repeats=keep, because otherwise
    items that the user had in an earlier session are missing.

    For `recbench tune`, the training sessions are cut in time again, so that the same share of them
    is before the validation sessions.

    Parameters
    ----------
    gap : float, default: one session per user
        A session ends where the user pauses for longer than this many minutes.
    at : str or int, default: set by `share`
        Date and time of the cut, such as 1998-03-01 or 1998-03-01T12:00. In UTC, unless a time zone
        is given. A whole number is in seconds since 1970. Dates may have fractions of a second.
    share : float, default: 0.9
        Share of sessions before the cut, if `at` is not given. The real share is lower if several
        sessions end at the time of the cut.
    targets : {"last", "each"}, default: "last"
        Whether the last item of a test session is the target, or every item after the first. Each
        of them is a case of its own, with the items before it as history.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import Sessions
    >>> log = recbench.Interactions.from_log(
    ...     users=[0, 0, 0, 0, 0], items=[4, 2, 5, 3, 6], times=[0, 60, 7200, 7260, 7320]
    ... )
    >>> split = Sessions(gap=30, at=3600).split(log)
    >>> [items.tolist() for items in split.train.sequences()]
    [[4, 2]]
    >>> [items.tolist() for items in split.history.sequences()], split.targets.tolist()
    ([[5, 3]], [6])
    >>> split = Sessions(gap=30, at=3600, targets="each").split(log)
    >>> [items.tolist() for items in split.history.sequences()], split.targets.tolist()
    ([[5], [5, 3]], [3, 6])
    """

    def __init__(
        self,
        gap: float | None = None,
        at: str | int | None = None,
        share: float | None = None,
        targets: Literal["last", "each"] = "last",
    ) -> None:
        recbench.check_options(
            "splitter sessions",
            ("gap", gap, gap is None or 0 < gap < math.inf, "a number of minutes above 0"),
            ("targets", targets, targets in ("last", "each"), "last or each"),
        )
        self.gap, self.targets = gap, targets
        self.cut = Cut("sessions", at, share)

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out items of the sessions that end at or after the cut.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets, with one row per session, or per target with
            targets=each.

        Raises
        ------
        recbench.RecbenchError
            If the interactions have no times, or all sessions end on one side of the cut.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Sessions
        >>> log = recbench.Interactions.from_log([0, 0, 1], [4, 2, 5], times=[10, 20, 30])
        >>> Sessions(at=30).split(log).notes[0]
        'the cut is 1970-01-01 00:00:30 UTC: 1 session ends before it, 1 at or after it'
        """
        return self._split(interactions, self.cut)[0]

    def validation_split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Cut the training sessions in time again, and hold out items of those after that cut.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets, without what `split` holds out.

        Raises
        ------
        recbench.RecbenchError
            If the interactions cannot be split, or the training sessions are too few to cut again.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Sessions
        >>> log = recbench.Interactions.from_log([0, 1, 1, 2], [4, 2, 5, 3], times=[10, 20, 30, 40])
        >>> Sessions(at=40).validation_split(log).targets.tolist()
        [5]
        """
        split, n_sessions = self._split(interactions, self.cut)
        return self._split(split.train, self.cut.again(len(split.train) / n_sessions))[0]

    def _split(self, interactions: recbench.Interactions, cut: Cut) -> tuple[recbench.Split, int]:
        """Return the split, and the number of sessions."""
        times = interactions.times
        if times is None:
            raise recbench.RecbenchError(
                "sessions needs times, but the dataset has none; use leave-last-out"
            )
        starts, lengths, rows = self._sessions(interactions, times)
        earlier, date = cut.divide(
            times[starts + lengths - 1], interactions.time_unit, "session ends"
        )
        judged = np.flatnonzero(~earlier & (lengths >= 2))
        n_cases = lengths[judged] - 1 if self.targets == "each" else np.ones_like(judged)
        session = np.repeat(judged, n_cases)
        # the last case of a session has its last item as target, the one before it the item before
        n_after = np.repeat(np.cumsum(n_cases), n_cases) - np.arange(len(session)) - 1
        n_shown = lengths[session] - 1 - n_after
        target = starts[session] + n_shown
        n_single = int(np.count_nonzero(~earlier & (lengths == 1)))
        split = recbench.Split(
            interactions.cut(rows[earlier], starts[earlier], lengths[earlier]),
            interactions.cut(rows[session], starts[session], n_shown),
            interactions.items[target],
            times[target],
            notes=(_note_on_cut(date, earlier), *_note_on_single(n_single)),
        )
        return split, len(starts)

    def _sessions(
        self, interactions: recbench.Interactions, times: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """Return where each session starts, its length, and the row that it is a part of."""
        is_start = np.zeros(len(times), dtype=bool)
        if self.gap is not None:
            longest = Fraction(str(self.gap)) * 60 * PER_SECOND[interactions.time_unit]
            is_start[1:] = np.diff(times) > math.floor(longest)
        is_start[interactions.offsets[:-1][interactions.lengths > 0]] = True
        starts = np.flatnonzero(is_start)
        rows = np.repeat(np.arange(len(interactions)), interactions.lengths)
        return starts, np.diff(starts, append=len(times)), rows[starts]


def _note_on_cut(date: str, earlier: npt.NDArray[Any]) -> str:
    n_earlier = int(np.count_nonzero(earlier))
    sessions_end = "1 session ends" if n_earlier == 1 else f"{n_earlier:,} sessions end"
    n_later = f"{len(earlier) - n_earlier:,}"
    return f"the cut is {date}: {sessions_end} before it, {n_later} at or after it"


def _note_on_single(n: int) -> tuple[str, ...]:
    if not n:
        return ()
    sessions = "1 test session" if n == 1 else f"{n:,} test sessions"
    outcome = "neither used for training nor judged"
    return (f"{sessions} of a single interaction {'is' if n == 1 else 'are'} {outcome}",)
