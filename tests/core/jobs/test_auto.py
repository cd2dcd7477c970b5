"""How many cells run side by side if recbench decides."""

from typing import Any

import pytest
from helpers import plugin
from made_jobs import FIXED

import recbench
from recbench import load_plugins
from recbench.cell import Task
from recbench.experiment import Experiment
from recbench.isolation.runner import AVAILABLE
from recbench.jobs import auto

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="cells run side by side on Linux only")


def _tasks(*models: str) -> list[Task]:
    experiment = Experiment.prepare(load_plugins(), FIXED, "leave-last-out")
    return [Task(experiment, experiment.cell(model, 0)) for model in models]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 8 cores, 64 GB and no GPU."""
    monkeypatch.setattr(auto, "usable_cores", lambda: 8)
    monkeypatch.setattr(auto, "free_memory", lambda: 64 * 2**30)
    monkeypatch.setattr(auto, "_has_gpu", lambda: False)


@pytest.mark.usefixtures("large")
def test_as_many_as_there_are_cells_or_cores() -> None:
    assert auto.most_jobs(_tasks("popular", "rules", "random")) == (3, "")
    assert auto.most_jobs(_tasks("popular", "transformer")) == (2, "")
    assert auto.most_jobs(_tasks(*["popular"] * 20)) == (8, "")


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("changed", "value", "models", "why"),
    [
        ("AVAILABLE", False, ("popular", "rules"), "on Linux only"),
        ("usable_cores", lambda: 1, ("popular", "rules"), "only one core"),
        ("free_memory", lambda: 2 * 2**30, ("popular", "rules"), "too little memory"),
        ("_has_gpu", lambda: True, ("popular", "transformer"), "would share a GPU"),
        ("usable_cores", lambda: 8, ("popular",), "only one cell"),
        ("usable_cores", lambda: 8, (), "only one cell"),
    ],
)
def test_one_at_a_time(
    changed: str, value: Any, models: tuple[str, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, changed, value)
    n_jobs, reason = auto.most_jobs(_tasks(*models))
    assert n_jobs == 1
    assert why in reason


@pytest.mark.usefixtures("large")
def test_models_without_torch_do_not_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "_has_gpu", lambda: True)
    assert auto.most_jobs(_tasks("popular", "rules")) == (2, "")


def test_a_model_of_a_broken_plugin_uses_nothing() -> None:
    plugins = load_plugins(mine=plugin(models=ZeroDivisionError()))
    experiment = Experiment.prepare(plugins, FIXED, "leave-last-out")
    assert not auto.uses_torch(Task(experiment, experiment.cell("mine", 0)))


def test_short_work_does_not_pay() -> None:
    assert not auto.pays(0.1, 3, 2)
    assert auto.pays(0.1, 100, 2)
    assert auto.pays(10, 2, 2)
    assert not auto.pays(100, 0, 2)
    assert not auto.pays(100, 1, 8)


def test_the_last_of_several_cells_does_not_wait_for_processes(
    monkeypatch: pytest.MonkeyPatch, tiny: str
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a pool was started")

    monkeypatch.setattr("recbench.jobs.engines.ForkedPool", refuse)
    results = recbench.run(["popular", "random"], tiny, jobs="auto", results=None)
    assert [result.ok for result in results] == [True, True]
