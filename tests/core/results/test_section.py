"""Sections: which results share a table, and the values, marks and order of its rows."""

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
    result_of,
)
from scipy import stats

from recbench import Result, Results, Section, Value
from recbench.data.interactions import Column
from recbench.evaluation.uncertainty import holm_correction, number_users, summarise


def _section(*results: Result, **more: Any) -> Section:
    (section,) = Results(results, columns_of, **more).sections()
    return section


def test_p_values_against_the_best_agree_with_scipy_and_holm() -> None:
    columns = {"good": GOOD, "fair": FAIR, "alike": ALIKE, "poor": POOR}
    section = _section(*(result_of(name, {"ndcg@3": values}) for name, values in columns.items()))
    best = max(columns, key=lambda name: columns[name].mean())
    rest = [name for name in columns if name != best]
    raw = np.array([stats.ttest_rel(columns[name], columns[best]).pvalue for name in rest])
    p = section.p_of_best("ndcg", 3)
    assert p.pop(best) == 1
    assert p == pytest.approx(dict(zip(rest, holm_correction(raw), strict=True)))
    alike = {name for name in p if p[name] >= 0.05}
    assert section.level_with_best("ndcg", 3) == {best, *alike}
    assert "poor" not in section.level_with_best("ndcg", 3)
    assert {best, *alike} == {"good", "alike"}


def test_marks_use_corrected_p_values() -> None:
    """0.03 and 0.04 are below 0.05, but not after the correction for two tests."""
    columns, raw = {"best": GOOD}, [0.03, 0.04]
    for name, p in zip(("a", "b"), raw, strict=True):
        noise = np.random.default_rng(len(columns)).normal(size=40)
        noise = (noise - noise.mean()) / noise.std(ddof=1)
        columns[name] = GOOD + 0.01 * (noise + stats.t.ppf(p / 2, 39) / math.sqrt(40))
        assert stats.ttest_rel(columns[name], GOOD).pvalue == pytest.approx(p)
    section = _section(*(result_of(name, {"ndcg@3": values}) for name, values in columns.items()))
    p_of_best = section.p_of_best("ndcg", 3)
    assert p_of_best == pytest.approx({"best": 1, "a": 0.06, "b": 0.06})
    assert section.level_with_best("ndcg", 3) == {"best", "a", "b"}
    pair = _section(*(result_of(name, {"ndcg@3": columns[name]}) for name in ("best", "a")))
    assert pair.level_with_best("ndcg", 3) == {"best"}


def test_cases_of_one_user_count_once() -> None:
    users = np.repeat(np.arange(8), 5)
    a, b = (
        result_of("a", {"ndcg@3": GOOD}, users=users),
        result_of("b", {"ndcg@3": ALIKE}, users=users),
    )
    means = [[values[users == user].mean() for user in range(8)] for values in (GOOD, ALIKE)]
    worse = "a" if GOOD.mean() < ALIKE.mean() else "b"
    expected = stats.ttest_rel(*means).pvalue
    assert _section(a, b).p_of_best("ndcg", 3)[worse] == pytest.approx(expected)


def test_nothing_is_marked_if_there_is_nothing_to_compare() -> None:
    alone = result_of("a", {"ndcg@3": GOOD})
    assert _section(alone).level_with_best("ndcg", 3) == set()
    assert _section(alone, failed("b")).level_with_best("ndcg", 3) == set()
    unknown = Results([alone, result_of("b", {"ndcg@3": FAIR})]).sections()[0]
    assert unknown.level_with_best("ndcg", 3) == set()


def test_models_with_equal_values_share_the_mark() -> None:
    section = _section(*(result_of(name, {"ndcg@3": GOOD}) for name in ("a", "b", "c")))
    assert section.level_with_best("ndcg", 3) == {"a", "b", "c"}
    zeros = _section(*(result_of(name, {"ndcg@3": np.zeros(40)}) for name in ("a", "b")))
    assert zeros.level_with_best("ndcg", 3) == {"a", "b"}


def test_metrics_that_do_not_depend_on_hits_have_no_marks() -> None:
    above = np.arange(40) % 8
    for values, marked in ((GOOD, set()), (np.where(above < 3, GOOD, 0), {"a", "b"})):
        same = {"above": above, "novelty@3": values}
        section = _section(result_of("a", same), result_of("b", same))
        assert section.level_with_best("novelty", 3) == marked


def test_a_metric_can_state_which_values_are_better() -> None:
    above = np.arange(40) % 8
    for better, best in (("lower", {"poor"}), ("higher", {"good"})):
        section = _section(
            *(
                dataclasses.replace(
                    result_of(name, {"above": above, "other@3": values}), better={"other": better}
                )
                for name, values in (("good", GOOD), ("poor", POOR))
            )
        )
        assert section.level_with_best("other", 3) == best
        assert section.p_of_best("other", 3)[min(best)] == 1


def test_a_case_counts_by_its_best_target() -> None:
    above = np.tile([0, 9], 40)  # two targets per case, one of them in the first three
    rows = {"above": (above, np.arange(41) * 2), "ndcg@3": GOOD}
    assert _section(result_of("a", rows), result_of("b", rows)).level_with_best("ndcg", 3) == {
        "a",
        "b",
    }
    rows = {**rows, "above": (above + 3, np.arange(41) * 2)}
    assert _section(result_of("a", rows), result_of("b", rows)).level_with_best("ndcg", 3) == set()


def test_a_hit_of_any_seed_counts_as_a_hit() -> None:
    hit = {"above": np.zeros(40, dtype=np.int64), "ndcg@3": GOOD}
    missed = {"above": np.full(40, 9), "ndcg@3": np.zeros(40)}
    for order in ([hit, missed], [missed, hit]):
        seeds = [result_of("a", rows, seed) for seed, rows in enumerate(order)]
        section = _section(*seeds, result_of("b", missed))
        assert section.level_with_best("ndcg", 3) == {"a"}


def test_seeds_are_one_row_with_their_mean_and_spread() -> None:
    seeds = [
        result_of("a", {"ndcg@3": values}, seed) for seed, values in enumerate((GOOD, FAIR, POOR))
    ]
    (row,) = _section(*seeds).rows
    assert row.seeds == [0, 1, 2]
    means = [values.mean() for values in (GOOD, FAIR, POOR)]
    assert row.spread("ndcg", 3) == pytest.approx(np.std(means, ddof=1))
    expected = summarise({"x": (GOOD + FAIR + POOR) / 3}, number_users(USERS))["x"]
    assert row.value("ndcg", 3) == pytest.approx(expected)
    assert row.mean("ndcg", 3) == pytest.approx(expected.mean)
    assert row.per_case("ndcg", 3) == pytest.approx((GOOD + FAIR + POOR) / 3)


def test_one_seed_has_no_spread_and_keeps_its_stored_interval() -> None:
    result = result_of("a", {"ndcg@3": GOOD}, 0)
    stored = dataclasses.replace(result, values={"ndcg@3": Value(0.5, 0.1, 0.25, 0.75)})
    (row,) = _section(stored).rows
    assert math.isnan(row.spread("ndcg", 3))
    assert row.value("ndcg", 3) == Value(0.5, 0.1, 0.25, 0.75)


def test_failed_seeds_do_not_count() -> None:
    section = _section(
        result_of("a", {"ndcg@3": GOOD}, 0),
        failed("a", 1),
        result_of("a", {"ndcg@3": FAIR}, 2),
        failed("b", 0),
        failed("b", 1),
    )
    a, b = section.rows
    assert (a.ok, a.seeds) == (True, [0, 2])
    assert (b.ok, b.seeds) == (False, [0, 1])
    assert len(section.results) == 5


def test_intervals_of_seeds_without_values_per_case_are_averaged() -> None:
    first, second = (
        dataclasses.replace(result_of("a", {}, seed), values={"gini@3": Value(*numbers)})
        for seed, numbers in enumerate([(0.2, 0.02, 0.1, 0.3), (0.4, 0.04, 0.3, 0.5)])
    )
    (row,) = _section(first, second).rows
    assert row.value("gini", 3) == pytest.approx((0.3, 0.03, 0.2, 0.4))
    assert row.per_case("gini", 3) is None


def test_a_k_that_is_missing_for_a_seed_is_nan() -> None:
    few, many = (
        result_of("a", {"ndcg@3": GOOD}, 0),
        result_of("a", {"ndcg@3": GOOD, "ndcg@9": FAIR}, 1),
    )
    section = _section(few, many)
    assert section.ks == [3, 9]
    assert section.rows[0].ks == {3}
    assert math.isnan(section.rows[0].value("ndcg", 9).mean)


def test_columns_are_read_once_per_result() -> None:
    read: list[str] = []

    def columns(result: Result) -> Mapping[str, Column]:
        read.append(result.key)
        return ROWS[result.key]

    results = [result_of("a", {"ndcg@3": GOOD, "ndcg@5": FAIR}, seed) for seed in (0, 1)]
    results.append(result_of("b", {"ndcg@3": FAIR, "ndcg@5": GOOD}))
    (section,) = Results(results, columns).sections()
    for k in (3, 5, 3):
        section.level_with_best("ndcg", k)
        assert section.rows[0].value("ndcg", k)
    assert sorted(read) == sorted(result.key for result in results)


def test_costs_are_means_over_seeds() -> None:
    first = result_of("a", {"ndcg@3": GOOD}, 0, fit_seconds=1.0, peak_memory=100, parameters=7)
    second = result_of("a", {"ndcg@3": GOOD}, 1, fit_seconds=3.0, peak_memory=300)
    (row,) = _section(first, second).rows
    assert (row.cost("fit_seconds"), row.cost("peak_memory")) == (2.0, 200.0)
    assert math.isnan(row.cost("parameters"))


def test_best_comes_first_and_failures_last() -> None:
    section = _section(
        failed("broken"),
        result_of("poor", {"ndcg@3": POOR}),
        result_of("good", {"ndcg@3": GOOD}, 1),
        result_of("fair", {"ndcg@3": FAIR}),
        result_of("good", {"ndcg@3": GOOD}, 0),
    )
    assert [row.model for row in section.rows] == ["good", "fair", "poor", "broken"]
    order = [(result.model, result.seed) for result in section.results]
    assert order[:3] == [("good", 0), ("good", 1), ("fair", None)]


def test_rows_are_in_the_same_order_however_results_are_read() -> None:
    """Numbers that differ by rounding only are equal; their models are in the order of names."""
    results = [
        result_of("d", {"ndcg@3": GOOD}),
        result_of("b", {"ndcg@3": GOOD * (1 + 2e-16)}),
        result_of("c", {"ndcg@3": GOOD * (1 - 2e-16), "hit@3": GOOD}),
        result_of("a", {"ndcg@3": POOR}, 0),
        result_of("a", {"ndcg@3": GOOD * 2 - POOR}, 1),
        failed("f", 1),
        failed("f", 0),
        failed("e"),
    ]
    expected = Results(results, columns_of).to_frame()
    models = list(dict.fromkeys(expected["model"]))
    assert models == ["a", "b", "c", "d", "e", "f"]
    assert list(expected["metric"][3:5]) == ["hit", "ndcg"]
    assert list(expected["seed"][-2:]) == [0, 1]
    random = np.random.default_rng(4)
    for _ in range(30):
        mixed = [
            dataclasses.replace(
                results[place], values=dict(reversed(results[place].values.items()))
            )
            for place in random.permutation(len(results))
        ]
        pd.testing.assert_frame_equal(Results(mixed, columns_of).to_frame(), expected)
        tables = Results(mixed, columns_of).sections()
        assert [row.model for table in tables for row in table.rows] == models


def test_models_that_are_not_above_popular_are_listed() -> None:
    ties = np.where(np.arange(40) < 20, GOOD + 0.1, GOOD - 0.1)
    section = _section(
        result_of("popular", {"ndcg@3": GOOD}),
        result_of("above", {"ndcg@3": GOOD + 0.01}),
        result_of("below", {"ndcg@3": POOR}),
        result_of("equal", {"ndcg@3": GOOD}),
        result_of("unlucky", {"ndcg@3": GOOD + 0.3}, 0),
        result_of("unlucky", {"ndcg@3": GOOD - 0.5}, 1),
        result_of("popular:rule=rated", {"ndcg@3": ties - 0.1}),
        failed("broken"),
    )
    assert section.not_above_floor == {"below", "equal", "unlucky", "popular:rule=rated"}


def test_models_are_compared_with_popular_at_the_largest_common_k() -> None:
    popular = result_of("popular", {"ndcg@3": GOOD, "ndcg@5": FAIR})
    section = _section(popular, result_of("a", {"ndcg@3": FAIR, "ndcg@5": GOOD, "ndcg@9": POOR}))
    assert section.not_above_floor == set()
    section = _section(popular, result_of("a", {"ndcg@3": FAIR}))
    assert section.not_above_floor == {"a"}
    assert _section(popular, result_of("a", {"ndcg@9": POOR})).not_above_floor == set()


@pytest.mark.parametrize("others", [[], [failed("popular")]])
def test_without_popular_no_model_is_below_it(others: list[Result]) -> None:
    assert _section(result_of("a", {"ndcg@3": POOR}), *others).not_above_floor == set()


def test_sections_are_in_the_order_of_their_first_results() -> None:
    settings = [dataclasses.replace(SETTING, split=split) for split in ("z", "a", "m")]
    results = [result_of(str(n), {"ndcg@3": GOOD}, setting=settings[n % 3]) for n in range(6)]
    sections = Results(results, columns_of).sections()
    assert [section.title for section in sections] == ["data, z", "data, a", "data, m"]
    assert all(len(section.results) == 2 for section in sections)


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
def test_results_that_cannot_be_compared_are_in_separate_sections(
    change: dict[str, Any], titles: list[str]
) -> None:
    other = dataclasses.replace(SETTING, **change)
    results = [result_of("a", {"ndcg@3": GOOD}), result_of("a", {"ndcg@3": FAIR}, setting=other)]
    sections = Results(results, columns_of).sections()
    assert [section.title for section in sections] == titles
    assert [len(section.results) for section in sections] == [1, 1]


def test_different_candidates_are_separate_sections() -> None:
    drawn = [
        dataclasses.replace(SETTING, candidates="100", candidates_sha256=letter * 64)
        for letter in "ab"
    ]
    sections = Results(
        result_of("a", {"ndcg@3": GOOD}, setting=setting) for setting in (SETTING, *drawn)
    )
    full, *sampled = [section.title for section in sections.sections()]
    assert full == "data, last"
    digests = ["SAMPLED: ranked among only 100 (aaaaaa) c" in title for title in sampled]
    assert digests == [True, False]
    assert all("not comparable with full ranking" in title for title in sampled)


def test_other_protocols_are_left_out() -> None:
    old = dataclasses.replace(SETTING, protocol=1)
    results = Results(
        [
            result_of("a", {"ndcg@3": GOOD}),
            *(result_of(model, {"ndcg@3": FAIR}, setting=old) for model in "bc"),
        ],
        columns_of,
        left_out=["something"],
    )
    kept = results.of_protocol(2)
    assert [result.model for result in kept] == ["a"]
    assert kept.left_out[0] == "something"
    assert kept.left_out[1].startswith("2 results from version 1 of the evaluation rules")
    assert kept.read_columns(kept[0])["ndcg@3"] is GOOD


def test_other_metrics_can_be_shown() -> None:
    results = Results([result_of("a", {"ndcg@3": GOOD})], columns_of, left_out=["something"])
    shown = results.showing("HR")
    assert (shown.metrics, list(shown.breakdown.metrics), shown.left_out) == (
        ("hit",),
        ["hit"],
        ("something",),
    )
    assert shown.showing().metrics == ("hit",)
    assert list(shown) == list(results)


def test_titles_leave_out_options_that_are_not_needed() -> None:
    settings = [
        dataclasses.replace(SETTING, dataset=name, dataset_sha256=name)
        for name in ("log.csv:item=x,user=y", "log.csv:item=x,repeats=keep,user=y", "b.csv:item=x")
    ]
    results = Results([result_of("a", {"ndcg@3": GOOD}, setting=setting) for setting in settings])
    assert [section.title for section in results.sections()] == [
        "log.csv, last",
        "log.csv:repeats=keep, last",
        "b.csv, last",
    ]
