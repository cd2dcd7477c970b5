"""Share of the long tail, popularity lift and serendipity."""

import itertools

import numpy as np
import pytest

from recbench import Interactions, Ranking, RecbenchError, Split, UsageError
from recbench_metrics.tail import aplt, popularity_lift, serendipity


def _listed(lists: list[list[int]], counts: list[int]) -> Ranking:
    nothing = np.ones(len(lists), dtype=int)
    return Ranking(nothing, nothing, None, np.array(lists, dtype=np.int32), np.array(counts))


def test_the_tail_are_the_items_outside_of_the_share_of_the_head() -> None:
    each = [[0], [1], [2], [3], [4]]
    counts = [50, 30, 10, 10, 0]  # items before: 0, 50, 80, 80 and 100 interactions
    assert aplt(_listed(each, counts), 1).tolist() == [0, 0, 1, 1, 1]
    assert aplt(_listed(each, counts), 1, head=0.9).tolist() == [0, 0, 0, 0, 1]
    assert aplt(_listed(each, counts), 1, head=0.5).tolist() == [0, 1, 1, 1, 1]
    assert aplt(_listed([[0, 2], [2, -1], [-1, -1]], counts), 2).tolist() == [0.5, 1, 0]
    for wrong in (0.0, 1.5):
        with pytest.raises(UsageError, match=f"head={wrong:g} must be above 0 and at most 1"):
            aplt(_listed(each, counts), 1, head=wrong)


def test_the_tail_of_two_thirds_is_that_of_the_groups_by_popularity() -> None:
    from recbench.results.segments import popularity_segment

    for seed in range(20):
        counts = np.random.default_rng(seed).integers(0, 9, 30)
        items = np.arange(30)
        in_tail = aplt(_listed(items[:, None].tolist(), counts.tolist()), 1, head=2 / 3) == 1
        assert np.array_equal(in_tail, popularity_segment(counts, items) == 2)


def _with_history(histories: list[list[int]], lists: list[list[int]]) -> Ranking:
    """Items 0 to 3 have 4, 2, 1 and 0 training interactions."""
    train = Interactions.from_log(np.arange(7), [0, 0, 0, 0, 1, 1, 2], n_items=4)
    rows = np.repeat(np.arange(len(histories)), [len(row) for row in histories])
    history = Interactions.from_log(rows, np.concatenate(histories), n_users=7, n_items=4)
    split = Split(train, history, np.full(len(histories), 3))
    ones = np.ones(len(lists), dtype=int)
    return Ranking(ones, ones, lists=np.array(lists)).of_split(split)


def test_popularity_lift_is_relative_to_the_history() -> None:
    ranking = _with_history(
        [[0, 1], [2], [0, 2, 2], [3], [1]], [[1, 2], [0, 1], [3, -1], [0, 1], [-1, -1]]
    )
    assert ranking.popularity.tolist() == [4, 2, 1, 0]
    lifts = popularity_lift(ranking, 2)
    assert lifts == pytest.approx([1.5 / 3 - 1, 3 / 1 - 1, 0 / 2 - 1, 0, 0])
    assert popularity_lift(ranking, 1) == pytest.approx([2 / 3 - 1, 4 - 1, -1, 0, 0])


def _of_targets(
    above: list[int], tied: list[int], targets: list[int], counts: list[int]
) -> Ranking:
    train = Interactions.from_log(
        np.zeros(sum(counts)), np.repeat(np.arange(len(counts)), counts), n_items=len(counts)
    )
    offsets = [0, len(targets)]
    split = Split(train, train, targets, offsets=offsets)
    return Ranking(np.array(above), np.array(tied), np.array(offsets)).of_split(split)


def test_serendipity_counts_places_above_the_order_of_popularity() -> None:
    counts = [5, 4, 3, 3, 1]  # places 1, 2, 3.5, 3.5 and 5
    for target, place in enumerate([1, 2, 3.5, 3.5, 5]):
        for above, k in itertools.product(range(5), (1, 3, 5)):
            gain = max(place - (above + 1), 0) / 5 if above < k else 0
            value = serendipity(_of_targets([above], [1], [target], counts), k)
            assert value == pytest.approx([gain / k], abs=1e-15)


def test_serendipity_of_ties_is_the_mean_over_all_orders() -> None:
    counts = [5, 4, 3, 3, 1]
    for first, second in itertools.permutations(range(5), 2):
        for k in (1, 2, 4):
            orders = list(itertools.permutations(range(1, 4), 2))  # ranks 1 to 3 are tied
            values = [
                serendipity(_of_targets([a - 1, b - 1], [1, 1], [first, second], counts), k)
                for a, b in orders
            ]
            tie = serendipity(_of_targets([0, 0], [3, 3], [first, second], counts), k)
            assert tie == pytest.approx(np.mean(values, axis=0), abs=1e-15)


def test_a_recommender_of_the_most_popular_items_is_not_serendipitous() -> None:
    counts = [9, 7, 5, 3, 1]
    for target in range(5):
        assert serendipity(_of_targets([target], [1], [target], counts), 5) == [0]


@pytest.mark.parametrize("metric", [aplt, popularity_lift])
def test_lists_that_are_too_short_are_an_error(metric) -> None:
    with pytest.raises(RecbenchError, match="the lists have only 2 items"):
        metric(_listed([[0, 1]], [1] * 4), 3)
