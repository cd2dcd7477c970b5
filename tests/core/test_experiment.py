"""The log of each command while data is loaded and models run."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import load_plugins
from recbench.experiment import Experiment
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
    (error,) = errors
    reason = "fit raised ZeroDivisionError: no training (test_experiment.py, line "
    assert error.startswith(f"fails, seed 7 (plugin mine) failed: {reason}")


def test_a_reused_result_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    recbench.run(["popular"], "log", plugins=_plugins(), in_process=True)
    caplog.clear()
    recbench.run(["popular"], "log", plugins=_plugins(), in_process=True)
    assert caplog.messages == [SIZE, "popular: using the stored result (run --force runs it again)"]


def test_users_are_texts_of_their_own_length_and_unknown_users_are_empty(tiny: str) -> None:
    """A fixed width, that of the longest id, would multiply the memory."""
    data = recbench.load_dataset(tiny)
    experiment = Experiment.of(load_plugins(), data, "leave-last-out")
    assert experiment.users.dtype == object
    assert experiment.users.tolist() == ["u0", "u1", "u2", "u3", "u4", "u5"]
    history = experiment.split.history
    for ids, expected in (
        (data.user_ids, ["u0", "", "u2", "u3", "u4", "u5"]),
        (np.arange(10, 16), ["10", "", "12", "13", "14", "15"]),
    ):
        split = dataclasses.replace(
            experiment.split,
            history=dataclasses.replace(history, users=np.array([0, -1, 2, 3, 4, 5])),
        )
        unknown = dataclasses.replace(
            experiment, dataset=dataclasses.replace(data, user_ids=ids), split=split
        )
        assert unknown.users.tolist() == expected


def test_a_very_long_user_id_is_stored_like_any_other(tiny: str) -> None:
    log = Path(tiny).read_text().replace("u3,", f"{'u' * 200_000},")
    Path("long.csv").write_text(log)
    result = recbench.run(["popular"], "long.csv", in_process=True)[0]
    users = recbench.Store("results").case_columns(result)["user"]
    assert sorted(map(len, users)) == [2, 2, 2, 2, 2, 200_000]
