"""What tuning gained: pairs of default and tuned rows, and the paired test of each."""

import dataclasses
import math

import numpy as np
import pytest
from made_results import FAIR, GOOD, POOR, USERS, columns_of, failed, gains, result_of
from made_studies import made_study, made_trials

from recbench import Result, Results
from recbench.evaluation.uncertainty import paired_test
from recbench.report.report import Table
from recbench.tuning.gains import gain_blocks, gains_of
from recbench.tuning.study import FAILED, Study


def _study(model: str, best: int = 1, metric: str = "ndcg@3") -> Study:
    values = (0.2 if number == best else 0.1 for number in range(3))
    trials = made_trials(*values, model=model)
    return made_study(trials, model=model, metric=metric, key=model)


def _results(*results: Result) -> Results:
    return Results(results, columns_of)


def test_a_gain_is_the_tuned_minus_the_default_value() -> None:
    results = _results(result_of("ease", {"ndcg@3": FAIR}), result_of("ease:x=1", {"ndcg@3": GOOD}))
    (gain,) = gains_of([_study("ease")], results)
    assert (gain.model, gain.metric, gain.k) == ("ease", "ndcg", 3)
    assert gain.default.mean == pytest.approx(FAIR.mean())
    assert gain.tuned.mean == pytest.approx(GOOD.mean())
    assert gain.paired.difference == pytest.approx(GOOD.mean() - FAIR.mean())
    assert gain.paired.low < gain.paired.difference < gain.paired.high
    assert gain.paired.p == paired_test(GOOD, FAIR, np.arange(len(USERS))).p


def test_the_tests_are_corrected_for_the_number_of_models() -> None:
    near = FAIR + np.random.default_rng(0).normal(0.03, 0.1, 40)
    of_first = [result_of("a", {"ndcg@3": FAIR}), result_of("a:x=1", {"ndcg@3": near})]
    of_second = [result_of("b", {"ndcg@3": POOR}), result_of("b:x=1", {"ndcg@3": gains(-0.28, 5)})]
    alone = [
        gains_of([_study("a")], _results(*of_first))[0],
        gains_of([_study("b")], _results(*of_second))[0],
    ]
    both = gains_of([_study("a"), _study("b")], _results(*of_first, *of_second))
    assert min(gain.paired.p for gain in both) == 2 * min(gain.paired.p for gain in alone)
    assert max(gain.paired.p for gain in both) >= max(gain.paired.p for gain in alone)


def test_models_without_a_pair_have_no_gain() -> None:
    results = _results(
        result_of("same", {"ndcg@3": GOOD}),
        result_of("alone:x=1", {"ndcg@3": GOOD}),
        failed("broken"),
        result_of("broken:x=1", {"ndcg@3": GOOD}),
        result_of("never", {"ndcg@3": GOOD}),
    )
    none = made_study(made_trials(FAILED), model="never", metric="ndcg@3")
    studies = [_study("same", best=0), _study("alone"), _study("broken"), none]
    assert gains_of(studies, results) == []
    assert gains_of([], results) == []


def test_a_metric_without_values_per_case_is_replaced() -> None:
    def both(model: str, values: np.ndarray) -> Result:
        made = result_of(model, {"ndcg@3": values})
        values_of = {**made.values, "coverage@3": made.value("ndcg", 3)}
        return dataclasses.replace(made, values=values_of)

    results = _results(both("ease", FAIR), both("ease:x=1", GOOD))
    (gain,) = gains_of([_study("ease", metric="coverage@3")], results)
    assert (gain.metric, gain.k) == ("ndcg", 3)
    assert gains_of([_study("ease", metric="coverage@7")], results) == []


def test_the_table_of_gains() -> None:
    results = _results(result_of("ease", {"ndcg@3": FAIR}), result_of("ease:x=1", {"ndcg@3": GOOD}))
    found = gains_of([_study("ease")], results)
    broken = made_study(made_trials(FAILED, 0.2), model="broken", metric="ndcg@3")
    table, meaning = gain_blocks(found, [_study("ease"), broken, _study("same", best=0)])
    assert isinstance(table, Table)
    (row,) = table.rows
    assert [*row] == [
        *("model", "NDCG@3 default", "NDCG@3 tuned", "difference", "95% interval", "p")
    ]
    assert row["NDCG@3 tuned"] == f"{GOOD.mean():.4f}"
    assert row["difference"] == f"{GOOD.mean() - FAIR.mean():+.4f}"
    assert row["difference"].startswith("+")
    assert [*table.numbers] == [*row][1:]
    assert str(meaning).endswith(
        "Holm-corrected over the models. Not compared, because the default or the best options "
        "failed: broken."
    )
    assert not math.isnan(found[0].paired.p)


def test_a_table_without_gains_says_why() -> None:
    same, never = _study("same", best=0), made_study(made_trials(FAILED), model="never")
    nothing = "No trial was better than the default options of its model."
    failed = "Not compared, because the default or the best options failed: never."
    for studies, meaning in (
        ([same], nothing),
        ([never], failed),
        ([same, never], f"{nothing.replace('trial', 'trial of the other models')} {failed}"),
    ):
        empty, said = gain_blocks([], studies)
        assert isinstance(empty, Table)
        assert not empty.rows
        assert said == meaning
