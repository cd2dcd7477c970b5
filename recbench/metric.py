"""Step 5, evaluate: where targets ended up, ties included, and how metrics read that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import RecbenchError
from .interactions import Array

Value = tuple[float, float]
"""A mean over the judged rows and its standard error."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Where the target of each judged row ended up among the items that may be recommended.

    above: (rows,) int64, how many items scored above the target.
    tied: (rows,) int64, how many scored the same, the target included: at least 1.

    The target's rank is therefore any of above + 1 ... above + tied, all equally likely.
    """

    above: Array
    tied: Array

    def __len__(self) -> int:
        return len(self.above)

    def expectation(self, gains: npt.ArrayLike) -> Array:
        """(rows,) float64: the mean gain over the ranks that the target may have.

        gains: (k,) what a target at rank 1 ... k is worth; every later rank is worth 0.

        Exact for every metric that is a sum of gains by rank; the rule for ties is that of
        McSherry & Najork, "Computing Information Retrieval Performance Measures Efficiently in
        the Presence of Tied Scores", ECIR 2008.
        """
        gains = np.asarray(gains, dtype=np.float64)
        total = np.concatenate([[0.0], np.cumsum(gains)])
        first = np.minimum(self.above, len(gains))
        last = np.minimum(self.above + self.tied, len(gains))
        alone = np.concatenate([gains, [0.0]])[first]
        return np.where(self.tied == 1, alone, (total[last] - total[first]) / self.tied)


def measure(
    ranking: Ranking, name: str, metric: Callable[[Ranking, int], Array], ks: Iterable[int]
) -> dict[str, Array]:
    """The values of a metric at every k: `ndcg@10` -> (rows,) float64.

    Raises RecbenchError where the metric does not give one finite number a row.
    """
    values = {}
    for k in ks:
        value = np.asarray(metric(ranking, k), dtype=np.float64)
        if value.shape != (len(ranking),) or not np.isfinite(value).all():
            raise RecbenchError(
                f"it gave shape {value.shape} or numbers that are not finite at k={k}, "
                f"wanted ({len(ranking)},) finite ones"
            )
        values[f"{name}@{k}"] = value
    return values


def summarise(values: Mapping[str, Array]) -> dict[str, Value]:
    """Mean and standard error (sample standard deviation / sqrt(rows)) of each column."""
    return {
        key: (
            float(value.mean()),
            float(value.std(ddof=1) / math.sqrt(len(value))) if len(value) > 1 else math.nan,
        )
        for key, value in values.items()
    }
