"""A metric with one mistake fails the rule that names it, and the rest is not run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recbench.checking.metrics import RULES, Measured
from recbench.checking.rule import outcomes


def hits(ranking: Any, k: int) -> Any:
    return ranking.expectation(np.ones(k)) / ranking.n_targets


def misses(ranking: Any, k: int) -> Any:
    return 1 - hits(ranking, k)


def writes(ranking: Any, k: int) -> Any:
    ranking.lists[:] = 0
    return hits(ranking, k)


def broken(metric: Any) -> dict[str, str]:
    """Return the rules that are broken -> the detail."""
    found = outcomes(RULES, Measured(metric))
    return {rule: detail for rule, outcome, detail in found if outcome == "failed"}


@pytest.mark.parametrize(
    ("metric", "rule", "detail"),
    [
        (
            lambda ranking, k: hits(ranking, k) + np.random.default_rng().random(len(ranking)),
            "the same ranking gets the same values",
            "at k=1, case",
        ),
        (
            lambda ranking, k: hits(ranking, k) / max(hits(ranking, k).max(), 0.1),
            "the value of a case does not depend on other cases",
            r"at k=\d, case",
        ),
        (writes, "the ranking stays unchanged", "it raised ValueError: .*read-only"),
        (
            lambda ranking, k: None,
            "values are finite and within the bounds, one per case or one for all",
            "at k=1 it returned None; it must return numbers",
        ),
        (
            lambda ranking, k: "good",
            "values are finite and within the bounds, one per case or one for all",
            "at k=1 it returned 'good'; it must return numbers",
        ),
        (misses, "a better rank never makes the value worse", "at k=2 it is 0 at rank 2, 1 at"),
    ],
)
def test_one_mistake_breaks_one_rule(metric: Any, rule: str, detail: str) -> None:
    found = broken(metric)
    assert list(found) == [rule]
    with pytest.raises(AssertionError, match=detail):
        raise AssertionError(found[rule])


def test_lower_values_may_be_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misses, "better", "lower", raising=False)
    assert broken(misses) == {}
    monkeypatch.setattr(hits, "better", "lower", raising=False)
    assert list(broken(hits)) == ["a better rank never makes the value worse"]
