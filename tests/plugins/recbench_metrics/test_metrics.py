"""The shipped metrics, compared with all orders of tied items, scikit-learn and small examples."""

import functools
import importlib.util
import itertools
import math
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rankings import CASES, Cases, over_all_orders, ranking_of
from sklearn.metrics import ndcg_score

from recbench import Ranking, RecbenchError, load_plugins
from recbench.evaluation.measure import better_of
from recbench.testing import check_metric
from recbench_metrics import recbench_metrics
from recbench_metrics.lists import (
    coverage,
    entropy,
    gini,
    novelty,
    personalisation,
    popularity,
)
from recbench_metrics.ranks import average_precision, hit, mrr, ndcg, recall

RANKED = {"ndcg": ndcg, "recall": recall, "hit": hit, "mrr": mrr, "map": average_precision}


def _by_definition(order: list[bool], k: int) -> dict[str, float]:
    """Return the textbook values without ties; `order` tells whether each rank has a target."""
    found = [rank for rank, is_target in enumerate(order, start=1) if is_target]
    ranks, best = [rank for rank in found if rank <= k], min(len(found), k)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, best + 1))
    return {
        "ndcg": sum(1 / math.log2(rank + 1) for rank in ranks) / ideal,
        "recall": len(ranks) / len(found),
        "hit": float(bool(ranks)),
        "mrr": 1 / ranks[0] if ranks else 0.0,
        "map": sum(nth / rank for nth, rank in enumerate(ranks, start=1)) / best,
    }


@given(CASES, st.integers(1, 8))
def test_ties_count_as_the_mean_over_all_orders(rows: Cases, k: int) -> None:
    ranking = ranking_of(rows)
    expected = [over_all_orders(_by_definition, scores, targets, k) for scores, targets in rows]
    for name, metric in RANKED.items():
        assert metric(ranking, k) == pytest.approx([case[name] for case in expected], abs=1e-12), (
            name
        )


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_if_all_items_are_tied_the_value_is_the_mean_over_all_orders(size: int) -> None:
    for k in range(1, 8):
        row = [0] * 6, list(range(size))
        for name, value in over_all_orders(_by_definition, *row, k).items():
            assert RANKED[name](ranking_of([row]), k) == pytest.approx([value], abs=1e-12), name


@given(st.integers(0, 2**32), st.integers(1, 5), st.sampled_from([1, 3, 5, 10, 50]))
def test_ndcg_equals_that_of_scikit_learn(seed: int, many: int, k: int) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, draw.integers(1, 25), (6, 20))
    targets = [draw.permutation(20)[: draw.integers(1, many + 1)].tolist() for _ in scores]
    truth = np.zeros(scores.shape)
    for row, items in zip(truth, targets, strict=True):
        row[items] = 1
    value = ndcg(ranking_of(list(zip(scores.tolist(), targets, strict=True))), k)
    each = [ndcg_score(truth[[row]], scores[[row]], k=k) for row in range(6)]
    assert value == pytest.approx(each, abs=1e-12)
    assert value.mean() == pytest.approx(ndcg_score(truth, scores, k=k), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1), st.integers(1, 40))
def test_with_one_target_values_are_exactly_the_expectation_of_gains(
    places: list[tuple[int, int]], k: int
) -> None:
    above, tied = np.array(places).T
    ranks = np.arange(1, k + 1)
    for ranking in (Ranking(above, tied), Ranking(above, tied, np.arange(len(above) + 1))):
        for metrics, gains in (
            ([ndcg], 1 / np.log2(ranks + 1)),
            ([hit, recall], np.ones(k)),
            ([mrr, average_precision], 1 / ranks),
        ):
            for metric in metrics:
                assert np.array_equal(metric(ranking, k), ranking.expectation(gains)), metric


def test_all_targets_at_the_top_get_one() -> None:
    ranking = Ranking(np.arange(3), np.ones(3, dtype=int), np.array([0, 3]))
    for name, metric in RANKED.items():
        assert metric(ranking, 3) == [1.0], name
        assert metric(ranking, 2) == ([2 / 3] if name == "recall" else [1.0]), name


def test_targets_in_no_list_get_zero() -> None:
    far = np.iinfo(np.int32).max
    ranking = Ranking(np.array([far, far, 0]), np.ones(3, dtype=int), np.array([0, 2, 3]))
    for metric in RANKED.values():
        assert metric(ranking, 10).tolist() == [0, 1]


def test_large_blocks_of_ties_are_accurate_and_use_little_memory() -> None:
    t, m, k, rows = 1_000_000, 3, 2_000, 500
    ranking = Ranking(np.full(rows * m, 7), np.full(rows * m, t), np.arange(rows + 1) * m)
    tracemalloc.start()
    values = {name: metric(ranking, k) for name, metric in RANKED.items()}
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    places = math.comb(t, k - 7)
    missed = (places - math.comb(t - m, k - 7)) / places  # exact whole numbers, divided last
    assert values["hit"] == pytest.approx(np.full(rows, missed), rel=1e-12)
    first = [math.comb(t - j, m - 1) / (7 + j) for j in range(1, k - 6)]
    assert values["mrr"] == pytest.approx(np.full(rows, sum(first) / math.comb(t, m)), rel=1e-12)


def test_k_may_be_the_size_of_the_catalogue() -> None:
    t = 1_000_000
    ranking = Ranking(np.zeros(2, dtype=int), np.full(2, t), np.array([0, 2]))
    harmonic = math.fsum(1 / j for j in range(1, t + 1))
    assert hit(ranking, t) == pytest.approx([1])
    assert recall(ranking, t) == pytest.approx([1])
    first = 2 / (t - 1) * (harmonic - 1)
    assert mrr(ranking, t) == pytest.approx([first], rel=1e-10)
    precision = (harmonic + (t - harmonic) / (t - 1)) / t
    assert average_precision(ranking, t) == pytest.approx([precision], rel=1e-10)


def _listed(lists: list[list[int]], counts: list[int]) -> Ranking:
    nothing = np.ones(len(lists), dtype=int)
    return Ranking(nothing, nothing, None, np.array(lists, dtype=np.int32), np.array(counts))


def test_list_metrics_of_a_small_example() -> None:
    ranking = _listed([[0, 1, 2], [0, -1, -1], [-1, -1, -1]], [7, 0, 1, 0])
    assert coverage(ranking, 1) == 1 / 4
    assert coverage(ranking, 2) == 2 / 4
    assert gini(ranking, 2) == pytest.approx((1 * 1 + 3 * 2) / (4 * 3))  # 0, 0, 1 and 2 times
    assert popularity(ranking, 2).tolist() == [3.5, 7, 0]
    bits = -np.log2(np.array([8, 1, 2]) / 12)
    assert novelty(ranking, 2) == pytest.approx([(bits[0] + bits[1]) / 2, bits[0], 0])
    assert novelty(ranking, 3) == pytest.approx([bits.mean(), bits[0], 0])


def test_list_metrics_skip_gaps_but_not_the_items_below_them() -> None:
    """-1 keeps the place of an item that the dataset does not have."""
    ranking = _listed([[-1, 2, 0], [0, -1, 2], [-1, -1, 1]], [7, 0, 1, 0])
    bits = -np.log2(np.array([8, 1, 2]) / 12)
    for k, covered, times, mean, bit in (
        (1, 1, [0, 0, 0, 1], [0, 7, 0], [0, bits[0], 0]),
        (2, 2, [0, 0, 1, 1], [1, 7, 0], [bits[2], bits[0], 0]),
        (3, 3, [0, 1, 2, 2], [4, 4, 0], [bits[[0, 2]].mean()] * 2 + [bits[1]]),
    ):
        assert coverage(ranking, k) == covered / 4
        weighted = sum(weight * count for weight, count in zip((-3, -1, 1, 3), times, strict=True))
        assert gini(ranking, k) == pytest.approx(weighted / (4 * sum(times)))
        assert popularity(ranking, k).tolist() == mean
        assert novelty(ranking, k) == pytest.approx(bit)


def test_gini_at_its_limits() -> None:
    assert gini(_listed([[0, 1], [2, 3]], [1] * 4), 2) == 0
    assert gini(_listed([[0], [0], [0]], [1] * 4), 1) == 3 / 4
    assert gini(_listed([[-1], [-1]], [1] * 4), 1) == 0


def test_entropy_of_how_often_items_are_recommended() -> None:
    assert entropy(_listed([[0, 1], [2, 3]], [1] * 5), 2) == 2
    assert entropy(_listed([[0, 1], [0, 2]], [1] * 5), 2) == 1.5
    assert entropy(_listed([[0, -1], [-1, -1]], [1] * 5), 2) == 0
    assert entropy(_listed([[-1], [-1]], [1] * 4), 1) == 0


def test_personalisation_is_one_minus_the_mean_overlap_of_all_pairs() -> None:
    draw = np.random.default_rng(0)
    lists = [draw.permutation(12)[:5].tolist() for _ in range(20)]
    pairs = itertools.combinations(map(set, lists), 2)
    overlaps = [len(first & second) / 5 for first, second in pairs]
    expected = 1 - sum(overlaps) / len(overlaps)
    assert personalisation(_listed(lists, [1] * 12), 5) == pytest.approx(expected, abs=1e-12)


def test_personalisation_is_found_by_its_other_spelling() -> None:
    offer = load_plugins().find("metrics", "personalization")
    assert offer.name == "personalisation"


def test_personalisation_at_its_limits() -> None:
    assert personalisation(_listed([[0, 1], [1, 0]], [1] * 4), 2) == pytest.approx(0, abs=1e-12)
    assert personalisation(_listed([[0, 1], [2, 3]], [1] * 4), 2) == 1
    assert personalisation(_listed([[0, 1]], [1] * 4), 2) == 0
    assert personalisation(_listed([[-1, -1], [2, 3], [-1, -1]], [1] * 4), 2) == 1
    short = _listed([[0, -1], [0, 1]], [1] * 4)  # the cosine of sets of 1 and 2 items
    assert personalisation(short, 2) == pytest.approx(1 - 1 / math.sqrt(2))


@pytest.mark.parametrize("metric", [coverage, entropy, gini, novelty, personalisation, popularity])
def test_lists_that_are_too_short_are_an_error(metric) -> None:
    with pytest.raises(
        RecbenchError, match=r"first 3 items of each list, .* only 2 items; use k up to 2"
    ):
        metric(_listed([[0, 1]], [1] * 4), 3)
    with pytest.raises(RecbenchError, match="the ranking has none"):
        metric(Ranking(np.array([0]), np.array([1])), 3)
    whole = _listed([[0, 1]], [1, 2])
    assert np.array_equal(metric(whole, 9), metric(whole, 2))


def test_each_metric_has_a_summary_for_listings() -> None:
    for name, metric in recbench_metrics().items():
        assert (metric.__doc__ or "").splitlines()[0].endswith("."), name


@pytest.mark.parametrize("name", recbench_metrics())
def test_each_metric_passes_the_contract(name: str) -> None:
    check_metric(recbench_metrics()[name])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rbp", {"persistence": 0.5}),
        ("ild", {"by": "genres"}),
        ("ild", {"by": "year"}),
        ("aplt", {"head": 0.5}),
        ("calibration", {"by": "year", "alpha": 0.1}),
    ],
)
def test_each_metric_passes_the_contract_with_other_options(
    name: str, options: dict[str, object]
) -> None:
    check_metric(functools.partial(recbench_metrics()[name], **options))


def test_metrics_of_ranks_and_calibration_have_a_direction() -> None:
    stated = {name: better_of(metric) for name, metric in recbench_metrics().items()}
    assert stated.pop("calibration") == "lower"
    assert {name for name, better in stated.items() if better == "higher"} == {
        *RANKED,
        *("precision", "f1", "r-precision", "rbp", "auc", "serendipity"),
    }


SCRIPT = Path(__file__).parents[3] / "benchmarks" / "metrics.py"

PEERS: list[tuple[str, dict[str, Any], float]] = [
    ("precision", {}, 0.07833333333333332),  # RecTools, ranx
    ("f1", {}, 0.1305555555555556),  # RecTools, ranx
    ("recall", {}, 0.39166666666666666),  # RecTools
    ("popularity", {}, 19.193333333333335),  # RecTools
    ("serendipity", {}, 0.035),  # RecTools
    ("ild", {}, 0.7176416055846015),  # RecTools, with distances of scikit-learn
    ("ild", {"by": "genres"}, 0.7345185185185185),  # RecTools, with distances of SciPy
    ("ild", {"by": "year"}, 0.3774452003023432),  # RecTools, with distances of SciPy
    ("r-precision", {}, 0.075),  # ranx
    ("rbp", {}, 0.06347124565333334),  # ranx
    ("rbp", {"persistence": 0.95}, 0.03067738682772301),  # ranx
    ("ndcg", {}, 0.20474004524427564),  # ranx
    ("map", {}, 0.11220568783068784),  # ranx
    ("auc", {}, 0.5153006390638744),  # RecBole (GAUC), scikit-learn
    ("aplt", {}, 0.6083333333333333),  # RecBole (TailPercentage)
    ("entropy", {}, 5.459221497657706),  # RecBole (ShannonEntropy, in other units), SciPy
    ("personalisation", {}, 0.7652542372881356),  # scikit-learn
    ("calibration", {}, 0.3298740044268662),  # SciPy
    ("popularity-lift", {}, -0.4282059439956976),  # numpy
]
"""Values that other libraries gave for the same lists. benchmarks/metrics.py made them, with the
versions in benchmarks/metrics.md; SciPy, scikit-learn and numpy stand where no library has it."""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("metrics_of_peers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "options", "value"), PEERS)
def test_values_are_those_of_other_libraries(
    script: ModuleType, name: str, options: dict[str, Any], value: float
) -> None:
    ranking, _ = script.made()
    ours = recbench_metrics()[name](ranking, script.K, **options)
    assert np.mean(ours) == pytest.approx(value, abs=1e-12)
