"""Windows: the protocol of the notebook from which recbench started."""

import numpy as np

import recbench

from .common import note_on_users


class Windows:
    """Sliding windows of each user's sequence; the last item of random windows is held out.

    A window starts at every `step`-th interaction, and an additional one ends with the user's last
    interaction. Windows overlap, so test windows share items with training windows. The metrics are
    therefore much higher than with leave-last-out, and not comparable with it. Users with fewer
    than `length` interactions are left out.

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
        windows = self._windows(interactions)
        shuffled = np.random.default_rng(self.seed).permutation(len(windows))
        n_test = round(self.test * len(windows))
        if not 0 < n_test < len(windows):
            raise recbench.RecbenchError(
                f"windows: the data have {len(windows)} windows of {self.length} interactions, too "
                f"few to hold out {self.test:.0%}; use a shorter length, or leave-last-out"
            )
        train = windows.take(np.sort(shuffled[n_test:]))
        test = windows.take(np.sort(shuffled[:n_test]))
        last = test.offsets[1:] - 1
        in_history = np.ones(test.n_interactions, dtype=bool)
        in_history[last] = False
        too_short = (interactions.lengths > 0) & (interactions.lengths < self.length)
        judged = np.isin(interactions.users, test.users)
        only_trained_on = (interactions.lengths >= self.length) & ~judged
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

    def _windows(self, interactions: recbench.Interactions) -> recbench.Interactions:
        """Return every window as a separate row, user by user, oldest first."""
        last_start = interactions.lengths - self.length  # below 0 where no window fits
        counts = np.where(last_start >= 0, -(-last_start // self.step) + 1, 0)
        row = np.repeat(np.arange(len(interactions)), counts)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = interactions.offsets[row] + np.minimum(nth * self.step, last_start[row])
        return interactions.cut(row, starts, np.full(len(row), self.length))
