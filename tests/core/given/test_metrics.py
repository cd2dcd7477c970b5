"""Metrics that are given as functions or files, their options, and values of changed code."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import Ranking, Store, UsageError, load_plugins
from recbench.results.shown import with_shown_metrics

METRICS = '''
import numpy as np
import near

def found(ranking, k, weight: float = 1.0, power: "int" = 1):
    """Share of targets found, weighted.

    Parameters
    ----------
    weight : float, default: 1
        Factor of each value.
    """
    return ranking.expectation(np.ones(k)) * (weight * near.WEIGHT) ** power

def _helper(ranking, k): ...

def share(values): ...

def needing(ranking, k, weight: float):
    return ranking.expectation(np.ones(k)) * weight

found.bounds = (0.0, 100.0)
'''


def mine(ranking: Ranking, k: int, weight: float = 1.0, weights: Any = None) -> Any:
    factor = weight if weights is None else weights.sum()
    return ranking.expectation(np.ones(k)) * factor


class Called:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, ranking: Ranking, k: int) -> Any:
        return mine(ranking, k, self.weight)


@pytest.fixture
def file(place: Path) -> Path:
    (place / "near.py").write_text("WEIGHT = 1.0\n")
    path = place / "mine.py"
    path.write_text(METRICS)
    return path


def _names(metrics: Any) -> list[str]:
    return list(with_shown_metrics(load_plugins(), metrics)[1])


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ("ndcg,HR", ["ndcg", "hit"]),
        ("rbp:persistence=0.95,ndcg", ["rbp:persistence=0.95", "ndcg"]),
        ("RBP:persistence=0.5|0.95", ["rbp:persistence=0.5", "rbp:persistence=0.95"]),
        ("ndcg,mine.py:found:power=2,weight=0.5", ["ndcg", "found:power=2,weight=0.5"]),
        ("mine.py:found,./mine.py:found:weight=2", ["found", "found:weight=2"]),
        ("mine.py:needing:weight=2", ["needing:weight=2"]),
        (mine, ["mine"]),
        ([mine, "ndcg"], ["mine", "ndcg"]),
        (functools.partial(mine, weight=0.5), ["mine:weight=0.5"]),
        ({"half": functools.partial(mine, weight=0.5), "twice": Called(2)}, ["half", "twice"]),
        ([Called(3)], ["Called"]),
    ],
)
def test_every_form_of_a_metric_has_a_name(file: Path, metrics: Any, names: list[str]) -> None:
    assert _names(metrics) == names


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (
            "mine.py",
            r"^mine.py has several metrics \(found, needing\); name one of them, as in mine",
        ),
        ("mine.py:fuond", "^mine.py has no metric 'fuond'; did you mean 'found'[?]"),
        ("mine.py:needing", "^needing needs the option weight; write mine.py:needing:weight=VALUE"),
        ("mine.py:found:wieght=2", "^metric found has no option 'wieght'; did you mean 'weight'"),
        ("mine.py:found:weight=x", "^metric found: weight=x must be a number"),
        ("mine.py:found:ranking=2", "^metric found has no option 'ranking'; available: power, wei"),
        (
            "mine.py:share",
            r"^share is not a metric: it takes \(values\), not \(ranking, k\)",
        ),
        ("near.py", r"^near.py has no metric: it has no function of \(ranking, k\)$"),
        ("ndcg:weight=2", "^metric ndcg has no options; remove weight=2$"),
        ([lambda ranking, k: 0], "^a lambda is not a valid name for a metric. Give it one"),
        ([Called(1), Called(2)], "^two metrics are called 'Called'; rename one"),
        (3, "^an object of type int is not a metric; give a name, a function"),
    ],
)
def test_what_is_no_metric_is_refused(file: Path, metrics: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _names(metrics)


def test_options_of_metrics_are_values_of_their_own(file: Path, busy: str) -> None:
    metrics = ["recall", "mine.py:found", "mine.py:found:weight=0.5", {"thrice": Called(3)}]
    array = functools.partial(mine, weights=np.array([1.0, 1.0]))
    results = recbench.run("popular", busy, ks=5, metrics=[*metrics, array], results="results")
    means = {key.partition("@")[0]: value.mean for key, value in results[0].values.items()}
    recall = means["recall"]
    assert recall > 0
    assert means["found"] == recall
    assert means["found:weight=0.5"] == recall / 2
    assert means["thrice"] == pytest.approx(3 * recall)
    (digest,) = (name for name in means if name.startswith("mine:weights=ndarray-"))
    assert means[digest] == pytest.approx(2 * recall)
    assert results[0].value("found:weight=0.5", 5).high <= 0.5
    for text in (str(results), str(recbench.table("results", metrics=metrics[:3]))):
        assert "found:weight=0.5@5" in text
    compared = recbench.run("random", busy, ks=5, metrics=metrics[:3], results="results")
    assert len(compared) == 1
    (comparison,) = recbench.compare(
        "popular", "random", metrics="mine.py:found:weight=0.5", results="results"
    )
    assert (comparison.metric, comparison.k) == ("found:weight=0.5", 5)
    assert comparison.first_row.mean("found:weight=0.5", 5) == recall / 2


def test_a_value_that_is_not_stored_yet_is_computed_from_the_ranks(file: Path, busy: str) -> None:
    same: dict[str, Any] = {"ks": 5, "results": "results"}
    recbench.run("popular", busy, **same)
    again = recbench.run("popular", busy, metrics="rbp:persistence=0.5,mine.py:found", **same)
    assert len(again.reused) == 1
    value = again[0].value("rbp:persistence=0.5", 5).mean
    assert value > 0
    assert value != again[0].value("rbp", 5).mean
    assert again[0].value("found", 5).mean == again[0].value("recall", 5).mean
    assert "RBP:persistence=0.5@5" in str(recbench.table("results", metrics="rbp:persistence=0.5"))


@pytest.mark.parametrize("name", ["near", "mine"])
def test_numbers_of_a_changed_file_are_never_shown(file: Path, busy: str, name: str) -> None:
    texts = "mine.py:found,mine.py:found:weight=0.5"
    same: dict[str, Any] = {"ks": 5, "metrics": texts, "results": "results"}
    before = recbench.run(["popular", "random"], busy, **same)
    edited = file.with_name(f"{name}.py")
    edited.write_text(
        edited.read_text().replace("WEIGHT = 1.0", "WEIGHT = 2.0").replace("* (w", "* 2 * (w")
    )
    table = recbench.table("results", metrics=texts)
    assert all("found@5" not in result.values for result in table)
    assert all("ndcg@5" in result.values for result in table)
    assert "the values of metric found of popular, random, measured by another" in str(table)
    again = recbench.run("popular", busy, ks=5, metrics="mine.py:found", results="results")
    assert len(again.reused) == 1
    new = again[0].value("found", 5)
    assert new.mean == pytest.approx(2 * before[0].value("found", 5).mean)
    assert new.high == pytest.approx(2 * before[0].value("found", 5).high)
    assert "found:weight=0.5@5" not in again[0].values
    table = recbench.table("results", metrics="mine.py:found")
    assert {row.model for row in table if "found@5" in row.values} == {"popular"}
    stored = Store("results").all()  # without the file, whose code is then unknown
    assert not any("found@5" in result.values for result in stored)


def test_intervals_of_changed_code_are_computed_again(file: Path, busy: str) -> None:
    def spread(weights: str) -> float:
        file.write_text(f"import numpy as np\ndef half(ranking, k):\n    return np.{weights}\n")
        results = recbench.run("popular", busy, ks=5, metrics="mine.py", results="results")
        value = results[0].value("half", 5)
        assert value.mean == 0.5
        return float(value.high - value.low)

    assert spread("where(ranking.users % 2, 1.0, 0.0)") > 0.01
    assert spread("full(len(ranking), 0.5)") == 0


def test_a_metric_that_breaks_a_rule_is_left_out(
    file: Path, busy: str, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("def worse(ranking, k):\n    return ranking.above.astype(float)\n")
    results = recbench.run("popular", busy, ks=5, metrics="ndcg,mine.py", results=None)
    assert "worse@5" not in results[0].values
    assert "metric worse (plugin mine.py) is left out: " in caplog.text


def test_old_values_of_a_metric_that_is_left_out_now_are_not_shown(file: Path, busy: str) -> None:
    same: dict[str, Any] = {"ks": 5, "metrics": "ndcg,mine.py:found", "results": "results"}
    assert "found@5" in recbench.run("popular", busy, **same)[0].values
    file.write_text(METRICS.replace("(weight *", "(-weight *"))
    again = recbench.run("popular", busy, **same)
    assert len(again.reused) == 1
    assert "found@5" not in again[0].values
    assert again.not_measured == ["found@5"]


def test_results_with_metrics_of_files_are_verified(file: Path, busy: str) -> None:
    metrics = "mine.py:found:weight=0.5,rbp:persistence=0.5"
    recbench.run("popular", busy, ks=5, metrics=metrics, results="results")
    checks = recbench.verify("results", metrics="mine.py:found")
    assert checks.holds
    assert "found:weight=0.5@5" in {number.name for number in checks[0].numbers}
    assert not recbench.verify("results").holds


def test_a_bar_in_a_value_of_an_option_is_shown(tiny: str) -> None:
    def marked(ranking: Ranking, k: int, label: str = "") -> Any:
        return ranking.expectation(np.ones(k)) * len(label)

    plugins = load_plugins(mine=plugin(metrics={"marked": marked}))
    results = recbench.run("popular", tiny, metrics="marked:label=a||b", plugins=plugins)
    assert "marked:label=a|b@3" in str(results)
    assert results.metrics == ("marked:label=a|b",)
