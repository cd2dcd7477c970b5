"""Step 5, evaluate: call a metric for one ranking, and check what it returns."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from recbench.data.arrays import read_only
from recbench.data.interactions import Array
from recbench.errors import RecbenchError
from recbench.evaluation.ranking import ARRAYS, Ranking
from recbench.spec import unwrapped

ROUNDING = 1e-9
"""Values may leave the bounds of their metric by this much."""

Metric = Callable[[Ranking, int], Array]
"""(ranking, k) -> one value per case; or one number, for a metric of all lists together.

Its attribute `bounds`, if there is one, holds the lowest and the highest possible value, and its
attribute `better` says which values are better: "higher" or "lower"."""


def bounds_of(metric: Metric) -> tuple[float, float]:
    """Return the lowest and the highest possible value of a metric; infinite if not known.

    Raises RecbenchError if its attribute `bounds` is anything but two numbers in this order.
    """
    given = getattr(unwrapped(metric), "bounds", (-math.inf, math.inf))
    try:
        low, high = map(float, given)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise RecbenchError(f"its bounds must be the lowest and the highest value, not {given!r}")
    return low, high


def better_of(metric: Metric) -> str:
    """Return which values of a metric are better: "higher", "lower", or "" if it does not state it.

    Raises RecbenchError if its attribute `better` is anything else.
    """
    given = getattr(unwrapped(metric), "better", "")
    if given not in ("higher", "lower", ""):
        raise RecbenchError(f"its `better` must be 'higher' or 'lower', not {given!r}")
    return str(given)


def copied(ranking: Ranking) -> Ranking:
    """Return a ranking with arrays of its own, so that a metric that writes to them harms no other.

    What it looks up is read-only, and shared.
    """
    copies: dict[str, Any] = {
        name: read_only(array.copy())
        for name, array in vars(ranking).items()
        if name in ARRAYS and array is not None
    }
    return dataclasses.replace(ranking, **copies)


def measure(ranking: Ranking, name: str, metric: Metric, ks: Iterable[int]) -> dict[str, Array]:
    """Return the values of a metric at every k: `ndcg@10` -> (cases,) float64, or one number.

    Values that are outside of the metric's bounds by rounding only are set to the bound.

    Raises RecbenchError if the metric returns another shape, or values that are not finite or
    outside of its bounds.
    """
    values, (low, high) = {}, bounds_of(metric)
    better_of(metric)
    for k in ks:
        returned = metric(ranking, k)
        try:
            value = np.array(returned, dtype=np.float64)
        except (TypeError, ValueError):
            value = None
        if returned is None or value is None:
            array = isinstance(returned, np.ndarray)
            what = f"an array of type {returned.dtype}" if array else f"{returned!r:.60}"
            raise RecbenchError(f"at k={k} it returned {what}; it must return numbers")
        if value.shape not in ((len(ranking),), ()):
            raise RecbenchError(
                f"at k={k} it returned an array of shape {value.shape}; it must return one value "
                f"per case, shape ({len(ranking)},), or a single number"
            )
        if not np.isfinite(value).all():
            wrong = value[~np.isfinite(value)][0]
            raise RecbenchError(f"at k={k} it returned {wrong}; all values must be finite")
        outside = (value < low - ROUNDING) | (value > high + ROUNDING)
        if outside.any():
            raise RecbenchError(
                f"at k={k} it returned {value[outside][0]}; its bounds are {low:g} and {high:g}"
            )
        values[f"{name}@{k}"] = np.clip(value, low, high)
    return values
