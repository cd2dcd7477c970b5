"""What stands below a table, sentence by sentence."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from made_results import FAIR, GOOD, POOR, SETTING, columns_of, failed, of

from recbench import Result, Results, Section, Value, footer_lines, left_out_lines

LATER = "of the training events are later than the target they help to predict"
TIED = (
    "targets depend on how equal times are ordered "
    "(--dataset NAME:time_ties=hash,seed=N shows how much that matters)."
)
WHOLE = dict.fromkeys(("coverage@3", "coverage@10"), Value(0.5, 0.1, 0.4, 0.6))


def _section(*results: Result, **more: Any) -> Section:
    (section,) = Results(results, columns_of, **more).sections()
    return section


def _sentences(**setting: Any) -> list[str]:
    given = dataclasses.replace(SETTING, **setting)
    return footer_lines(_section(of("a", {"ndcg@3": GOOD}, setting=given)))


@pytest.mark.parametrize(
    ("future_share", "time_tied", "n_targets", "sentences"),
    [
        (
            *(0.4831, 415, 943),
            [f"On average 48.3% {LATER} (0% under --split temporal).", f"415 of 943 {TIED}"],
        ),
        (
            *(0.0, 0, 1234),
            [
                "No training event is later than the target that it helps to predict.",
                "No target depends on how equal times are ordered.",
            ],
        ),
        (
            *(0.0002, None, 3),
            [f"On average less than 0.1% {LATER} (0% under --split temporal)."],
        ),
        (None, 0, 3, ["No target depends on how equal times are ordered."]),
        (None, None, 3, ["Without times neither leaks nor ties can be counted."]),
    ],
)
def test_leaks_and_ties(
    future_share: float | None, time_tied: int | None, n_targets: int, sentences: list[str]
) -> None:
    lines = _sentences(future_share=future_share, time_tied=time_tied, n_targets=n_targets)
    assert lines[3:] == sentences


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            {"n_targets": 40},
            (
                "data: 40 users judged; 9 items in the catalogue, 200 events; a repeated item "
                "counts once per user and seen items are masked."
            ),
        ),
        (
            {"n_judged_users": 1, "n_targets": 55, "n_unjudged_users": 1234, "repeats": "keep"},
            (
                "data: 40 rows of 1 user judged on 55 targets, 1,234 are not; 9 items in the "
                "catalogue, 200 events; repeats are kept and nothing is masked."
            ),
        ),
    ],
)
def test_what_is_judged_on_what(setting: dict[str, Any], line: str) -> None:
    assert _sentences(**setting)[0] == line


def test_rules_and_notes() -> None:
    lines = _sentences(notes=("read as x", "1 row."), candidates="100 by=uniform", n_targets=40)
    assert lines[1:] == [
        "Split last; order by time; seeds: none needed.",
        (
            "Ranked among 100 by=uniform candidates, the same for every model, ties by exact "
            "expectation; [] is the 95% bootstrap interval over users."
        ),
        "Without times neither leaks nor ties can be counted.",
        "Read as x.",
        "1 row.",
    ]


def test_marks_and_failures_are_explained_where_there_are_some() -> None:
    keys = ("ndcg@3",)
    many = _section(
        of("best", {"ndcg@3": GOOD}, 0),
        of("best", {"ndcg@3": GOOD}, 1),
        of("popular", {"ndcg@3": FAIR}),
        of("worse", {"ndcg@3": POOR}),
        failed("gone", 7, keys),
    )
    lines = footer_lines(many)
    assert lines[:3] == [
        (
            "* the best of its column, or not to be told from it (paired t-test over users, Holm's "
            "correction, p >= 0.05)."
        ),
        "Means over seeds; ± is the standard deviation over seeds.",
        "! not above popular, by NDCG at the largest k.",
    ]
    assert lines[-1] == "gone, seed 7: failed: no"
    alone = footer_lines(_section(of("best", {"ndcg@3": GOOD}, 0)))
    assert alone[0].startswith("data: 40 users judged")
    assert len(alone) == 4


def test_metrics_of_whole_lists_and_those_that_are_lacking() -> None:
    result = of("a", {"ndcg@3": GOOD, "ndcg@10": GOOD})
    result = dataclasses.replace(result, values={**result.values, **WHOLE})
    section = _section(result, metrics=("ndcg", "coverage", "bad", "worse", "worst"))
    assert footer_lines(section)[:2] == [
        "The intervals of coverage are of a jackknife over users.",
        "No result here has bad, worse and worst; running again measures what it can.",
    ]


def test_segments_are_explained_where_they_are_shown() -> None:
    result = of("a", {"ndcg@3": GOOD, "hit@3": GOOD})
    section = _section(result, metrics=("ndcg", "hit"))
    assert not any("egment" in line for line in footer_lines(section))
    lines = footer_lines(section, {"ndcg": {"target in head": np.nan}})
    assert lines[0].startswith("Segments: target is where the target's item belongs, each of head,")
    assert lines[1] == "Not by segment: hit, of whole lists or not stored."
    lines = footer_lines(section, {})
    assert lines[0] == "Not by segment: ndcg and hit, of whole lists or not stored."


def test_what_was_left_out() -> None:
    results = Results([], columns_of, left_out=("3 results of mine", "a was cut"))
    assert left_out_lines(results) == ["Left out: 3 results of mine.", "Left out: a was cut."]
