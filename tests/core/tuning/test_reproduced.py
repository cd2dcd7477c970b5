"""Running the best trial of a tuned result again, and what its study says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from made_tuning import fits, write_log, write_model

import recbench
from recbench import RecbenchError, Store
from recbench.given.models import with_models
from recbench.models.in_process import InProcessHost
from recbench.plugins import current_plugins
from recbench.results.result import Result
from recbench.store.cells import read_cells
from recbench.tuning.records import FILE, read_study, write_study
from recbench.tuning.reproduced import Reproduced, run_best_again
from recbench.verify import experiment_of


@pytest.fixture
def tuned() -> recbench.Tuning:
    return recbench.tune(write_model(), write_log(), trials=4, in_process=True)


def _again(change: Any = None) -> Reproduced:
    """Run the best trial of the only stored result again. change: of the result."""
    plugins, _ = with_models(current_plugins(None), "mine.py")
    ((path, cell),) = read_cells(["results"], plugins)
    assert isinstance(cell, Result)
    cell = cell if change is None else change(cell)
    experiment = experiment_of(plugins, cell)
    assert not isinstance(experiment, str)
    return run_best_again(experiment, path, cell, InProcessHost(plugins), "auto")


def _study_file() -> Path:
    (path,) = Path("results").glob(f"*/*/*.tuning/{FILE}")
    return path


def test_the_value_on_validation_targets_is_the_same(tuned: recbench.Tuning) -> None:
    best = tuned.studies[0].best
    assert best is not None
    n_fits = len(fits())
    again = _again()
    assert again.now.mean == pytest.approx(best.value, abs=1e-12)
    assert again.study is not None
    assert again.study.key == tuned.studies[0].key
    assert [line.split()[2] for line in fits()[n_fits:]] == ["320"]


def test_a_study_that_is_gone_is_no_error(tuned: recbench.Tuning) -> None:
    _study_file().unlink()
    again = _again()
    assert again.study is None
    assert again.now.mean > 0


def test_a_damaged_study_is_an_error(tuned: recbench.Tuning) -> None:
    file = _study_file()
    file.write_text(file.read_text().replace('"state": "ok"', '"state": "failed"', 1))
    with pytest.raises(RecbenchError, match=r"^its study: .*trials\.json"):
        _again()


def test_a_study_with_another_best_trial_is_an_error(tuned: recbench.Tuning) -> None:
    study = read_study(_study_file())
    worst = min(study.trials, key=lambda trial: trial.value)
    better = tuple(
        dataclasses.replace(trial, value=0.99) if trial == worst else trial
        for trial in study.trials
    )
    write_study(Store("results"), dataclasses.replace(study, trials=better))
    match = f"its study, {study.key[:8]}, found {worst.model} to be the best of 4 trials"
    with pytest.raises(RecbenchError, match=match):
        _again()
    others = tuple(trial for trial in study.trials if trial != study.best)
    write_study(Store("results"), dataclasses.replace(study, trials=others))
    with pytest.raises(RecbenchError, match="has no trial with these options and a value of 0"):
        _again()


def test_later_trials_do_not_change_what_a_result_owes_its_options_to(
    tuned: recbench.Tuning,
) -> None:
    study = read_study(_study_file())
    later = dataclasses.replace(study.trials[0], number=4, model="Mine:a=1,n=1", value=0.99)
    write_study(Store("results"), dataclasses.replace(study, trials=(*study.trials, later)))
    assert _again().now.mean == pytest.approx(tuned.studies[0].best.value)  # type: ignore[union-attr]


def test_a_trial_that_fails_now_is_an_error(tuned: recbench.Tuning) -> None:
    write_model("if len(train.items) == 320:", "    raise ZeroDivisionError('now')")
    with pytest.raises(RecbenchError, match=r"^validation: failed: .*ZeroDivisionError: now"):
        _again()


def test_a_metric_that_is_gone_is_an_error(tuned: recbench.Tuning) -> None:
    def other(cell: Result) -> Result:
        assert cell.tuned is not None
        _study_file().unlink()
        return dataclasses.replace(cell, tuned=dataclasses.replace(cell.tuned, metric="gone@5"))

    with pytest.raises(RecbenchError, match="validation: gone is not measured"):
        _again(other)
