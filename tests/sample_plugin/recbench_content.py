"""Recommend items with the genres, the year or other features of those that a user had last."""

import numpy as np
from scipy import sparse

import recbench


class Content:
    """Items that share features with the latest items of the history; rare values count more.

    Parameters
    ----------
    features : tuple of str, default: genres,year
        Features of the items. Several values of one item are separated by `|`.
    last : int, default: 10
        Number of latest items of a history that are used.
    """

    def __init__(self, features: tuple[str, ...] = ("genres", "year"), last: int = 10):
        self.features, self.last = features, last

    def fit(self, train):
        pairs = []  # of an item and a value that it has, such as (0, "genres=Comedy")
        for name in self.features:
            for item, text in enumerate(train.item_features[name]):
                values = set(str(text).split("|")) - {"", "nan"}
                pairs += [(item, f"{name}={value}") for value in values]
        items, values = zip(*pairs, strict=True)
        _, columns, counts = np.unique(values, return_inverse=True, return_counts=True)
        weights = np.log(1 + train.n_items / counts)[columns]
        weights /= np.sqrt(np.bincount(items, weights**2))[list(items)]  # all profiles: length 1
        shape = train.n_items, len(counts)
        self.profiles_ = sparse.csr_matrix((weights, (items, columns)), shape)
        return self

    def score(self, history):
        age = np.repeat(history.offsets[1:], history.lengths) - np.arange(history.n_interactions)
        taste = history.matrix(np.where(age <= self.last, 0.9**age, 0)) @ self.profiles_
        return (taste @ self.profiles_.T).toarray()


@recbench.hookimpl
def recbench_models():
    return {"content": Content}
