"""Titles of items: of several in a log, the first one of each item."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def first_titles(items: Array, codes: Array, titles: Array, n_items: int) -> Array:
    """Return the first title of each item, "" if it has none, (n_items,) object.

    items, codes: (rows,) the item, and the index of its title in `titles`, or -1.
    """
    has_title = np.flatnonzero(codes >= 0)
    item, first = np.unique(items[has_title], return_index=True)
    title_of_item = np.full(n_items, "", dtype=object)
    title_of_item[item] = titles[codes[has_title[first]]]
    return title_of_item
