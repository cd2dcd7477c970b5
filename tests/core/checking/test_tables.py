"""Tables that break one rule each fail this rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import recbench
from recbench.checking import tables
from recbench.checking.made_results import situations
from recbench.checking.rule import outcomes
from recbench.testing import check_table
from recbench_tables import recbench_tables


def broken(rules: Any, subject: Any) -> dict[str, str]:
    return {
        rule: detail for rule, outcome, detail in outcomes(rules, subject) if outcome == "failed"
    }


MARKDOWN: Any = recbench_tables()["markdown"]


@pytest.mark.parametrize("name", ["csv", "json"])
def test_shipped_tables_pass(name: str) -> None:
    check_table(recbench_tables()[name])


def _without_failed(results: recbench.Results) -> Any:
    return MARKDOWN(recbench.Results(results[:1], results.read_columns, results.metrics))


def _empties(results: Any) -> Any:
    for result in results:
        result.values.clear()
    return "".join(result.model for result in results)


def _changes(results: recbench.Results) -> Any:
    text = MARKDOWN(results)
    for result in results:
        object.__setattr__(result, "model", "mine")
    return text


@pytest.mark.parametrize(
    ("table", "rule", "detail"),
    [
        (_empties, "the results stay unchanged", "but it changes popular: one model"),
        (
            lambda results: print(MARKDOWN(results)),
            "a table returns text for all results",
            "for one model it returned an object of type NoneType",
        ),
        (
            lambda results: f"{MARKDOWN(results)}{results[0].model}",
            "a table returns text for all results",
            "for no result it raised IndexError",
        ),
        (_without_failed, "every model is in the table", "mine is not: two models"),
        (
            lambda results: " ".join(result.model for result in results),
            "every value is in the table",
            r"the ndcg@10 of popular, 0\.\d+, is not: one model",
        ),
        (
            lambda results: f"{MARKDOWN(results)}{np.random.random()}",  # noqa: NPY002
            "the same results give the same text",
            "for one model a line is",
        ),
        (_changes, "the results stay unchanged", "it changes mine: one model"),
    ],
)
def test_a_table_that_breaks_a_rule(table: Any, rule: str, detail: str) -> None:
    found = broken(tables.RULES, tables.Shown(table))
    assert rule in found
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rule])


def test_the_situations_are_what_tables_can_meet() -> None:
    made = situations()
    assert [result.ok for result in made["a model that failed"]] == [True, True, True, False]
    assert len(made["two datasets"].sections()) == 2
    assert len(made["no result"]) == 0
