"""Learning curves: which values are kept, and how those of several runs become one."""

import json
import math
from pathlib import Path

import pytest

from recbench.results.recorder import MOST_CURVES, MOST_POINTS, Recorder


def test_values_are_recorded_with_their_steps_and_seconds() -> None:
    made = Recorder()
    assert made.curves == {}
    assert made.record(0, 0.5, {"loss": 0.9, "validation": 0.1})
    assert made.record(2, 1.2345678, {"loss": 0.8})
    assert made.record(2, 1.5, {"validation": 0.2})  # the values of a step in two calls
    assert made.curves == {
        "loss": ((0, 0.5, 0.9), (2, 1.235, 0.8)),
        "validation": ((0, 0.5, 0.1), (2, 1.5, 0.2)),
    }


def test_points_are_in_the_order_of_their_steps_and_the_last_value_of_a_step_counts() -> None:
    made = Recorder()
    for step, value in ((5, 0.5), (3, 0.3), (5, 0.6)):
        made.record(step, step, {"loss": value})
    assert made.curves == {"loss": ((3, 3, 0.3), (5, 5, 0.6))}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_left_out(value: float) -> None:
    made = Recorder()
    made.record(1, 0.1, {"loss": value, "validation": 0.5})
    made.record(2, 0.2, {"loss": value})
    assert made.curves == {"validation": ((1, 0.1, 0.5),)}
    json.dumps(made.curves, allow_nan=False)


def test_names_are_printable_and_not_too_many() -> None:
    made = Recorder()
    made.record(1, 0.1, {"a\x1bb": 1.0})
    (name,) = made.curves
    assert "\x1b" not in name
    made.record(2, 0.2, {f"value {number}": 1.0 for number in range(99)})
    made.record(3, 0.3, {"one more": 1.0, "value 3": 2.0})
    assert len(made.curves) == MOST_CURVES
    assert "one more" not in made.curves
    assert len(made.curves["value 3"]) == 2


def test_of_many_steps_every_second_or_fourth_is_kept() -> None:
    made, kept = Recorder(), 0
    for step in range(3 * MOST_POINTS):
        kept += made.record(step, step / 10, {"loss": float(step)})
        assert len(made.curves.get("loss", ())) <= MOST_POINTS
    steps = [step for step, _, _ in made.curves["loss"]]
    assert steps == list(range(0, 3 * MOST_POINTS, 4))
    assert MOST_POINTS / 2 < len(steps) < kept


def _file(folder: Path) -> Path:
    return folder / "curves.jsonl"


def test_a_training_that_resumes_has_the_points_of_all_its_runs(tmp_path: Path) -> None:
    first = Recorder(_file(tmp_path))
    for step in (1, 2, 3):
        first.record(step, float(step), {"loss": step / 10})
    second = Recorder(_file(tmp_path))
    assert second.curves == {}  # until it is known where it resumes
    second.record(3, 0.5, {"loss": 0.31})  # step 3 was after the checkpoint
    assert second.curves == {"loss": ((1, 1.0, 0.1), (2, 2.0, 0.2), (3, 2.5, 0.31))}
    third = Recorder(_file(tmp_path))
    third.record(1, 0.25, {"loss": 0.7})  # from the beginning
    assert third.curves == {"loss": ((1, 0.25, 0.7),)}
    fourth = Recorder(_file(tmp_path))
    fourth.record(3, 0.5, {"loss": 0.6})  # after step 1 of the third, whose step 2 was lost
    assert fourth.curves == {"loss": ((1, 0.25, 0.7), (3, 0.75, 0.6))}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[1, 2]", '[1, "a", {}]', '[1, 0.1, {"loss": "low"}]', "{}", "\xff"]
)
def test_a_line_that_is_damaged_is_left_out(tmp_path: Path, text: str) -> None:
    made = Recorder(_file(tmp_path))
    made.record(1, 0.1, {"loss": 0.5})
    with _file(tmp_path).open("a", encoding="latin-1") as file:
        file.write(f"{text}\n")
    again = Recorder(_file(tmp_path))
    again.record(2, 0.1, {"loss": 0.4})
    assert again.curves["loss"][-1] == (2, 0.2 if text != "\xff" else 0.1, 0.4)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"loss": 3}', "\xff"])
def test_a_damaged_file_is_left_out(tmp_path: Path, text: str) -> None:
    _file(tmp_path).write_text(text, encoding="latin-1")
    made = Recorder(_file(tmp_path))
    made.record(2, 0.1, {"loss": 0.5})
    assert made.curves == {"loss": ((2, 0.1, 0.5),)}


def test_a_folder_that_is_gone_does_not_stop_a_training(tmp_path: Path) -> None:
    made = Recorder(tmp_path / "gone" / "curves.jsonl")
    assert made.record(1, 0.1, {"loss": 0.5})
    assert made.curves == {"loss": ((1, 0.1, 0.5),)}
