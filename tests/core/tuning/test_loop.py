"""The loop that runs trials: how each ends, and what the log and the bar say."""

import itertools
import logging
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Self

import numpy as np
import pytest
from helpers import plugin
from made_studies import made_search

import recbench
from recbench import Float, Int, RecbenchError, load_plugins
from recbench.experiment import Experiment, Host
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.models.in_process import InProcessHost
from recbench.tuning.loop import Tuner, duration
from recbench.tuning.search import Search
from recbench.tuning.study import FAILED, OK, PRUNED, STOPPED
from recbench_popular import Popular

pytest.importorskip("optuna")

DATA = "synthetic:users=30,items=20,interactions=200"
RANGES = {"x": Int(0, 9)}
METRIC = "ndcg@10"


class Mine(Popular):
    """Popular items, or their reverse; fails, reports or waits if it is told to."""

    def __init__(self, x: int = 1, how: str = "", seed: int = 0) -> None:
        super().__init__()
        self.x, self.how = x, how

    def fit(self, train: Any) -> Self:
        if self.how == "fails" and self.x != 1:
            raise ValueError(f"x is {self.x}")
        if self.how == "reports":
            for step in range(6):
                recbench.report_validation(-self.x, step)
        if self.how == "waits":
            time.sleep(0.3 if self.x == 1 else 60)
        if self.how == "fails late" and self.x != 1:
            time.sleep(1.1)
            raise ValueError("late")
        return super().fit(train)

    def score(self, history: Any) -> Any:
        scores = super().score(history)
        return -np.asarray(scores) if self.x % 2 == 0 else scores


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def _tuner(host: Host) -> Tuner:
    experiment = Experiment.prepare(host.plugins, DATA, "leave-last-out")
    return Tuner(experiment, host, "auto")


def _tuned(folder: Path, model: str = "mine", host: Host | None = None, **more: Any) -> Search:
    """Return a search in which all trials were run, in this process by default."""
    models = {"mine": Mine, "plain": lambda y=2.5: Mine()}
    host = host or InProcessHost(load_plugins(mine=plugin(models=models)))
    ranges = more.pop("ranges", RANGES)
    defaults = {"x": 1} if ranges is RANGES else {}
    with host, made_search(folder, ranges, defaults, model=model, metric=METRIC, **more) as search:
        study = _tuner(host).tune(search)
        assert study is search.study
    return search


def test_trials_are_judged_as_a_run_judges_them(tmp_path: Path) -> None:
    study = _tuned(tmp_path).study
    assert [trial.state for trial in study.trials] == [OK] * 5
    plugins = load_plugins(mine=plugin(models={"mine": Mine}))
    run = recbench.run(
        [trial.model for trial in study.trials],
        DATA,
        ks=[10],
        results=None,
        in_process=True,
        plugins=plugins,
    )
    values = {result.model: result.value("ndcg", 10).mean for result in run}
    assert {trial.model: trial.value for trial in study.trials} == values
    assert len(set(values.values())) == 2
    assert all(0 < trial.seconds < 60 for trial in study.trials)
    assert all(trial.finished > "2026" for trial in study.trials)


def test_failed_trials_have_their_reason_and_the_others_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        study = _tuned(tmp_path, "mine:how=fails").study
    assert [trial.state for trial in study.trials] == [OK] + [FAILED] * 4
    trial = study.trials[2]
    assert trial.reason.startswith(f"fit raised ValueError: x is {trial.options['x']}")
    assert f"{trial.model} failed: {trial.reason}" in caplog.text
    assert study.best is study.trials[0]


def test_a_value_that_the_option_does_not_take_is_a_failed_trial(tmp_path: Path) -> None:
    def mine(x: Literal[1, 2, 9] = 1) -> Mine:
        return Mine(x)

    host = InProcessHost(load_plugins(mine=plugin(models={"mine": mine})))
    study = _tuned(tmp_path, host=host, ranges={"x": Int(1, 9)}, max_trials=10).study
    assert study.exhausted
    assert (study.count(OK), study.count(FAILED)) == (4, 6)  # one has the default options
    wrong = next(trial for trial in study.trials if trial.options == {"x": "5"})
    assert wrong.reason == "model mine: x=5 is not allowed; available: 1, 2, 9"


def test_a_metric_that_is_not_measured_is_a_failure(tmp_path: Path) -> None:
    plugins = load_plugins(
        mine=plugin(
            models={"mine": Mine},
            metrics={"odd": lambda ranking, k: np.full(len(ranking), np.nan)},
        )
    )
    host = InProcessHost(plugins)
    with host, made_search(tmp_path, {}, model="mine", metric="odd@10") as search:
        (trial,) = _tuner(host).tune(search).trials
    assert (trial.state, trial.reason) == (FAILED, "odd@10 could not be measured")


def test_trials_that_report_worse_values_are_pruned(tmp_path: Path) -> None:
    """Values are -x: after five judged trials, those with a large x are below the median."""
    study = _tuned(tmp_path, "mine:how=reports", max_trials=9).study
    pruned = [trial for trial in study.trials if trial.state == PRUNED]
    assert pruned
    assert {trial.reason for trial in pruned} == {
        "pruned at step 3: other trials were better there"
    }
    judged = [int(trial.options["x"]) for trial in study.trials if trial.state == OK]
    assert min(int(trial.options["x"]) for trial in pruned) > np.median(judged[:5])
    assert study.count(OK) >= 5


@pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")
def test_trials_in_a_process_are_pruned_or_stopped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = load_plugins(mine=plugin(models={"mine": Mine}))
    search = _tuned(tmp_path / "1", "mine:how=reports", IsolatedHost(plugins), max_trials=9)
    assert search.study.count(PRUNED)
    assert search.study.count(PRUNED) + search.study.count(OK) == 9
    monkeypatch.setattr(Search, "seconds_left", lambda self: 2.0 * (len(self.study.trials) < 2))
    host = IsolatedHost(plugins)
    budget = {"max_trials": None, "max_seconds": 2.0}
    study = _tuned(tmp_path / "2", "mine:how=waits", host, **budget).study
    assert [trial.state for trial in study.trials] == [OK, STOPPED]
    assert study.trials[1].reason == "not finished when the time was up"
    assert study.trials[1].seconds >= 2


@pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")
def test_the_default_is_finished_whatever_the_budget(tmp_path: Path) -> None:
    host = IsolatedHost(load_plugins(mine=plugin(models={"mine": Mine})))
    budget = {"max_trials": None, "max_seconds": 0.05}
    study = _tuned(tmp_path, "mine:how=waits", host, **budget).study
    assert [trial.state for trial in study.trials] == [OK]


def test_a_failure_after_the_end_of_the_time_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models in this process are not stopped, so it is their own."""
    monkeypatch.setattr(Search, "seconds_left", lambda self: 1.0 * (len(self.study.trials) < 2))
    budget = {"max_trials": None, "max_seconds": 1.0}
    study = _tuned(tmp_path, "mine:how=fails late", **budget).study
    assert [trial.state for trial in study.trials] == [OK, FAILED]
    assert "late" in study.trials[1].reason


def test_options_that_were_tried_are_not_run_again_and_the_time_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers are written with 12 digits, so all are 1.5, and there is nothing left to run."""
    ticks = itertools.count(step=0.125)  # what happens between two looks at the clock takes none
    monkeypatch.setattr(
        "recbench.tuning.loop.time", SimpleNamespace(perf_counter=lambda: next(ticks))
    )
    budget = {"max_trials": None, "max_seconds": 1.0}
    study = _tuned(tmp_path, ranges={"y": Float(1.5, 1.5 + 1e-13)}, model="plain", **budget).study
    same = [trial for trial in study.trials if trial.reason == "same options as trial 1"]
    assert len(same) > 2
    assert [trial.number for trial in same] == list(range(2, len(study.trials)))
    assert {trial.value for trial in same} == {study.trials[1].value}
    assert 1 <= study.seconds < 1.5


def test_stored_trials_are_not_run_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = _tuned(tmp_path).study
    with caplog.at_level(logging.INFO):
        again = _tuned(tmp_path, trials=first.trials, max_trials=6).study
    assert "mine: using 5 stored trials" in caplog.text
    assert again.trials[:5] == first.trials
    assert len(again.trials) == 6


def test_a_changed_plugin_ends_the_command_and_loses_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*_: object) -> None:
        raise RecbenchError("the code of plugin mine was changed")

    monkeypatch.setattr(Experiment, "check_source", changed)
    with pytest.raises(RecbenchError, match="was changed"):
        _tuned(tmp_path)
    monkeypatch.undo()
    assert [trial.state for trial in _tuned(tmp_path, max_trials=2).study.trials] == [OK, OK]


def test_a_waiting_process_runs_what_another_one_loses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = made_search(tmp_path, RANGES, {"x": 1}, model="mine", metric=METRIC, max_trials=2)
    other.__enter__()
    assert other.claim() is not None
    waited: list[float] = []

    def end_of_the_other(seconds: float) -> None:
        waited.append(seconds)
        other.__exit__(None, None, None)

    monkeypatch.setattr("recbench.tuning.loop.time.sleep", end_of_the_other)
    study = _tuned(tmp_path, max_trials=2).study
    assert len(waited) == 1
    assert [(trial.number, trial.state) for trial in study.trials] == [(0, OK), (1, OK)]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Return the steps of the progress bar."""
    found: list[tuple[int, str]] = []
    monkeypatch.setattr(
        "recbench.tuning.loop.Progress.step",
        lambda self, number, message="": found.append((number, message)),
    )
    return found


def test_progress_shows_the_best_and_the_time_left(
    tmp_path: Path, steps: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(search: Search) -> float:
        return 200.0 * (3 - len(search.study.trials))

    monkeypatch.setattr("recbench.tuning.loop._seconds_left", seconds)
    _tuned(tmp_path, max_trials=3)
    messages = [message for _, message in steps]
    assert len(messages) == 3
    assert re.fullmatch(
        r"NDCG@10 0\.\d{4}; 7 min left; best 0\.\d{4} with the default options", messages[0]
    )
    assert "; 3 min left; best 0." in messages[1]
    assert "left" not in messages[2]


def test_durations_are_short() -> None:
    assert [duration(seconds) for seconds in (0.4, 45, 99, 100, 730, 5940, 6000, 7500)] == [
        *("0 s", "45 s", "99 s", "2 min", "12 min", "99 min", "1 h 40 min", "2 h 5 min")
    ]
