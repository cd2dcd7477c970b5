"""Trackers that break one rule each fail this rule."""

from __future__ import annotations

from typing import Any

import pytest

from recbench.checking import trackers
from recbench.checking.rule import outcomes


def broken(rules: Any, subject: Any) -> dict[str, str]:
    return {
        rule: detail for rule, outcome, detail in outcomes(rules, subject) if outcome == "failed"
    }


@pytest.mark.parametrize(
    ("tracker", "rule", "detail"),
    [
        (
            lambda result: int(result.seed),
            "accepts the result of a model that ran",
            "for a model that ran it raised TypeError",
        ),
        (
            lambda result: round(result.values["ndcg@5"].mean),
            "accepts the result of a model that failed",
            "for a model that failed it raised ValueError: cannot convert float NaN",
        ),
        (
            lambda result: result.model.encode("ascii"),
            "accepts unusual characters in options",
            "it raised UnicodeEncodeError",
        ),
        (
            lambda result: result.values.clear(),
            "the result stays unchanged",
            "it changes values",
        ),
        (lambda result: 1, "returns nothing", "returned an object of type int"),
    ],
)
def test_a_tracker_that_breaks_a_rule(tracker: Any, rule: str, detail: str) -> None:
    found = broken(trackers.RULES, tracker)
    assert rule in found
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rule])
