"""Consumed items: their features, and the habits of items."""

import math

import numpy as np
import pytest

from recbench import Interactions
from recbench_rules.repeats import FEATURES, basket_ages, count_habits, features_of, has_repeats

LOG = Interactions.from_log(
    users=[0, 0, 0, 0, 0, 1, 1],
    items=[3, 1, 3, 1, 2, 4, 4],
    times=[10, 10, 20, 20, 30, 5, 6],
    n_items=6,
)
"""User 0 has the baskets (3, 1), (3, 1) and (2); user 1 has item 4 twice."""


def test_ages_are_counted_in_baskets_or_interactions() -> None:
    row, age = basket_ages(LOG)
    assert row.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert age.tolist() == [2, 2, 1, 1, 0, 1, 0]
    untimed = Interactions.from_log(users=[0, 0, 0], items=[1, 1, 2])
    assert basket_ages(untimed)[1].tolist() == [2, 1, 0]
    assert basket_ages(LOG.take([]))[1].tolist() == []


def test_features_say_how_often_and_how_lately() -> None:
    habits = np.arange(6) / 10
    consumed = features_of(LOG, habits)
    assert list(zip(consumed.rows.tolist(), consumed.items.tolist(), strict=True)) == [
        *((0, 1), (0, 2), (0, 3), (1, 4))
    ]
    assert FEATURES == ("seen", "habit", "often", "lately", "current")
    often, lately = math.log(2), math.log(0.9 + 0.9**2)
    expected = [[1, 0.1, often, lately, 0], [1, 0.2, 0, 0, 1], [1, 0.3, often, lately, 0]]
    assert consumed.features[:3] == pytest.approx(np.array(expected), abs=1e-6)
    assert consumed.features[3] == pytest.approx([1, 0.4, often, math.log(1.9), 1], abs=1e-6)
    assert not len(features_of(LOG.take([]), habits).rows)


def test_twice_in_a_basket_is_once() -> None:
    log = Interactions.from_log(users=[0, 0, 0], items=[1, 1, 2], times=[5, 5, 6], n_items=3)
    assert features_of(log, np.zeros(3)).features[0] == pytest.approx([1, 0, 0, math.log(0.9), 0])
    assert not count_habits(log).any()
    assert has_repeats(log)
    assert not has_repeats(log.take([]))


def test_what_was_consumed_long_ago_still_counts() -> None:
    log = Interactions.from_log(users=[0] * 20_000, items=[1, 1, 2, *[0] * 19_997], n_items=3)
    often_and_lately = features_of(log, np.zeros(3)).features[1:, 2:4]
    expected = np.log([[2, 0.02], [1, 0.01]])
    assert often_and_lately == pytest.approx(expected, abs=1e-6)


def test_habits_compare_an_item_with_the_mean_item() -> None:
    users = np.repeat(np.arange(40), 4)
    log = Interactions.from_log(users, [0, 0, 0, 1] * 40, np.tile(np.arange(4), 40), n_items=3)
    habits = count_habits(log)  # item 0 comes again twice per user, item 1 never: the mean is 1
    assert habits[0] == pytest.approx(math.log((80 + 5) / 45))
    assert habits[1] == pytest.approx(math.log(5 / 45))
    assert habits[2] == pytest.approx(0), "an item that nobody had is average"
