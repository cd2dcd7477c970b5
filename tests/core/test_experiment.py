"""The log of each command while data is loaded and models run."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from helpers import plugin

import recbench
from recbench import load_plugins
from recbench.export import export_split
from recbench.inspect_user import inspect_user
from recbench.plugins import Plugins
from recbench.verify import verify
from recbench_popular import Popular

SIZE = "log: 200 users, 100 items, 3,998 interactions"


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


def _plugins(*notes: str, models: Any = None) -> Plugins:
    """Return plugins with a dataset `log` that has these notes."""
    made = recbench.load_dataset("synthetic:users=200,items=100,interactions=4000")
    data = dataclasses.replace(made, name="log", notes=notes)
    return load_plugins(mine=plugin(datasets={"log": lambda: data}, models=models or {}))


@pytest.mark.parametrize(
    ("notes", "line"),
    [
        ((), SIZE),
        (("a gap",), f"{SIZE}; 1 note on the data (--verbose shows it)"),
        (("a gap", "x"), f"{SIZE}; 2 notes on the data (--verbose shows them)"),
    ],
)
def test_run_logs_one_line_about_the_data(
    caplog: pytest.LogCaptureFixture, notes: tuple[str, ...], line: str
) -> None:
    results = recbench.run(["popular"], "log", plugins=_plugins(*notes), in_process=True)
    assert caplog.messages == [
        line,
        "popular: fitting on log",
        f"popular: scoring {results[0].setting.n_cases} cases",
    ]
    assert results[0].setting.notes[: len(notes)] == notes


@pytest.mark.parametrize("command", ["recommend", "inspect", "export", "verify"])
def test_commands_without_a_table_log_each_note(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, command: str
) -> None:
    plugins = _plugins("a gap", "two gaps")
    if command == "verify":
        recbench.run(["popular"], "log", plugins=plugins, in_process=True)
    caplog.clear()
    match command:
        case "recommend":
            recbench.recommend("popular", user=1, dataset="log", results=None, plugins=plugins)
        case "inspect":
            inspect_user(1, dataset="log", plugins=plugins)
        case "export":
            export_split("log", output=tmp_path / "split", plugins=plugins)
        case "verify":
            assert verify(["results"], plugins=plugins)[0].holds
    assert caplog.messages[:3] == [SIZE, "log: a gap", "log: two gaps"]


class Fails(Popular):
    """A seeded model that fails in fit."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()

    def fit(self, train: recbench.Interactions) -> Any:
        raise ZeroDivisionError("no training")


def test_a_failure_is_logged_once_with_the_model_its_seed_and_its_plugin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugins = _plugins(models={"fails": Fails})
    recbench.run(["fails"], "log", plugins=plugins, seed=7)
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    reason = "fit raised ZeroDivisionError: no training"
    assert errors == [f"fails, seed 7 (plugin mine) failed: {reason}"]


def test_a_reused_result_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    recbench.run(["popular"], "log", plugins=_plugins(), in_process=True)
    caplog.clear()
    recbench.run(["popular"], "log", plugins=_plugins(), in_process=True)
    assert caplog.messages == [SIZE, "popular: using the stored result (--force runs it again)"]
