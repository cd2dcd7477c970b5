"""Judge models on users that they were not trained on."""

import numpy as np

import recbench


class MyPlugin:
    """Train on some users and judge the last item of the others.

    Known as strong generalisation (Marlin, "Collaborative filtering: a machine learning
    perspective", 2004).

    Parameters
    ----------
    share : float, default: 0.2
        Share of the users that are judged.
    seed : int, default: 0
        Random seed for choosing these users.
    """

    def __init__(self, share: float = 0.2, seed: int = 0):
        if not 0 < share < 1:
            raise recbench.UsageError(f"splitter my-plugin: share={share} must be in (0, 1)")
        self.share, self.seed = share, seed

    def split(self, interactions):
        drawn = np.random.default_rng(self.seed).random(len(interactions)) < self.share
        new = interactions.take(np.flatnonzero(drawn & (interactions.lengths >= 2)))
        last = new.offsets[1:] - 1  # where each user's last interaction is
        return recbench.Split(
            train=interactions.take(np.flatnonzero(~drawn)),
            history=new.keep(~np.isin(np.arange(new.n_interactions), last)),
            targets=new.items[last],
            times=None if new.times is None else new.times[last],
            notes=(f"{np.count_nonzero(~drawn)} users are used for training but not judged",),
        )


@recbench.hookimpl
def recbench_splitters():
    return {"my-plugin": MyPlugin}
