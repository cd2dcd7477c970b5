"""The categories of items, from a column such as genres."""

import math
from typing import Any

import numpy as np

from .listed import Array


def categories_of(values: Array) -> tuple[Array, Array, int]:
    """Return the categories of items, numbered from 0: item by item, offsets, and how many.

    values: (n_items,) texts such as "Action|Comedy", "" where unknown; or numbers, each of which is
        a category, NaN where unknown.
    """
    known: dict[Any, int] = {}  # the distinct values, which are often few
    value_of_item = np.array(
        [known.setdefault(value, len(known)) for value in values.tolist()], dtype=np.int64
    )
    numbers: dict[str, int] = {}
    sets = [
        sorted({numbers.setdefault(part, len(numbers)) for part in _parts(value)})
        for value in known
    ]
    lengths = np.array([len(parts) for parts in sets], dtype=np.int64)
    flat = np.array([number for parts in sets for number in parts], dtype=np.int64)
    starts, counts = (np.cumsum(lengths) - lengths)[value_of_item], lengths[value_of_item]
    offsets = np.append(0, np.cumsum(counts))
    places = np.repeat(starts - offsets[:-1], counts) + np.arange(offsets[-1])
    return flat[places], offsets, len(numbers)


def _parts(value: Any) -> list[str]:
    """Return the categories of a value; none for NaN and ""."""
    if isinstance(value, float) and math.isnan(value):
        return []
    return [part for part in (part.strip() for part in str(value).split("|")) if part]
