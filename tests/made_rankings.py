"""Small rankings with ties, and the mean of a metric over all orders of the tied items."""

import itertools
import math
from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from recbench import Ranking

Cases = list[tuple[list[int], list[int]]]
"""The scores of all items, and the targets, of each case."""


@st.composite
def _case(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    scores = draw(st.lists(st.integers(0, 2), min_size=1, max_size=6))
    places = st.integers(0, len(scores) - 1)
    return scores, draw(st.lists(places, min_size=1, max_size=3, unique=True))


CASES = st.lists(_case(), min_size=1, max_size=3)


def ranking_of(rows: Cases) -> Ranking:
    """Return the ranking of cases."""
    above, tied = [], []
    for scores, targets in rows:
        above += [sum(score > scores[target] for score in scores) for target in targets]
        tied += [sum(score == scores[target] for score in scores) for target in targets]
    offsets = np.cumsum([0, *(len(targets) for _, targets in rows)])
    return Ranking(np.array(above), np.array(tied), offsets)


def over_all_orders(
    by_definition: Callable[[list[bool], int], dict[str, float]],
    scores: list[int],
    targets: list[int],
    k: int,
) -> dict[str, float]:
    """Return the mean over all orders of the items in which scores do not increase.

    by_definition: the values of an order, which tells whether each rank has a target.
    """
    blocks = [
        [item in targets for item, value in enumerate(scores) if value == score]
        for score in sorted(set(scores), reverse=True)
    ]
    orders = itertools.product(*(itertools.permutations(block) for block in blocks))
    values = [by_definition(list(itertools.chain(*order)), k) for order in orders]
    return {name: math.fsum(value[name] for value in values) / len(values) for name in values[0]}
