"""Step 6, results: the popularity of targets, in three parts, which is stored with results."""

from __future__ import annotations

import numpy as np

from recbench.data.interactions import Array

POPULARITY_NAMES = ("head", "middle", "tail")
"""Items by popularity: the most popular ones, with a third of the training interactions, those with
the next third, and all others, including items without a training interaction."""


def popularity_segment(popularity: Array, items: Array) -> Array:
    """Return (items,) int8: the index into POPULARITY_NAMES of each item.

    popularity: (n_items,) training interactions; items of equal popularity share a segment.
    """
    order = np.argsort(-popularity, kind="stable")
    before = np.concatenate([[0], np.cumsum(popularity[order])])
    first = np.searchsorted(
        -popularity[order], -popularity
    )  # items of equal popularity share the place of the first
    segment = np.minimum(before[first] * 3 // max(1, before[-1]), 2)
    segment[popularity == 0] = 2
    return np.asarray(segment.astype(np.int8)[items])
