"""Leave-last-out: what comes next for each user?"""

import numpy as np

import recbench

from .common import note_on_users


class LeaveLastOut:
    """Each user's last event is the target, all events before it are history and training.

    A user with a single event is trained on and not judged, since nothing could be known of them.
    """

    def split(self, interactions: recbench.Interactions) -> recbench.Split:
        judged = interactions.lengths >= 2
        last = interactions.offsets[1:] - 1
        in_train = np.ones(interactions.n_interactions, dtype=bool)
        in_train[last[judged]] = False
        train = interactions.keep(in_train)
        targets = np.full(len(interactions), -1, dtype=np.int32)
        targets[judged] = interactions.items[last[judged]]
        times = None
        if interactions.times is not None:
            times = np.full(len(interactions), -1, dtype=np.int64)
            times[judged] = interactions.times[last[judged]]
        single = interactions.lengths == 1
        notes = note_on_users(single, "with a single event", "trained on and not judged")
        return recbench.Split(train, train, targets, times, notes=notes)
