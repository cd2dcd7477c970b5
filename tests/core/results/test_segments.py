"""The popularity of targets: three parts with a third of the training interactions each."""

import numpy as np
import pytest

from recbench.results.segments import popularity_segment

HEAD, MIDDLE, TAIL = range(3)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([3, 3, 3], [HEAD, HEAD, HEAD]),  # equally popular: one segment
        ([4, 4, 2, 2], [HEAD, HEAD, TAIL, TAIL]),  # the first two have two thirds
        ([1, 6, 3, 2], [TAIL, HEAD, MIDDLE, TAIL]),  # by popularity: 0, 6, 9, 11 of 12 come before
        ([4, 3, 2, 1, 1, 1, 0], [HEAD, MIDDLE, MIDDLE, TAIL, TAIL, TAIL, TAIL]),
        ([100, 1, 0], [HEAD, TAIL, TAIL]),
        ([5, 5, 5, 1, 1], [HEAD, HEAD, HEAD, TAIL, TAIL]),
        ([0, 0], [TAIL, TAIL]),
    ],
)
def test_popularity_segments_are_thirds_of_the_training_interactions(
    counts: list[int], expected: list[int]
) -> None:
    assert popularity_segment(np.array(counts), np.arange(len(counts))).tolist() == expected
    assert popularity_segment(np.array(counts), np.array([1, 1, 0])).tolist() == [
        expected[1],
        expected[1],
        expected[0],
    ]
