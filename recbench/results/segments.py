"""Step 6, results: break cases down by popularity of the target and length of the history."""

from __future__ import annotations

import numpy as np

from recbench.data.interactions import Array
from recbench.evaluation.measure import Metric, measure
from recbench.evaluation.ranking import Ranking

POPULARITY = ("head", "middle", "tail")
"""Items by popularity: the most popular ones, with a third of the training interactions, those with
the next third, and all others, including items without a training interaction."""


def popularity_segment(popularity: Array, items: Array) -> Array:
    """Return (items,) int8: the index into POPULARITY of each item.

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


def history_cuts(lengths: Array) -> Array:
    """Return (2,) the history lengths that cut the cases into three parts of about equal size."""
    return np.quantile(lengths, [1 / 3, 2 / 3], method="lower").astype(np.int64)


def by_segment(
    ranking: Ranking,
    segment: Array,
    lengths: Array,
    metric: Metric,
    k: int,
    column: Array | None = None,
) -> dict[str, tuple[int, float]]:
    """Return segment -> (number of cases, mean of the metric), by popularity, then by history.

    segment: (targets,) from `popularity_segment`. A case with targets in several segments counts in
        each, with its targets in that segment only.
    lengths: (cases,) of the histories.
    column: (cases,) the values of the metric, if they are known. If each case has one target, the
        metric is not called again, so it may be one that needs more than ranks.
    """
    parts = {
        f"target in {name}": ranking.only(segment == number)
        for number, name in enumerate(POPULARITY)
    }
    low, high = history_cuts(lengths)
    for name, chosen in (
        (f"history <= {low:,}", lengths <= low),
        (f"history {_span(low + 1, high)}", (lengths > low) & (lengths <= high)),
        (f"history > {high:,}", lengths > high),
    ):
        cases = np.flatnonzero(chosen)
        parts[name] = ranking.take(cases), cases

    def values(part: Ranking, cases: Array) -> Array:
        if column is not None and ranking.offsets is None:
            return column[cases]
        return measure(part, "it", metric, [k])[f"it@{k}"]

    return {
        name: (len(part), float(values(part, cases).mean()))
        for name, (part, cases) in parts.items()
        if len(part)
    }


def _span(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,}-{last:,}"
