"""Recommend the items that most often came next after the user's last item."""

import numpy as np

import recbench


class MyPlugin:
    """First-order Markov chain over items."""

    def fit(self, train):
        self.counts_ = np.zeros((train.n_items, train.n_items), dtype=np.float32)
        for items in train.sequences():
            np.add.at(self.counts_, (items[:-1], items[1:]), 1)
        return self

    def score(self, history):
        return np.array([self.counts_[items[-1:]].sum(axis=0) for items in history.sequences()])


@recbench.hookimpl
def recbench_models():
    return {"my-plugin": MyPlugin}
