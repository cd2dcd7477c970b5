"""Windows: the protocol of the notebook from which recbench started."""

from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .common import note_on_users


class Windows:
    """Sliding windows of each user's sequence; the last item of random windows is held out.

    A window starts at every `step`-th interaction, and an additional one ends with the user's last
    interaction. Windows overlap, so test windows share items with training windows. The metrics are
    therefore much higher than with leave-last-out, and not comparable with it. Users with fewer
    than `length` interactions are left out.

    For `recbench tune`, validation windows are drawn in the same way from the training windows that
    hold no test target.

    Parameters
    ----------
    length : int, default: 4
        Interactions per window, at least 2.
    step : int, default: 2
        Interactions between the starts of two windows, at least 1.
    test : float, default: 0.15
        Share of windows that are judged instead of used for training, between 0 and 1.
    seed : int, default: 0
        Random seed that chooses the test windows.

    Examples
    --------
    >>> import recbench
    >>> from recbench_splitters import Windows
    >>> log = recbench.Interactions.from_log(users=[0] * 6, items=[10, 11, 12, 13, 14, 15])
    >>> split = Windows(length=4, step=2, test=0.5).split(log)
    >>> [items.tolist() for items in split.train.sequences()]
    [[12, 13, 14, 15]]
    >>> [items.tolist() for items in split.history.sequences()], split.targets.tolist()
    ([[10, 11, 12]], [13])
    """

    def __init__(self, length: int = 4, step: int = 2, test: float = 0.15, seed: int = 0) -> None:
        recbench.check_options(
            "splitter windows",
            ("length", length, length >= 2, "2 or more"),
            ("step", step, step >= 1, "1 or more"),
            ("test", test, 0 < test < 1, "above 0 and below 1"),
            ("seed", seed, seed >= 0, "0 or more"),
        )
        self.length, self.step, self.test, self.seed = length, step, test, seed

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Cut sequences into windows, and hold out the last item of the test windows.

        Parameters
        ----------
        interactions : recbench.Interactions
            One sequence per user, oldest first.

        Returns
        -------
        recbench.Split
            Training data, histories and targets.

        Raises
        ------
        recbench.RecbenchError
            If there are too few windows to hold some out.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Windows
        >>> log = recbench.Interactions.from_log(users=[0] * 6, items=[10, 11, 12, 13, 14, 15])
        >>> len(Windows(length=2, step=1, test=0.4).split(log).targets)  # 2 of 5 windows
        2
        """
        rows, starts = self._windows(interactions)
        drawn = self._draw(len(starts), [self.seed])
        if drawn is None:
            raise recbench.RecbenchError(
                f"windows: the data have {len(starts)} windows of {self.length} interactions, too "
                f"few to hold out {self.test:.0%}; use a shorter length, or leave-last-out"
            )
        return self._split(interactions, rows, starts, drawn)

    def validation_split(self, interactions: recbench.Interactions) -> recbench.Split:
        """Hold out the last item of training windows that hold no test target.

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
            If there are too few windows to hold some out, twice.

        Examples
        --------
        >>> import recbench
        >>> from recbench_splitters import Windows
        >>> log = recbench.Interactions.from_log(users=[0] * 6, items=[10, 11, 12, 13, 14, 15])
        >>> windows = Windows(length=2, step=1, test=0.4)
        >>> windows.split(log).targets.tolist()
        [13, 15]
        >>> split = windows.validation_split(log)  # the window of 13 and 14 holds a test target
        >>> split.train.items.tolist(), split.history.items.tolist(), split.targets.tolist()
        ([11, 12], [10], [11])
        """
        rows, starts = self._windows(interactions)
        drawn = self._draw(len(starts), [self.seed])
        free = np.zeros(0, dtype=np.int64)
        if drawn is not None:
            is_target = np.zeros(interactions.n_interactions, dtype=np.int64)
            is_target[starts[drawn] + self.length - 1] = 1
            before = np.concatenate([[0], np.cumsum(is_target)])
            free = np.flatnonzero(~drawn & (before[starts + self.length] == before[starts]))
        again = self._draw(len(free), [self.seed, 1])
        if again is None:
            raise recbench.RecbenchError(
                f"windows: {len(free)} training windows of {self.length} interactions hold no test "
                f"target, too few to hold out {self.test:.0%} for validation; use a shorter "
                "length, or leave-last-out"
            )
        return self._split(interactions, rows[free], starts[free], again)

    def _split(
        self,
        interactions: recbench.Interactions,
        rows: npt.NDArray[Any],
        starts: npt.NDArray[Any],
        is_test: npt.NDArray[Any],
    ) -> recbench.Split:
        """Make a split of windows. is_test: which of them are judged."""
        windows = interactions.cut(rows, starts, np.full(len(rows), self.length))
        train, test = (windows.take(np.flatnonzero(mask)) for mask in (~is_test, is_test))
        last = test.offsets[1:] - 1
        in_history = np.ones(test.n_interactions, dtype=bool)
        in_history[last] = False
        too_short = (interactions.lengths > 0) & (interactions.lengths < self.length)
        only_trained_on = np.isin(interactions.users, train.users) & ~np.isin(
            interactions.users, test.users
        )
        return recbench.Split(
            train,
            test.keep(in_history),
            test.items[last],
            None if test.times is None else test.times[last],
            notes=(
                *note_on_users(
                    too_short, f"with fewer than {self.length} interactions", "left out"
                ),
                *note_on_users(
                    only_trained_on, "whose windows are all used for training", "not judged"
                ),
            ),
        )

    def _windows(
        self, interactions: recbench.Interactions
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the row of each window and where it starts, user by user, oldest first."""
        last_start = interactions.lengths - self.length  # below 0 where no window fits
        counts = np.where(last_start >= 0, -(-last_start // self.step) + 1, 0)
        row = np.repeat(np.arange(len(interactions)), counts)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        return row, interactions.offsets[row] + np.minimum(nth * self.step, last_start[row])

    def _draw(self, n: int, seed: list[int]) -> npt.NDArray[Any] | None:
        """Return which of n windows are held out, or None if they are too few."""
        n_test = round(self.test * n)
        if not 0 < n_test < n:
            return None
        drawn = np.zeros(n, dtype=bool)
        drawn[np.random.default_rng(seed).permutation(n)[:n_test]] = True
        return drawn
