"""What one table may hold, and what is said of its rows, from numbers made by hand."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_results import (
    ALIKE,
    FAIR,
    GOOD,
    POOR,
    ROWS,
    SETTING,
    USERS,
    columns_of,
    failed,
    of,
)
from scipy import stats

from recbench import Result, Results, Section, Value
from recbench.data.interactions import Column
from recbench.evaluation.uncertainty import holm_correction, number_users, summarise
from recbench.results.results import COLUMNS


def _section(*results: Result, **more: Any) -> Section:
    (section,) = Results(results, columns_of, **more).sections()
    return section


def test_a_model_is_tested_against_the_best_by_scipy_and_holm() -> None:
    columns = {"good": GOOD, "fair": FAIR, "alike": ALIKE, "poor": POOR}
    section = _section(*(of(name, {"ndcg@3": one}) for name, one in columns.items()))
    best = max(columns, key=lambda name: columns[name].mean())
    rest = [name for name in columns if name != best]
    raw = np.array([stats.ttest_rel(columns[one], columns[best]).pvalue for one in rest])
    p = section.p_of_best("ndcg", 3)
    assert p.pop(best) == 1
    assert p == pytest.approx(dict(zip(rest, holm_correction(raw), strict=True)))
    alike = {name for name in p if p[name] >= 0.05}
    assert section.level_with_best("ndcg", 3) == {best, *alike}
    assert "poor" not in section.level_with_best("ndcg", 3)
    assert {best, *alike} == {"good", "alike"}


def test_a_mark_is_by_the_corrected_p() -> None:
    """Of 0.03 and 0.04, which would be differences were there not two tests."""
    columns, raw = {"best": GOOD}, [0.03, 0.04]
    for name, p in zip(("a", "b"), raw, strict=True):
        noise = np.random.default_rng(len(columns)).normal(size=40)
        noise = (noise - noise.mean()) / noise.std(ddof=1)
        columns[name] = GOOD + 0.01 * (noise + stats.t.ppf(p / 2, 39) / math.sqrt(40))
        assert stats.ttest_rel(columns[name], GOOD).pvalue == pytest.approx(p)
    section = _section(*(of(name, {"ndcg@3": one}) for name, one in columns.items()))
    p_of_best = section.p_of_best("ndcg", 3)
    assert p_of_best == pytest.approx({"best": 1, "a": 0.06, "b": 0.06})
    assert section.level_with_best("ndcg", 3) == {"best", "a", "b"}
    pair = _section(*(of(name, {"ndcg@3": columns[name]}) for name in ("best", "a")))
    assert pair.level_with_best("ndcg", 3) == {"best"}


def test_rows_of_one_user_count_once() -> None:
    users = np.repeat(np.arange(8), 5)
    a, b = of("a", {"ndcg@3": GOOD}, users=users), of("b", {"ndcg@3": ALIKE}, users=users)
    means = [[one[users == user].mean() for user in range(8)] for one in (GOOD, ALIKE)]
    worse = "a" if GOOD.mean() < ALIKE.mean() else "b"
    expected = stats.ttest_rel(*means).pvalue
    assert _section(a, b).p_of_best("ndcg", 3)[worse] == pytest.approx(expected)


def test_nothing_is_marked_without_something_to_compare() -> None:
    alone = of("a", {"ndcg@3": GOOD})
    assert _section(alone).level_with_best("ndcg", 3) == set()
    assert _section(alone, failed("b")).level_with_best("ndcg", 3) == set()
    unknown = Results([alone, of("b", {"ndcg@3": FAIR})]).sections()[0]
    assert unknown.level_with_best("ndcg", 3) == set()


def test_the_same_numbers_share_the_mark() -> None:
    section = _section(*(of(name, {"ndcg@3": GOOD}) for name in ("a", "b", "c")))
    assert section.level_with_best("ndcg", 3) == {"a", "b", "c"}
    zeros = _section(*(of(name, {"ndcg@3": np.zeros(40)}) for name in ("a", "b")))
    assert zeros.level_with_best("ndcg", 3) == {"a", "b"}


def test_metrics_without_a_best_have_no_marks() -> None:
    above = np.arange(40) % 8
    for values, wanted in ((GOOD, set()), (np.where(above < 3, GOOD, 0), {"a", "b"})):
        same = {"above": above, "novelty@3": values}
        section = _section(of("a", same), of("b", same))
        assert section.level_with_best("novelty", 3) == wanted


def test_targets_of_a_row_count_by_their_best() -> None:
    above = np.tile([0, 9], 40)  # two targets a row, one of them in the first three
    rows = {"above": (above, np.arange(41) * 2), "ndcg@3": GOOD}
    assert _section(of("a", rows), of("b", rows)).level_with_best("ndcg", 3) == {"a", "b"}
    rows = {**rows, "above": (above + 3, np.arange(41) * 2)}
    assert _section(of("a", rows), of("b", rows)).level_with_best("ndcg", 3) == set()


def test_a_hit_of_any_seed_is_a_hit() -> None:
    hit = {"above": np.zeros(40, dtype=np.int64), "ndcg@3": GOOD}
    missed = {"above": np.full(40, 9), "ndcg@3": np.zeros(40)}
    for order in ([hit, missed], [missed, hit]):
        seeds = [of("a", rows, seed) for seed, rows in enumerate(order)]
        section = _section(*seeds, of("b", missed))
        assert section.level_with_best("ndcg", 3) == {"a"}


def test_seeds_are_one_row_with_their_mean_and_spread() -> None:
    seeds = [of("a", {"ndcg@3": one}, seed) for seed, one in enumerate((GOOD, FAIR, POOR))]
    (row,) = _section(*seeds).rows
    assert row.seeds == [0, 1, 2]
    means = [one.mean() for one in (GOOD, FAIR, POOR)]
    assert row.spread("ndcg", 3) == pytest.approx(np.std(means, ddof=1))
    expected = summarise({"it": (GOOD + FAIR + POOR) / 3}, number_users(USERS))["it"]
    assert row.value("ndcg", 3) == pytest.approx(expected)
    assert row.mean("ndcg", 3) == pytest.approx(expected.mean)
    assert row.per_case("ndcg", 3) == pytest.approx((GOOD + FAIR + POOR) / 3)


def test_one_seed_has_no_spread_and_keeps_its_stored_interval() -> None:
    one = of("a", {"ndcg@3": GOOD}, 0)
    stored = dataclasses.replace(one, values={"ndcg@3": Value(0.5, 0.1, 0.25, 0.75)})
    (row,) = _section(stored).rows
    assert math.isnan(row.spread("ndcg", 3))
    assert row.value("ndcg", 3) == Value(0.5, 0.1, 0.25, 0.75)


def test_seeds_that_failed_do_not_count() -> None:
    section = _section(
        of("a", {"ndcg@3": GOOD}, 0),
        failed("a", 1),
        of("a", {"ndcg@3": FAIR}, 2),
        failed("b", 0),
        failed("b", 1),
    )
    a, b = section.rows
    assert (a.ok, a.seeds) == (True, [0, 2])
    assert (b.ok, b.seeds) == (False, [0, 1])
    assert len(section.results) == 5


def test_the_intervals_of_seeds_without_rows_are_means() -> None:
    one, other = (
        dataclasses.replace(of("a", {}, seed), values={"gini@3": Value(*numbers)})
        for seed, numbers in enumerate([(0.2, 0.02, 0.1, 0.3), (0.4, 0.04, 0.3, 0.5)])
    )
    (row,) = _section(one, other).rows
    assert row.value("gini", 3) == pytest.approx((0.3, 0.03, 0.2, 0.4))
    assert row.per_case("gini", 3) is None


def test_a_k_that_a_seed_lacks_is_unknown() -> None:
    few, many = of("a", {"ndcg@3": GOOD}, 0), of("a", {"ndcg@3": GOOD, "ndcg@9": FAIR}, 1)
    section = _section(few, many)
    assert section.ks == [3, 9]
    assert section.rows[0].ks == {3}
    assert math.isnan(section.rows[0].value("ndcg", 9).mean)


def testcolumns_of_are_read_once_a_result() -> None:
    read: list[str] = []

    def columns(result: Result) -> Mapping[str, Column]:
        read.append(result.key)
        return ROWS[result.key]

    results = [of("a", {"ndcg@3": GOOD, "ndcg@5": FAIR}, seed) for seed in (0, 1)]
    results.append(of("b", {"ndcg@3": FAIR, "ndcg@5": GOOD}))
    (section,) = Results(results, columns).sections()
    for k in (3, 5, 3):
        section.level_with_best("ndcg", k)
        assert section.rows[0].value("ndcg", k)
    assert sorted(read) == sorted(one.key for one in results)


def test_costs_are_means_over_seeds() -> None:
    one = of("a", {"ndcg@3": GOOD}, 0, fit_seconds=1.0, peak_memory=100, parameters=7)
    other = of("a", {"ndcg@3": GOOD}, 1, fit_seconds=3.0, peak_memory=300)
    (row,) = _section(one, other).rows
    assert (row.cost("fit_seconds"), row.cost("peak_memory")) == (2.0, 200.0)
    assert math.isnan(row.cost("parameters"))


def test_best_comes_first_and_failures_last() -> None:
    section = _section(
        failed("broken"),
        of("poor", {"ndcg@3": POOR}),
        of("good", {"ndcg@3": GOOD}, 1),
        of("fair", {"ndcg@3": FAIR}),
        of("good", {"ndcg@3": GOOD}, 0),
    )
    assert [row.model for row in section.rows] == ["good", "fair", "poor", "broken"]
    order = [(one.model, one.seed) for one in section.results]
    assert order[:3] == [("good", 0), ("good", 1), ("fair", None)]


def test_who_is_not_above_popular_is_named() -> None:
    ties = np.where(np.arange(40) < 20, GOOD + 0.1, GOOD - 0.1)
    section = _section(
        of("popular", {"ndcg@3": GOOD}),
        of("above", {"ndcg@3": GOOD + 0.01}),
        of("below", {"ndcg@3": POOR}),
        of("equal", {"ndcg@3": GOOD}),
        of("unlucky", {"ndcg@3": GOOD + 0.3}, 0),
        of("unlucky", {"ndcg@3": GOOD - 0.5}, 1),
        of("popular:rule=rated", {"ndcg@3": ties - 0.1}),
        failed("broken"),
    )
    assert section.not_above_floor == {"below", "equal", "unlucky", "popular:rule=rated"}


def test_popular_is_the_floor_at_the_largest_k_that_both_have() -> None:
    popular = of("popular", {"ndcg@3": GOOD, "ndcg@5": FAIR})
    section = _section(popular, of("a", {"ndcg@3": FAIR, "ndcg@5": GOOD, "ndcg@9": POOR}))
    assert section.not_above_floor == set()
    section = _section(popular, of("a", {"ndcg@3": FAIR}))
    assert section.not_above_floor == {"a"}
    assert _section(popular, of("a", {"ndcg@9": POOR})).not_above_floor == set()


@pytest.mark.parametrize("others", [[], [failed("popular")]])
def test_nobody_is_below_a_floor_that_is_not_there(others: list[Result]) -> None:
    assert _section(of("a", {"ndcg@3": POOR}), *others).not_above_floor == set()


def test_sections_come_as_their_first_results_do() -> None:
    settings = [dataclasses.replace(SETTING, split=one) for one in ("z", "a", "m")]
    results = [of(str(n), {"ndcg@3": GOOD}, setting=settings[n % 3]) for n in range(6)]
    sections = Results(results, columns_of).sections()
    assert [one.title for one in sections] == ["data, z", "data, a", "data, m"]
    assert all(len(one.results) == 2 for one in sections)


@pytest.mark.parametrize(
    ("change", "titles"),
    [
        ({"protocol": 3}, ["data, last", "data, last"]),
        ({"dataset": "other"}, ["data, last", "other, last"]),
        ({"dataset_sha256": "e" * 64}, ["data (dddddd), last", "data (eeeeee), last"]),
        ({"split_sha256": "e" * 64}, ["data, last (ssssss)", "data, last (eeeeee)"]),
        (
            {"dataset_sha256": "e" * 64, "split_sha256": "e" * 64},
            ["data (dddddd), last", "data (eeeeee), last"],
        ),
    ],
)
def test_what_may_not_be_compared_is_never_in_one_section(
    change: dict[str, Any], titles: list[str]
) -> None:
    other = dataclasses.replace(SETTING, **change)
    results = [of("a", {"ndcg@3": GOOD}), of("a", {"ndcg@3": FAIR}, setting=other)]
    sections = Results(results, columns_of).sections()
    assert [one.title for one in sections] == titles
    assert [len(one.results) for one in sections] == [1, 1]


def test_other_candidates_are_another_section() -> None:
    drawn = [
        dataclasses.replace(SETTING, candidates="100", candidates_sha256=one * 64) for one in "ab"
    ]
    sections = Results(of("a", {"ndcg@3": GOOD}, setting=one) for one in (SETTING, *drawn))
    full, *sampled = [one.title for one in sections.sections()]
    assert full == "data, last"
    assert ["SAMPLED: ranked among 100 (aaaaaa) c" in one for one in sampled] == [True, False]
    assert all("not comparable with full ranking" in one for one in sampled)


def test_other_protocols_are_left_out() -> None:
    old = dataclasses.replace(SETTING, protocol=1)
    results = Results(
        [of("a", {"ndcg@3": GOOD}), *(of(one, {"ndcg@3": FAIR}, setting=old) for one in "bc")],
        columns_of,
        left_out=["something"],
    )
    kept = results.of_protocol(2)
    assert [one.model for one in kept] == ["a"]
    assert kept.left_out[0] == "something"
    assert kept.left_out[1].startswith("2 results from version 1 of the evaluation rules")
    assert kept.read_columns(kept[0])["ndcg@3"] is GOOD


def test_other_metrics_can_be_shown() -> None:
    results = Results([of("a", {"ndcg@3": GOOD})], columns_of, left_out=["something"])
    shown = results.showing(["hit"], {"hit": lambda ranking, k: np.zeros(len(ranking))})
    assert (shown.metrics, list(shown.segments), shown.left_out) == (
        ("hit",),
        ["hit"],
        ("something",),
    )
    assert list(shown) == list(results)


def test_segments_are_means_over_seeds() -> None:
    above = np.arange(40) % 4
    rows = {
        "above": above,
        "tied": np.ones(40, dtype=np.int64),
        "segment": np.arange(40, dtype=np.int8) % 2 * 2,
        "history": np.arange(40),
        "hit@2": (above < 2).astype(float),
    }
    lower = {**rows, "above": above + 1, "hit@2": (above < 1).astype(float)}

    def hit(ranking: Any, k: int) -> Any:
        return ranking.expectation(np.ones(k))

    def lists(ranking: Any, k: int) -> Any:
        return ranking.lists.mean(axis=1)

    results = [of("a", rows, 0), of("a", lower, 1), of("b", lower), failed("c")]
    section = _section(*results, metrics=("hit",), segments={"hit": hit, "lists": lists})
    found = section.by_segment(2)
    assert set(found) == {"hit"}, "what needs lists cannot be told by segment"
    n, of_models = found["hit"]["target in head"]
    assert n == 20
    assert of_models == pytest.approx({"a": 0.5, "b": 0.5})
    n, of_models = found["hit"]["target in tail"]
    assert of_models == pytest.approx({"a": 0.25, "b": 0.0})
    assert set(found["hit"]) == {
        "target in head",
        "target in tail",
        "history <= 13",
        "history 14-26",
        "history > 26",
    }


def test_segments_of_what_is_not_stored_are_none() -> None:
    hit = {"hit": lambda ranking, k: ranking.expectation(np.ones(k))}
    assert _section(of("a", {"hit@2": GOOD}), segments=hit).by_segment(2) == {}


def test_the_frame_is_tidy_and_says_what_tables_say() -> None:
    results = Results(
        [
            of("popular", {"ndcg@3": GOOD, "hit@3": GOOD}, fit_seconds=2.0, score_seconds=4.0),
            of("a", {"ndcg@3": POOR, "hit@3": POOR}, 0, peak_memory=2**20, parameters=12),
            of("a", {"ndcg@3": POOR, "hit@3": POOR}, 1),
            failed("b"),
        ],
        columns_of,
    )
    frame = results.to_frame()
    assert tuple(frame) == COLUMNS
    assert list(frame["model"]) == ["popular"] * 2 + ["a"] * 4 + ["b"]
    assert list(frame["remark"]) == [""] * 2 + ["not better than popular"] * 4 + [""]
    popular, first = frame.iloc[0], frame.iloc[2]
    assert popular["p"] == 1
    assert first["p"] == results.sections()[0].p_of_best("ndcg", 3)["a"]
    assert (popular["low"], popular["high"]) == results[0].values["ndcg@3"][2:]
    assert (popular["fit_seconds"], popular["score_seconds"]) == (2.0, 0.1)
    assert (first["peak_memory"], first["parameters"]) == (2**20, 12)
    assert pd.isna(popular["peak_memory"])
    assert pd.isna(frame.iloc[-1]["value"])
    assert str(frame.dtypes["seed"]) == str(frame.dtypes["parameters"]) == "Int64"


def test_the_frame_says_that_ranks_are_of_a_sample() -> None:
    drawn = dataclasses.replace(SETTING, candidates="100", candidates_sha256="c" * 64)
    results = Results(
        [of(one, {"ndcg@3": GOOD}, setting=drawn) for one in ("popular", "a")], columns_of
    )
    remarks = results.to_frame().set_index("model")["remark"]
    assert remarks["popular"] == "sampled: 100 candidates"
    assert remarks["a"] == "sampled: 100 candidates; not better than popular"


def test_titles_are_short_where_they_can_be() -> None:
    settings = [
        dataclasses.replace(SETTING, dataset=name, dataset_sha256=name)
        for name in ("log.csv:item=x,user=y", "log.csv:item=x,repeats=keep,user=y", "b.csv:item=x")
    ]
    results = Results([of("a", {"ndcg@3": GOOD}, setting=setting) for setting in settings])
    assert [section.title for section in results.sections()] == [
        "log.csv:item=x,user=y, last",
        "log.csv:item=x,repeats=keep,user=y, last",
        "b.csv, last",
    ]


def test_an_empty_frame_has_itscolumns_of() -> None:
    frame = Results([]).to_frame()
    assert tuple(frame) == COLUMNS
    assert len(frame) == 0
