"""Step 6, results: whom, and for which items, a model is good."""

from __future__ import annotations

import numpy as np

from recbench.data.interactions import Array
from recbench.evaluation.ranking import Metric, Ranking, measure

POPULARITY = ("head", "middle", "tail")
"""Items by popularity: the most popular ones that share a third of all training events, the next
third, and all others, those without any training event among them."""


def popularity_segment(popularity: Array, items: Array) -> Array:
    """(items,) int8: which of POPULARITY each item is in.

    popularity: (n_items,) training events; items of equal popularity are in one segment.
    """
    order = np.argsort(-popularity, kind="stable")
    before = np.concatenate([[0], np.cumsum(popularity[order])])
    first = np.searchsorted(-popularity[order], -popularity)  # ties share the place of their first
    segment = np.minimum(before[first] * 3 // max(1, before[-1]), 2)
    segment[popularity == 0] = 2
    return np.asarray(segment.astype(np.int8)[items])


def history_cuts(lengths: Array) -> Array:
    """(2,) the lengths of history at which users are cut into three about equal parts."""
    return np.quantile(lengths, [1 / 3, 2 / 3], method="lower").astype(np.int64)


def by_segment(
    ranking: Ranking, segment: Array, lengths: Array, metric: Metric, k: int
) -> dict[str, tuple[int, float]]:
    """Segment -> (cases in it, mean of the metric), first by popularity, then by history.

    segment: (targets,) what `popularity_segment` gave; a case counts in each segment that it has
    targets in, by these targets alone. lengths: (cases,) of the histories.
    """
    parts = {
        f"target in {name}": ranking.only(segment == number)[0]
        for number, name in enumerate(POPULARITY)
    }
    low, high = history_cuts(lengths)
    for name, chosen in (
        (f"history <= {low:,}", lengths <= low),
        (f"history {_span(low + 1, high)}", (lengths > low) & (lengths <= high)),
        (f"history > {high:,}", lengths > high),
    ):
        parts[name] = ranking.take(np.flatnonzero(chosen))
    return {
        name: (len(part), float(measure(part, "it", metric, [k])[f"it@{k}"].mean()))
        for name, part in parts.items()
        if len(part)
    }


def _span(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,}-{last:,}"
