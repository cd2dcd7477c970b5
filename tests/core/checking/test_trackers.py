"""Trackers that break one rule each fail this rule."""

from __future__ import annotations

import json
import types
from typing import Any

import pytest

from recbench import hookimpl
from recbench.checking import trackers
from recbench.checking.rule import outcomes
from recbench.checking.trackers import Tracking


def broken(tracker: Any) -> dict[str, str]:
    """Return the rules that a tracker breaks: an object, or a function of one event."""
    made = trackers.hooked(tracker) if trackers.is_event(tracker) else tracker
    found = outcomes(trackers.RULES, Tracking(lambda: made))
    return {rule: detail for rule, outcome, detail in found if outcome == "failed"}


def _writes(values: Any) -> None:
    json.dumps(values, allow_nan=False)


def _counts_steps(step: int, values: Any) -> None:
    if len(values) != 1:
        raise ValueError(step)


def _first(results: Any) -> None:
    results[0].model.upper()


@pytest.mark.parametrize(
    ("tracker", "rule", "detail"),
    [
        (
            types.SimpleNamespace(),
            "has hooks for events",
            "a tracker must have recbench_progress, recbench_run_finished, recbench_all_finished",
        ),
        (
            types.SimpleNamespace(recbench_run_finished=lambda result: None),
            "has hooks for events",
            "marked with @recbench.hookimpl",
        ),
        (
            types.SimpleNamespace(recbench_run_finished=hookimpl(lambda given: None)),
            "has hooks for events",
            "given",
        ),
        (
            lambda result: int(result.seed),
            "accepts the results of models that ran",
            "for a model that ran recbench_run_finished raised TypeError",
        ),
        (
            lambda result: round(result.values["ndcg@5"].mean),
            "accepts the result of a model that failed",
            "for a model that failed recbench_run_finished raised ValueError: cannot convert float",
        ),
        (
            lambda result: result.model.encode("ascii"),
            "accepts unusual characters in options",
            "raised UnicodeEncodeError",
        ),
        (_writes, "accepts unusual characters in options", "recbench_progress raised ValueError"),
        (_counts_steps, "accepts the values of models that train", "ValueError: 3"),
        (
            lambda cell: cell.values["ndcg@5"],
            "accepts the values of models that train",
            "for values of a model that trains recbench_progress raised KeyError",
        ),
        (
            _first,
            "accepts the results of a run",
            "for no result recbench_all_finished raised Index",
        ),
        (
            lambda result: result.values.clear(),
            "what it gets stays unchanged",
            "recbench_run_finished changes result.values",
        ),
        (
            lambda results: [result.values.clear() for result in results] and None,
            "what it gets stays unchanged",
            "recbench_all_finished changes results",
        ),
        (
            lambda values: values.clear(),
            "what it gets stays unchanged",
            "recbench_progress changes values",
        ),
        (
            lambda result: 1,
            "returns nothing",
            "recbench_run_finished returned an object of type int",
        ),
        (lambda results: results, "returns nothing", "recbench_all_finished returned an object of"),
    ],
)
def test_a_tracker_that_breaks_a_rule(tracker: Any, rule: str, detail: str) -> None:
    found = broken(tracker)
    assert rule in found
    assert detail in found[rule]


def test_each_run_has_a_new_tracker_and_ends_once() -> None:
    made: list[Ends] = []

    class Ends:
        def __init__(self) -> None:
            self.has_ended = False
            made.append(self)

        @hookimpl
        def recbench_progress(self, cell: Any, step: int, values: Any) -> None:
            assert not self.has_ended
            assert not cell.ok
            assert cell.key

        @hookimpl
        def recbench_run_finished(self, result: Any) -> None:
            assert not self.has_ended

        @hookimpl
        def recbench_all_finished(self, results: Any) -> None:
            assert not self.has_ended
            self.has_ended = True

    found = list(outcomes(trackers.RULES, Tracking(Ends)))
    assert {outcome for _, outcome, _ in found} == {"passed"}
    assert found[0][2] == "recbench_progress, recbench_run_finished, recbench_all_finished"
    assert sum(each.has_ended for each in made) == len(trackers.SITUATIONS)


def test_events_that_a_tracker_does_not_hear_are_not_applicable() -> None:
    made = trackers.hooked(lambda result: None)
    found = {rule: outcome for rule, outcome, _ in outcomes(trackers.RULES, Tracking(lambda: made))}
    assert [rule for rule, outcome in found.items() if outcome == "not applicable"] == [
        "accepts the values of models that train",
        "accepts the results of a run",
    ]
