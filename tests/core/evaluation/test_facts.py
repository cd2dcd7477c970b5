"""What metrics can look up about the cases of a ranking: when asked, and as copies."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import Interactions, Ranking, RecbenchError, Split, load_plugins
from recbench.data.metadata import Metadata, UnknownFeatureError
from recbench.evaluation.facts import count_ranked
from recbench.evaluation.metrics import measure_all, valid_metrics
from recbench.testing import check_metric, check_ties
from recbench_popular import Popular

GENRES = np.array(["Drama", "Drama|Crime", "", "Crime", "Drama"], dtype=object)

METADATA = Metadata.of(
    {"titles": np.array(list("abcde"), dtype=object), "item_features.genres": GENRES}
)

TRAIN = Interactions.from_log([0, 0, 1, 2, 2], [0, 1, 1, 2, 0], n_items=5)

HISTORY = dataclasses.replace(TRAIN.take([0, 1, 2]), metadata=METADATA)

SPLIT = Split(
    dataclasses.replace(TRAIN, metadata=METADATA),
    HISTORY,
    targets=[3, 4, 4, 1],
    offsets=[0, 2, 2, 4],  # users 0 and 2 are judged
)


def _ranking() -> Ranking:
    return Ranking([0, 5, 1, 2], [1, 1, 1, 1], [0, 2, 4], [[3, 2], [4, 3]]).of_split(SPLIT)


def test_a_ranking_of_a_split_knows_its_cases() -> None:
    ranking = _ranking()
    assert ranking.targets.tolist() == [3, 4, 4, 1]
    assert ranking.users.tolist() == [0, 2]
    assert [items.tolist() for items in ranking.histories.sequences()] == [[0, 1], [2, 0]]
    assert ranking.popularity is not None
    assert ranking.popularity.tolist() == [2, 2, 1, 0, 0]
    assert ranking.titles.tolist() == list("abcde")
    assert ranking.item_features["genres"].tolist() == GENRES.tolist()
    assert ranking.histories.titles.tolist() == list("abcde")  # type: ignore[union-attr]
    assert [items.tolist() for items in ranking.train.sequences()] == [[0, 1], [1], [2, 0]]
    assert ranking.train.titles.tolist() == list("abcde")  # type: ignore[union-attr]


def test_a_ranking_knows_among_how_many_items_targets_are_ranked() -> None:
    ranking = _ranking()
    assert ranking.n_ranked.tolist() == [5, 5], "the whole catalogue, if nothing is said"
    assert ranking.n_listed.tolist() == [2, 2]
    known = ranking.of_split(SPLIT, np.array([3, 4]), np.array([1, 9]))
    taken = known.take(np.array([1, 1, 0]))
    assert (taken.n_ranked.tolist(), taken.n_listed.tolist()) == ([4, 4, 3], [4, 4, 1])
    only, _ = known.only(np.array([False, False, True, False]))
    assert (only.n_ranked.tolist(), only.n_listed.tolist()) == ([4], [4])


def test_seen_items_are_not_ranked_but_targets_are() -> None:
    train = Interactions.from_log([0, 0, 0, 1], [0, 1, 1, 2], n_items=5)
    split = Split(train, train, targets=[1, 4, 3], offsets=[0, 2, 3])  # item 1 is seen and a target
    assert count_ranked(split, mask_seen=True).tolist() == [4, 4]
    assert count_ranked(split, mask_seen=False).tolist() == [5, 5]
    pool = np.array([[2], [0]])
    assert count_ranked(split, mask_seen=True, pool=pool).tolist() == [3, 2]


def test_take_and_only_select_what_is_known() -> None:
    taken = _ranking().take(np.array([1, 0, 1]))
    assert taken.targets.tolist() == [4, 1, 3, 4, 4, 1]
    assert taken.users.tolist() == [2, 0, 2]
    assert [items.tolist() for items in taken.histories.sequences()] == [[2, 0], [0, 1], [2, 0]]
    only, cases = taken.only(taken.targets == 1)
    assert cases.tolist() == [0, 2]
    assert only.targets.tolist() == [1, 1]
    assert only.users.tolist() == [2, 2]
    assert only.take(np.array([1])).histories.items.tolist() == [2, 0]


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    asked: list[str] = []

    def load(name: str) -> Any:
        asked.append(name)
        return GENRES

    metadata = Metadata(["item_features.genres", "titles"], load)
    split = dataclasses.replace(SPLIT, train=dataclasses.replace(TRAIN, metadata=metadata))
    ranking = _ranking().of_split(split)
    assert ranking.take(np.array([0])).targets.tolist() == [3, 4]
    assert list(ranking.item_features) == ["genres"]
    assert asked == []
    assert ranking.item_features["genres"].tolist() == GENRES.tolist()
    assert asked == ["item_features.genres"]


def test_a_metric_cannot_change_what_others_look_up() -> None:
    def garbles(ranking: Ranking, k: int) -> Any:
        for array in (
            ranking.targets,
            ranking.users,
            ranking.histories.items,
            ranking.item_features["genres"],
        ):
            base = array if array.base is None else array.base
            base.flags.writeable = True
            base[:] = 0
        return np.zeros(len(ranking))

    def looks(ranking: Ranking, k: int) -> Any:
        genres = sum(map(len, ranking.item_features["genres"]))
        return np.full(len(ranking), genres) + ranking.users + ranking.histories.lengths

    alone, _ = measure_all({"b": looks}, _ranking(), [1], np.arange(2), {})
    both, _ = measure_all({"a": garbles, "b": looks}, _ranking(), [1], np.arange(2), {})
    assert both["a@1"].mean == 0
    assert both["b@1"] == alone["b@1"]
    assert SPLIT.history.items.tolist() == [0, 1, 1, 2, 0]
    assert GENRES[0] == "Drama"


def test_a_ranking_without_a_split_says_where_one_with_it_comes_from() -> None:
    with pytest.raises(RecbenchError, match=r"has ranks only.*ranking.of_split\(split\)"):
        _ = Ranking([0], [1]).targets
    with pytest.raises(ValueError, match=r"has 2 cases with 4 targets, .* has 1 with 1;"):
        Ranking([0], [1]).of_split(SPLIT)


def test_what_the_data_lack_is_an_error() -> None:
    bare = dataclasses.replace(SPLIT, train=TRAIN)
    for name, words in (("titles", "the dataset has no titles"), ("item_ids", "no ids of items")):
        with pytest.raises(UnknownFeatureError, match=words):
            getattr(_ranking().of_split(bare), name)
    with pytest.raises(UnknownFeatureError, match="no item feature 'year'; available: genres"):
        _ = _ranking().item_features["year"]
    assert _ranking().item_features.get("year") is None


def _needs(feature: str) -> Any:
    def metric(ranking: Ranking, k: int) -> Any:
        known = np.array([bool(str(value)) for value in ranking.item_features[feature]])
        assert ranking.lists is not None
        return known[ranking.lists[:, :k]].mean(axis=1)

    return metric


def test_a_metric_whose_feature_the_data_lack_is_left_out_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugins = load_plugins(mine=plugin(metrics={"a": _needs("genres"), "b": _needs("year")}))
    assert "b" not in valid_metrics(plugins, SPLIT.train)
    assert caplog.messages == [], "nobody has asked for it"
    plugins.asked = {"a", "b"}
    valid = valid_metrics(plugins, SPLIT.train)
    assert "a" in valid
    assert "b" not in valid
    (line,) = caplog.messages
    assert line == (
        "metric b (plugin mine) is left out: there is no item feature 'year'; available: genres"
    )
    check_metric(_needs("another"))  # which cannot be checked


def test_a_metric_is_checked_with_the_features_of_the_data() -> None:
    def alone(ranking: Ranking, k: int) -> Any:
        return _needs("genres")(ranking, k)[::-1]

    with pytest.raises(AssertionError, match="must not depend on other cases"):
        check_metric(alone, SPLIT.train)
    with pytest.raises(AssertionError, match="must not depend on other cases"):
        check_metric(alone)  # the features of MovieLens


def _hit(ranking: Ranking, k: int) -> Any:
    return ranking.expectation(np.ones(k))


def _hit_in_lists(ranking: Ranking, k: int) -> Any:
    assert ranking.lists is not None
    lists = ranking.lists[ranking.case_of_target, :k]
    return ranking.sum((lists == ranking.targets[:, None]).any(axis=1))


def _weighted(ranking: Ranking, k: int) -> Any:
    """Hit rate in which rare targets count more."""
    assert ranking.popularity is not None
    return ranking.sum((1 / (1 + ranking.popularity))[ranking.targets]) * _hit(ranking, k)


def _distance(ranking: Ranking, k: int) -> Any:
    """Return how far the years of the listed items are from those of the history."""
    assert ranking.lists is not None
    years = np.nan_to_num(ranking.item_features["year"])
    first = ranking.histories.items[ranking.histories.offsets[:-1]]
    return np.abs(years[ranking.lists[:, :k]] - years[first][:, None]).mean(axis=1)


def _like_target(ranking: Ranking, k: int) -> Any:
    """Return how far the years of the listed items are from those of the targets."""
    assert ranking.lists is not None
    years = np.nan_to_num(ranking.item_features["year"])
    last = ranking.targets[np.cumsum(ranking.n_targets) - 1]
    return np.abs(years[ranking.lists[:, :k]] - years[last][:, None]).mean(axis=1)


@pytest.mark.parametrize("metric", [_hit, _distance, _like_target])
def test_metrics_that_average_ties_or_have_none_pass(metric: Any) -> None:
    check_ties(metric)


def test_a_metric_that_weights_targets_passes() -> None:
    check_ties(_weighted)


@pytest.mark.parametrize(
    ("metric", "rule"),
    [
        (lambda ranking, k: (ranking.above < k).astype(float), "a tie must have the mean value"),
        (_hit_in_lists, "must not look for targets in lists, where the order of ties is arbitrary"),
        (lambda ranking, k: np.minimum(_hit(ranking, k), 1), "all their orders"),
    ],
)
def test_metrics_that_break_ties_are_caught(metric: Any, rule: str) -> None:
    def per_case(ranking: Ranking, k: int) -> Any:
        values = metric(ranking, k)
        return values if len(values) == len(ranking) else ranking.sum(values)

    for check in (check_ties, check_metric):
        with pytest.raises(AssertionError, match=rule):
            check(per_case)


def test_rankings_of_a_run_know_their_cases(tiny: str) -> None:
    seen: list[Ranking] = []

    def spy(ranking: Ranking, k: int) -> Any:
        seen.append(ranking)
        return np.asarray(ranking.users, dtype=float)

    plugins = load_plugins(mine=plugin(metrics={"spy": spy}))
    (row,) = recbench.run("popular", tiny, results=None, plugins=plugins, in_process=True)
    split = recbench.split(tiny)
    assert row.values["spy@10"].mean == pytest.approx(split.history.users[split.judged].mean())
    assert np.array_equal(seen[-1].targets, split.judged_targets[0])
    evaluated = recbench.evaluate(Popular().fit(split.train), split, mask_seen=True).ranking
    assert np.array_equal(evaluated.targets, seen[-1].targets)
    assert evaluated.item_ids.tolist() == split.train.item_ids.tolist()  # type: ignore[union-attr]
