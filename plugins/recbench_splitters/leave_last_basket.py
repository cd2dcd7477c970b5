"""Leave-last-basket: what will each user take the next time they come?"""

import numpy as np

import recbench

from .common import distinct_items, note_on_users


class LeaveLastBasket:
    """All events of each user's last time are targets, all before are history and training.

    Times are whole seconds. The targets are the distinct items of the basket, so the order of
    equal times decides nothing; an item that the user has had before stays a target. A user whose
    events all have one time is trained on and not judged.
    """

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        times, offsets, lengths = interactions.times, interactions.offsets, interactions.lengths
        if times is None:
            raise recbench.RecbenchError(
                "splitter leave-last-basket needs times and this dataset has none; "
                "use leave-last-out"
            )
        is_earlier = times != np.repeat(times[offsets[1:] - 1], lengths)
        n_earlier = np.diff(np.concatenate([[0], np.cumsum(is_earlier, dtype=np.int64)])[offsets])
        judged = n_earlier > 0
        rows = np.arange(len(interactions))
        train = interactions.cut(rows, offsets[:-1], np.where(judged, n_earlier, lengths))
        n_last = np.where(judged, lengths - n_earlier, 0)
        targets = distinct_items(interactions.cut(rows, offsets[:-1] + n_earlier, n_last))
        single = ~judged & (lengths > 0)
        return recbench.Split(
            train,
            train,
            targets.items,
            targets.times,
            targets.offsets,
            note_on_users(single, "whose events all have one time", "trained on and not judged"),
        )
