"""Windows: the protocol of the notebook that recbench grew from."""

import numpy as np

import recbench

from .common import note_on_users


class Windows:
    """Sliding windows of each user's sequence; in a random part of them the last item is hidden.

    Windows start at every `step`-th event, and one more ends with the user's last event. Windows
    overlap, so a test window shares items with training windows: numbers are much higher than, and
    not comparable with, those of leave-last-out. Users with fewer than `length` events are left
    out.

    length: events in a window, at least 2.
    step: events between the starts of two windows, at least 1.
    test: the share of windows that are judged and not trained on, between 0 and 1.
    seed: which windows those are.
    """

    def __init__(self, length: int = 4, step: int = 2, test: float = 0.15, seed: int = 0) -> None:
        if length < 2 or step < 1 or not 0 < test < 1 or seed < 0:
            raise recbench.UsageError(
                "splitter windows needs length >= 2, step >= 1, 0 < test < 1 and seed >= 0; got "
                f"length={length}, step={step}, test={test}, seed={seed}"
            )
        self.length, self.step, self.test, self.seed = length, step, test, seed

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        windows = self._windows(interactions)
        shuffled = np.random.default_rng(self.seed).permutation(len(windows))
        n_test = round(self.test * len(windows))
        if not 0 < n_test < len(windows):
            raise recbench.RecbenchError(
                f"splitter windows found {len(windows)} windows of {self.length} events, too few "
                f"to hold {self.test:.0%} out; use a shorter length or leave-last-out"
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
                *note_on_users(too_short, f"with fewer than {self.length} events", "left out"),
                *note_on_users(only_trained_on, "whose windows are all trained on", "not judged"),
            ),
        )

    def _windows(self, interactions: recbench.Interactions) -> recbench.Interactions:
        """Every window as a row of its own, user by user, in order of time."""
        last_start = interactions.lengths - self.length  # below 0 where no window fits
        counts = np.where(last_start >= 0, -(-last_start // self.step) + 1, 0)
        row = np.repeat(np.arange(len(interactions)), counts)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = interactions.offsets[row] + np.minimum(nth * self.step, last_start[row])
        return interactions.cut(row, starts, np.full(len(row), self.length))
