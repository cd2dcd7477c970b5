"""Models that are tuned at the same time have the trials of those that are tuned alone."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from helpers import plugin
from made_jobs import FIXED, parent

import recbench
from recbench import Float, RecbenchError, load_plugins
from recbench.isolation.runner import AVAILABLE
from recbench_popular import Popular

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="models run side by side on Linux only")


class Tuned(Popular):
    """Has an option that changes nothing."""

    search_space = {"x": Float(0, 1)}  # noqa: RUF012

    def __init__(self, x: float = 0.5) -> None:
        super().__init__()
        self.x = x


def _trials(tuning: Any) -> list[Any]:
    return [
        [(trial.number, trial.model, trial.value) for trial in study.trials]
        for study in tuning.studies
    ]


@pytest.fixture
def plugins() -> Any:
    return load_plugins(mine=plugin(models={"mine": Tuned}))


def test_trials_are_those_of_models_that_are_tuned_alone(plugins: Any) -> None:
    models = ["mine", "recent-popular", "popular"]
    options: dict[str, Any] = {"trials": 4, "plugins": plugins, "ks": 10}
    alone = recbench.tune(models, FIXED, results="alone", **options)
    together = recbench.tune(models, FIXED, results="together", jobs=2, **options)
    assert _trials(together) == _trials(alone)
    assert [result.values for result in together.results] == [
        result.values for result in alone.results
    ]
    again = recbench.tune(models, FIXED, results="together", jobs=3, **options)
    assert _trials(again) == _trials(alone)


def test_more_jobs_than_models_share_the_trials(plugins: Any) -> None:
    tuning = recbench.tune("mine", FIXED, trials=5, jobs=2, plugins=plugins)
    assert [trial.number for trial in tuning.studies[0].trials] == [0, 1, 2, 3, 4]
    assert tuning.holds


class Kills(Tuned):
    """Kills the process that tunes it, as often as a file says."""

    def fit(self, train: Any) -> Any:
        left = Path("kills")
        if int(left.read_text()):
            left.write_text(str(int(left.read_text()) - 1))
            os.kill(parent(parent(parent(os.getpid()))), signal.SIGKILL)
            signal.pause()
        return super().fit(train)


@pytest.mark.parametrize("n_kills", [1, 2])
def test_a_process_that_is_lost_is_replaced_once(
    n_kills: int, caplog: pytest.LogCaptureFixture
) -> None:
    Path("kills").write_text(str(n_kills))
    plugins = load_plugins(mine=plugin(models={"kills": Kills, "mine": Tuned}))
    options: dict[str, Any] = {"trials": 3, "jobs": 2, "plugins": plugins}
    if n_kills > 1:
        with pytest.raises(RecbenchError, match="kills: the process that tunes it was killed by"):
            recbench.tune(["kills", "mine"], FIXED, **options)
    tuning = recbench.tune(["kills", "mine"], FIXED, **options)
    assert [len(study.trials) for study in tuning.studies] == [3, 3]
    assert tuning.holds
    if n_kills == 1:
        assert "kills: the process that tunes it was killed by SIGKILL; it goes on" in caplog.text
