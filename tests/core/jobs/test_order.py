"""Orders are plain values, and what cannot be one is refused."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import plugin
from made_jobs import FIXED, Reports

from recbench import UsageError, load_plugins
from recbench.cell import Task
from recbench.experiment import Experiment
from recbench.given.metrics import with_metrics
from recbench.given.models import with_models
from recbench.jobs.order import (
    Loading,
    Order,
    Storing,
    core_version,
    loadable,
    loadable_dataset,
)

STORING = Storing((3, 10), 5.0, 100, False, "results", True, "token")


def _task(data: Any = FIXED, model: str = "popular:rule=rated") -> Task:
    experiment = Experiment.prepare(load_plugins(), data, "leave-last-out")
    return Task(experiment, experiment.cell(model, 0))


def _loading(task: Task, data: Any = FIXED, **more: Any) -> Loading:
    key = task.experiment.setting.comparison_key
    given = {"data_dir": None, "metrics": ["ndcg"], **more}
    return Loading.of(task.experiment.plugins, {key: (None, data)}, **given)


def test_an_order_survives_json() -> None:
    task = _task()
    order = _loading(task).order(task, STORING, 20)
    plain = json.loads(json.dumps(order.plain()))
    again = Order.of_plain(plain)
    assert again.result == task.cell
    assert again.storing == STORING
    assert again.plain() == Order.of_plain(again.plain()).plain()
    assert (again.model, again.split) == ("popular:rule=rated", "leave-last-out")
    assert (again.dataset, again.metrics, again.recbench) == (FIXED, ("ndcg",), core_version())
    assert again.made["dataset"] == FIXED


def test_the_order_of_a_forked_process_names_nothing_to_load() -> None:
    task = _task()
    order = Order.of_plain(Order.of_forked(task, STORING, 20).plain())
    assert (order.dataset, order.model, order.recbench) == ("", "", "")
    assert order.result == task.cell


@pytest.mark.parametrize("change", [{"unknown": 1}, {"log_level": "high"}, {"cell": []}])
def test_an_order_of_another_version_is_an_error(change: dict[str, Any]) -> None:
    task = _task()
    plain = {**Order.of_forked(task, STORING, 20).plain(), **change}
    with pytest.raises(ValueError, match=r"unknown|log_level|cell"):
        Order.of_plain(plain)


def test_paths_are_absolute(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = load_plugins()
    assert loadable_dataset(plugins, "tiny.csv:min_rating=2") == f"{tiny}:min_rating=2"
    assert loadable_dataset(plugins, Path("tiny.csv")) == tiny
    assert loadable_dataset(plugins, ["tiny.csv", "tiny.csv"]) == f"{tiny},{tiny}"
    assert loadable_dataset(plugins, "synthetic:users=9") == "synthetic:users=9"
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def fit(self, train): return self\n"
        "    def score(self, history): return None\n"
    )
    plugins, texts = with_models(plugins, "mine.py")
    assert texts == ["Mine"]
    assert loadable(plugins, "models", "Mine") == f"{tmp_path / 'mine.py'}:Mine"
    task = _task(tiny)
    monkeypatch.setenv("RECBENCH_DATA", "data")
    assert _loading(task, tiny).data_dir == str(tmp_path / "data")
    assert _loading(task, tiny, data_dir="mine").data_dir == str(tmp_path / "mine")
    monkeypatch.delenv("RECBENCH_DATA")
    assert _loading(task, tiny).data_dir is None


def test_objects_are_refused(tiny: str) -> None:
    frame = pd.read_csv(tiny)
    with pytest.raises(UsageError, match="given as a DataFrame, which an executor cannot send"):
        loadable_dataset(load_plugins(), frame)
    plugins = load_plugins(mine=plugin(models={"reports": Reports}))
    with pytest.raises(UsageError, match="model reports is given as a Python object"):
        loadable(plugins, "models", "reports")
    plugins, (name,) = with_metrics(load_plugins(), {"mine": lambda ranking, k: ranking.above < k})
    with pytest.raises(UsageError, match="metric mine is given as a Python object"):
        loadable(plugins, "metrics", name)


def test_the_version_of_the_core_has_its_code() -> None:
    version, plus, digest = core_version().partition("+")
    assert version
    assert plus == "+"
    assert len(digest) == 8
