"""How much each interaction of a history counts: less for each step back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import recbench

LEAST = 1e-30
"""Smaller weights are 0: products of float32 numbers that small are slow and lose their digits."""


def recency_weights(
    history: recbench.Interactions, decay: float, length: int | None = None
) -> npt.NDArray[np.float32]:
    """Return (n_interactions,): decay ** age; 0 for all but the latest `length` of each row.

    The last interaction of a row has age 0, the one before it age 1.
    """
    age = np.repeat(history.offsets[1:], history.lengths) - 1 - np.arange(history.n_interactions)
    weights = np.power(decay, age, dtype=np.float64)
    weights[weights < LEAST] = 0
    if length is not None:
        weights[age >= length] = 0
    return weights.astype(np.float32)
