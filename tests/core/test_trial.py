"""The trial of one cell: what its result says about seconds, and how it ends."""

import dataclasses
import math
from typing import Any

import pytest

import recbench
from recbench import load_plugins
from recbench.experiment import Experiment, model_host
from recbench.models.in_process import InProcessModel
from recbench.models.protocols import FitReport
from recbench.trial import Trial, judge


@pytest.fixture
def experiment(tiny: str) -> Experiment:
    return Experiment.of(load_plugins(), recbench.load_dataset(tiny), "leave-last-out")


@pytest.mark.parametrize("seconds", [math.inf, -1.0, math.nan])
def test_a_time_that_cannot_be_is_unknown(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    fit = InProcessModel.fit

    def with_wrong_clock(self: Any, *args: Any) -> FitReport:
        return dataclasses.replace(fit(self, *args), seconds=seconds)

    monkeypatch.setattr(InProcessModel, "fit", with_wrong_clock)
    with model_host(experiment.plugins, in_process=True) as host:
        result = judge(experiment, experiment.cell("popular", 0, isolated=False), host, [3])
    assert result.ok
    assert math.isnan(result.fit_seconds)
    assert 0 <= result.score_seconds < math.inf


def test_the_result_is_known_before_the_model_ends(experiment: Experiment) -> None:
    cell = experiment.cell("popular", 0, isolated=False)
    with (
        model_host(experiment.plugins, in_process=True) as host,
        Trial(experiment, cell, host, [3]) as trial,
    ):
        trial.fit()
        trial.score()
        trial.evaluate()
        early = trial.result
    assert early.ok
    assert trial.result.values == early.values
    assert early.finished == trial.result.finished


def test_an_error_after_the_numbers_fails_the_result(experiment: Experiment) -> None:
    cell = experiment.cell("popular", 0, isolated=False)
    with (
        model_host(experiment.plugins, in_process=True) as host,
        Trial(experiment, cell, host, [3]) as trial,
    ):
        trial.fit()
        trial.score()
        trial.evaluate()
        raise RuntimeError("x" * 5000 + "\x1b[31m\ud800")
    assert trial.result.status.startswith("failed: popular (plugin popular): RuntimeError: xxx")
    assert len(trial.result.status) < 2100
    assert trial.columns == {}
