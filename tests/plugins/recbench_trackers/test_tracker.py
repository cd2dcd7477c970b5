"""What trackers share: which points are written, how runs end, and what happens after failures."""

import dataclasses
import logging
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

import recbench
from recbench_trackers.facts import Point
from recbench_trackers.tracker import MOST_FAILURES, Tracker, require


class Lists(Tracker):
    """Keeps what it is told in lists; calls in `broken` fail."""

    name: ClassVar = "lists"

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[dict[str, Any]] = []
        self.broken: set[str] = set()
        self.calls = 0
        self.tables = 0

    def _call(self, name: str) -> None:
        self.calls += 1
        if name in self.broken:
            raise ConnectionError("the server is gone")

    def _begin(self, cell: recbench.Result, began: float) -> Any:
        self._call("begin")
        self.runs.append({"model": cell.model, "points": [], "end": ""})
        return self.runs[-1]

    def _write(self, run: Any, points: Sequence[Point]) -> None:
        self._call("write")
        run["points"] += [(point.name, point.step, point.value) for point in points]

    def _end(self, run: Any, result: recbench.Result, ended: float) -> None:
        self._call("end")
        run["end"] = result.status

    def _interrupt(self, run: Any) -> None:
        self._call("interrupt")
        run["end"] = "interrupted"

    def _conclude(self, results: recbench.Results, *, interrupted: bool) -> str:
        self._call("conclude")
        self.tables += 1
        return "lists"


CURVES = {"loss": ((1, 0.1, 1.0), (2, 0.2, 0.5))}


@pytest.fixture
def done(results: recbench.Results) -> recbench.Result:
    """Return a result with two points."""
    return dataclasses.replace(results[0], curves=CURVES)


def test_a_result_without_progress_has_the_points_of_its_curves(done: recbench.Result) -> None:
    tracker = Lists()
    tracker.recbench_run_finished(done)
    assert tracker.runs == [
        {"model": done.model, "points": [("loss", 1, 1.0), ("loss", 2, 0.5)], "end": "ok"}
    ]


def test_points_are_written_once_and_missing_ones_at_the_end(done: recbench.Result) -> None:
    tracker = Lists()
    tracker.recbench_progress(done, 2, {"loss": 0.5, "nan": math.nan, "inf": math.inf})
    tracker.recbench_run_finished(done)
    assert tracker.runs[0]["points"] == [("loss", 2, 0.5), ("loss", 1, 1.0)]
    assert len(tracker.runs) == 1


def test_points_that_come_fast_are_written_together(done: recbench.Result) -> None:
    tracker = Lists()
    for step in range(1, 201):
        tracker.recbench_progress(done, step, {"loss": float(step)})
    tracker.recbench_run_finished(dataclasses.replace(done, curves={}))
    assert [step for _, step, _ in tracker.runs[0]["points"]] == list(range(1, 201))
    assert tracker.calls < 100


def test_cells_at_the_same_time_have_a_run_each(done: recbench.Result) -> None:
    tracker, other = Lists(), dataclasses.replace(done, key="other", model="other", curves={})
    tracker.recbench_progress(done, 1, {"loss": 1.0})
    tracker.recbench_progress(other, 1, {"loss": 9.0})
    tracker.recbench_run_finished(other)
    tracker.recbench_run_finished(done)
    assert [run["points"][0] for run in tracker.runs] == [("loss", 1, 1.0), ("loss", 1, 9.0)]


def test_the_same_cell_again_is_a_new_run(done: recbench.Result) -> None:
    tracker = Lists()
    for _ in range(2):
        tracker.recbench_progress(done, 1, {"loss": 1.0})
        tracker.recbench_run_finished(done)
        tracker.recbench_all_finished(recbench.Results([done]))
    assert [run["end"] for run in tracker.runs] == ["ok", "ok"]
    assert tracker.tables == 2


def test_open_runs_are_interrupted_at_the_end(done: recbench.Result) -> None:
    tracker = Lists()
    tracker.recbench_progress(done, 1, {"loss": 1.0})
    tracker.recbench_progress(done, 2, {"loss": 0.5})
    tracker.recbench_all_finished(recbench.Results([]))
    assert tracker.runs[0]["end"] == "interrupted"
    assert tracker.runs[0]["points"] == [("loss", 1, 1.0), ("loss", 2, 0.5)]


def test_a_run_whose_end_is_interrupted_is_still_open(done: recbench.Result) -> None:
    class Stopped(Lists):
        def _end(self, run: Any, result: recbench.Result, ended: float) -> None:
            raise KeyboardInterrupt

    tracker = Stopped()
    with pytest.raises(KeyboardInterrupt):
        tracker.recbench_run_finished(done)
    tracker.recbench_all_finished(recbench.Results([]))
    assert tracker.runs[0]["end"] == "interrupted"


def test_the_log_says_where_runs_are(
    done: recbench.Result, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "recbench")
    tracker = Lists()
    tracker.recbench_run_finished(done)
    tracker.recbench_all_finished(recbench.Results([done]))
    tracker.recbench_all_finished(recbench.Results([done]))
    assert caplog.messages == [
        "lists: 1 run in lists",
        "lists: no model was run, so there is nothing new to record",
    ]
    assert tracker.tables == 1


def test_a_failure_while_a_model_trains_is_made_up_for_at_its_end(done: recbench.Result) -> None:
    tracker = Lists()
    tracker.broken = {"write"}
    with pytest.raises(ConnectionError):
        tracker.recbench_progress(done, 1, {"loss": 1.0})
    tracker.broken = set()
    tracker.recbench_progress(done, 2, {"loss": 0.5})  # not tried again and again
    assert tracker.runs[0]["points"] == []
    tracker.recbench_run_finished(done)
    assert tracker.runs[0]["points"] == [("loss", 1, 1.0), ("loss", 2, 0.5)]
    assert tracker.runs[0]["end"] == "ok"


def test_after_failures_in_a_row_nothing_is_tried(done: recbench.Result) -> None:
    tracker = Lists()
    tracker.broken = {"begin"}
    cells = [dataclasses.replace(done, key=f"cell {number}") for number in range(9)]
    errors = []
    for cell in cells:
        try:
            tracker.recbench_run_finished(cell)
        except Exception as error:
            errors.append(str(error))
    assert len(errors) == MOST_FAILURES
    assert errors[0] == "the server is gone"
    assert errors[-1] == (
        "lists failed 3 times in a row, so nothing more is recorded there; the last reason: the "
        "server is gone"
    )
    tracker.recbench_progress(done, 1, {"loss": 1.0})
    tracker.recbench_all_finished(recbench.Results([]))
    assert tracker.calls == MOST_FAILURES
    assert tracker.tables == 0


def test_a_success_resets_the_count_of_failures(done: recbench.Result) -> None:
    tracker = Lists()
    for number in range(2 * MOST_FAILURES):
        tracker.broken = {"begin"} if number % 2 else set()
        cell = dataclasses.replace(done, key=f"cell {number}")
        if number % 2:
            with pytest.raises(ConnectionError):
                tracker.recbench_run_finished(cell)
        else:
            tracker.recbench_run_finished(cell)
    assert len(tracker.runs) == MOST_FAILURES


def test_a_failing_tracker_costs_a_warning_and_no_row(
    run_with: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Lists()
    tracker.broken = {"begin"}
    results = run_with(tracker, ["popular"])
    assert results[0].ok
    assert "the server is gone" in caplog.text


def test_a_missing_package_is_named() -> None:
    require("mlflow", "json")
    with pytest.raises(recbench.UsageError, match=r'pip install "recbench-toolkit\[mlflow\]"'):
        require("mlflow", "a_package_that_does_not_exist")
