"""Personal popularity: contract, values by hand, baskets, order of items, and real purchases."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbench import Interactions, UsageError, evaluate, load_dataset
from recbench.testing import check_model
from recbench_metrics.ranks import ndcg
from recbench_popular import PersonalPopular, Popular
from recbench_popular.personal import BELOW
from recbench_splitters import LeaveLastBasket

TRAIN = Interactions.from_log([0, 1, 2, 0, 1, 0], [5, 5, 5, 4, 4, 3], n_items=7)
"""Popularity of the items 5, 4 and 3: 3, 2 and 1."""

BASKETS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=12)
"""Items of a history, and times."""


def history_of(items: list[int], times: list[int] | None = None) -> Interactions:
    return Interactions([0], np.array(items, dtype=int), [0, len(items)], 3, 7, times)


def ranked(decay: float, history: Interactions) -> list[int]:
    return np.argsort(-PersonalPopular(decay).fit(TRAIN).score(history)[0], kind="stable").tolist()


@pytest.mark.parametrize("decay", [0.8, 1])
def test_contract(decay: float) -> None:
    check_model(PersonalPopular, decay=decay)


def test_scores_of_a_small_example() -> None:
    """Item 1 is in the latest basket and two before it, item 0 in the oldest one."""
    history = history_of([0, 1, 4, 1], times=[1, 1, 2, 3])
    scores = PersonalPopular(decay=0.5).fit(TRAIN).score(history)[0]
    own = np.array([0.25 + BELOW, 1.25 + 2 * BELOW, 0, 0, 0.5 + BELOW, 0, 0])
    assert scores == pytest.approx(own + BELOW * np.array([0, 0, 0, 1, 2, 3, 0]) / 4, abs=1e-15)


def test_the_age_is_counted_in_baskets_or_without_times_in_interactions() -> None:
    model = PersonalPopular(decay=0.5).fit(TRAIN)
    items = [0, 1, 2]
    assert model.score(history_of(items, [1, 1, 9]))[0, :3].round(3).tolist() == [0.5, 0.5, 1]
    assert model.score(history_of(items))[0, :3].round(3).tolist() == [0.25, 0.5, 1]


def test_an_item_counts_once_per_basket() -> None:
    model = PersonalPopular(decay=1).fit(TRAIN)
    history = history_of([0, 0, 1, 0, 1], times=[1, 1, 1, 2, 3])
    assert model.score(history)[0, :2].round(3).tolist() == [2, 2]
    assert model.explain(history, np.array([0, 6])).round(3).tolist() == [[1, 0, 0, 1, 0], [0] * 5]


def test_baskets_of_different_histories_are_apart() -> None:
    both = Interactions.from_log([0, 0, 1, 2], [0, 1, 1, 0], times=[1, 2, 2, 2], n_items=7)
    scores = PersonalPopular(decay=0.5).fit(TRAIN).score(both)
    assert scores[:, :2].round(3).tolist() == [[0.5, 1], [0, 1], [1, 0]]


def test_frequency_comes_before_recency_only_without_decay() -> None:
    history = history_of([0, 0, 1])
    assert ranked(1, history)[:2] == [0, 1]
    assert ranked(0.5, history)[:2] == [1, 0]


def test_popularity_decides_between_equals() -> None:
    assert ranked(0.8, history_of([6, 3, 5, 4], times=[1] * 4))[:4] == [5, 4, 3, 6]
    assert ranked(0.8, history_of([])) == [5, 4, 3, 0, 1, 2, 6]
    assert ranked(1, history_of([0, 3, 0, 3, 4])) == [3, 0, 4, 5, 1, 2, 6]


@settings(max_examples=60, deadline=None)
@given(BASKETS, st.booleans(), st.sampled_from([0.01, 0.8, 1.0]))
def test_scores_equal_those_of_plain_loops(
    log: list[tuple[int, int]], timed: bool, decay: float
) -> None:
    log = sorted(log, key=lambda entry: entry[1] * timed)
    items, times = [item for item, _ in log], [time for _, time in log]
    history = history_of(items, times if timed else None)
    keys = times if timed else list(range(len(items)))
    own = np.zeros(7)
    for item, key in set(zip(items, keys, strict=True)):
        own[item] += decay ** len({later for later in keys if later > key}) + BELOW
    popularity = BELOW * np.array([0, 0, 0, 1, 2, 3, 0]) / 4
    model = PersonalPopular(decay).fit(TRAIN)
    scores = model.score(history)
    assert scores.shape == (1, 7)
    assert scores[0] == pytest.approx(own + popularity, abs=1e-12)
    assert scores[0, own > 0].min(initial=9) > scores[0, own == 0].max(initial=0)
    parts = model.explain(history, np.arange(7))
    assert parts.sum(axis=1) + popularity == pytest.approx(scores[0], abs=1e-12)


def test_the_items_of_a_long_history_rank_above_all_others() -> None:
    """0.5 ** 2000 is 0 in float64."""
    scores = PersonalPopular(decay=0.5).fit(TRAIN).score(history_of([0, *[1] * 2000]))[0]
    assert scores[0] > scores[2:].max()


def test_where_seen_items_are_masked_the_order_is_that_of_popular() -> None:
    history, unseen = history_of([5, 0]), [1, 2, 3, 4, 6]
    scores = PersonalPopular().fit(TRAIN).score(history)[0, unseen]
    assert scores.tolist() == [0, 0, BELOW / 4, BELOW / 2, 0]
    assert scores * 4 / BELOW == pytest.approx(Popular().fit(TRAIN).score(history)[0, unseen])


@pytest.mark.parametrize("decay", [0, -0.1, 1.1, float("nan")])
def test_a_wrong_decay_is_refused(decay: float) -> None:
    with pytest.raises(
        UsageError, match=f"personal-popular: decay must be above 0 and at most 1, not {decay}"
    ):
        PersonalPopular(decay)


def test_ndcg_on_online_retail(real: Callable[[str], Path]) -> None:
    path = real("online-retail/OnlineRetail.parquet")
    log = load_dataset(f"{path}:repeats=keep,where=Quantity>0").interactions
    split = LeaveLastBasket().split(log)
    ranking = evaluate(PersonalPopular().fit(split.train), split, mask_seen=False).ranking
    assert ndcg(ranking, 10).mean() == pytest.approx(0.2780, abs=5e-5)
