"""Trackers that a command names: they hear of what runs in it, and cannot break it."""

import types
from pathlib import Path
from typing import Any

import pytest
from helpers import plugin

import recbench
from recbench import RecbenchError, UsageError, hookimpl, load_plugins
from recbench.plugins import Plugins
from recbench.tracking import check_trackers, tracked

HEARD: list[Any] = []


class Mine:
    """Records what it hears.

    Parameters
    ----------
    label : str, default: mine
        Text.
    """

    def __init__(self, label: str = "mine") -> None:
        if label == "wrong":
            raise UsageError("label must be right")
        if label == "unreachable":
            raise RecbenchError("no server answers")
        if label == "broken":
            raise SystemExit(3)
        self.label = label

    @hookimpl
    def recbench_progress(self, step: int, values: Any) -> None:
        HEARD.append((self.label, step, dict(values)))

    @hookimpl
    def recbench_run_finished(self, result: Any) -> None:
        HEARD.append((self.label, result))


class NoHooks:
    """It has a method of the right name, without the mark."""

    def recbench_run_finished(self, result: Any) -> None: ...


class Late:
    @hookimpl
    def recbench_run_finished(self, result: Any = None) -> None: ...


@pytest.fixture
def plugins() -> Plugins:
    HEARD.clear()
    return load_plugins(mine=plugin(trackers={"mine": Mine, "no-hooks": NoHooks, "late": Late}))


def _finish(plugins: Plugins, track: Any) -> list[Any]:
    """Return what is heard of a result in a command with these trackers."""
    HEARD.clear()
    known, trackers = check_trackers(plugins, track)
    with tracked(known, trackers):
        known.notify("recbench_run_finished", result="a result")
    known.notify("recbench_run_finished", result="a later result")
    return list(HEARD)


def test_trackers_are_called_while_a_command_runs(plugins: Plugins) -> None:
    assert _finish(plugins, "mine") == [("mine", "a result")]
    assert _finish(plugins, ()) == []
    several = ["mine:label=a", "mine:label=b", Mine("c"), "mine:label=a"]
    assert sorted(_finish(plugins, several)) == [(name, "a result") for name in "abc"]


def test_the_same_object_can_track_two_commands(plugins: Plugins) -> None:
    mine = Mine("again")
    assert _finish(plugins, mine) == _finish(plugins, [mine, mine]) == [("again", "a result")]


def test_trackers_in_files_are_found(plugins: Plugins, tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    hook = "@recbench.hookimpl\n{}def recbench_run_finished({}result): print('heard', result)\n"
    path.write_text(f"import recbench\nclass Own:\n  {hook.format('  ', 'self, ')}")
    known, trackers = check_trackers(plugins, ["mine", "own.py"])
    assert trackers == ["mine", "Own"]
    assert "Own" in known.names("trackers")
    path.write_text(f"import recbench\n{hook.format('', '')}")
    known, trackers = check_trackers(load_plugins(), "own.py")
    assert trackers == []
    assert known.infos["own.py"].hooks == ("recbench_run_finished",)


@pytest.mark.parametrize(
    ("track", "message"),
    [
        ("mien", "no tracker 'mien'; did you mean 'mine'"),
        ("mine:lable=a", "tracker mine has no option 'lable'; did you mean 'label'"),
        (3, "give a name, an object with event hooks, or the path of a .py file"),
        (["mine", object()], "an object of type object is not a tracker: it has no recbench_progr"),
    ],
)
def test_wrong_names_and_options_are_errors_before_anything_runs(
    plugins: Plugins, track: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_trackers(plugins, track)


def test_a_usage_error_of_a_tracker_ends_the_command(plugins: Plugins) -> None:
    with pytest.raises(UsageError, match="label must be right"):
        _finish(plugins, ["mine", "mine:label=wrong"])
    plugins.notify("recbench_run_finished", result="a later result")
    assert HEARD == []  # the first one is not called any more


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        ("mine:label=unreachable", "no server answers"),
        ("mine:label=broken", "SystemExit: 3"),
        ("no-hooks", "it has none of recbench_progress, recbench_run_finished, recbench_all_fin"),
        ("late", "recbench_run_finished must be a function, without async and yield, with one"),
        (NoHooks(), "it has none of recbench_progress, recbench_run_finished, recbench_all_fini"),
    ],
)
def test_a_tracker_that_cannot_be_made_costs_a_warning(
    plugins: Plugins, track: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert _finish(plugins, [track, "mine"]) == [("mine", "a result")]
    (message,) = caplog.messages
    name = track if isinstance(track, str) else "NoHooks"
    assert message.startswith(f"--track {name} failed, and nothing is tracked there: ")
    assert reason in message
    names = [name for name, _ in plugins.manager.list_name_plugin()]
    assert [name for name in names if name.startswith("--track")] == []


class Trains:
    """Reports its loss."""

    def fit(self, train: Any) -> Any:
        with recbench.Progress("trains", total=2, unit="epoch") as progress:
            for loss in (0.5, 0.25):
                progress.step(values={"loss": loss})
        return self

    def score(self, history: Any) -> Any:
        import numpy as np

        return np.tile(np.arange(history.n_items), (len(history), 1))


def test_a_run_tells_its_trackers_all_events(tiny: str) -> None:
    events: list[Any] = []

    class Listens:
        @hookimpl
        def recbench_progress(self, cell: Any, step: int, values: Any) -> None:
            events.append(("progress", cell.key, step, dict(values)))

        @hookimpl
        def recbench_run_finished(self, result: Any) -> None:
            events.append(("finished", result.key, result.curves["loss"]))

        @hookimpl
        def recbench_all_finished(self, results: Any) -> None:
            events.append(("all", [result.key for result in results]))

    always = Listens()
    plugins = load_plugins(always=types.SimpleNamespace())
    for _ in range(2):  # the second time, the result is stored already
        recbench.run({"trains": Trains}, tiny, ks=1, in_process=True, track=always, plugins=plugins)
    key = events[0][1]
    loss = events[2][2]
    assert events == [
        ("progress", key, 1, {"loss": 0.5}),
        ("progress", key, 2, {"loss": 0.25}),
        ("finished", key, loss),
        ("all", [key]),
        ("all", [key]),
    ]
    assert [(step, value) for step, _, value in loss] == [(1, 0.5), (2, 0.25)]
