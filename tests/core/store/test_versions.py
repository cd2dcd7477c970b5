"""Which stored results are current."""

import dataclasses
from typing import Any

import numpy as np
from made_results import result_of

from recbench import Result, load_plugins
from recbench.results.result import Tuned
from recbench.store.versions import (
    OTHER_CODE,
    RANKS,
    installed_versions,
    merge,
    newest,
    why_outdated,
    with_note_on_code,
)


def _cell(model: str, seed: int | None, version: str, day: int, **more: Any) -> Result:
    cell = result_of(model, {}, seed=seed)
    return dataclasses.replace(
        cell,
        key=f"{model} {seed} {version} {day}",
        model_version=version,
        finished=f"2026-01-{day:02}",
        **more,
    )


def test_only_seeds_of_the_latest_code_are_current() -> None:
    old = [_cell("a", seed, "1", 1) for seed in (0, 1, 2)]
    new = [_cell("a", seed, "2", 2) for seed in (0, 1)]
    other = _cell("b", None, "1", 1)
    latest, outdated = newest([*new, *old, other], {})
    assert latest == [*new, other]
    assert outdated == old


def test_the_latest_result_of_a_seed_is_current() -> None:
    first, last = _cell("a", 0, "1", 1), _cell("a", 0, "1", 2)
    assert newest([last, first], {}) == ([last], [first])


def test_a_failure_of_newer_code_is_current() -> None:
    old = _cell("a", 0, "1", 1)
    new = _cell("a", 0, "2", 2, status="failed: no")
    assert newest([old, new], {}) == ([new], [old])


def test_a_failure_of_a_broken_plugin_does_not_outdate_results() -> None:
    good = _cell("a", 0, "1", 1)
    unavailable = _cell("a", None, "", 2, status="failed: plugin a is broken")
    assert newest([unavailable, good], {}) == ([good], [unavailable])
    assert newest([unavailable], {}) == ([unavailable], [])


def test_the_installed_code_is_current_whenever_it_ran() -> None:
    """As after an edit that was undone, or with a clock that was set back."""
    ours = [_cell("a", seed, "1", 1) for seed in (0, 1)]
    later = _cell("a", 0, "2", 2)
    assert newest([*ours, later], {"a": "1"}) == (ours, [later])
    assert newest([*ours, later], {"a": "2"}) == ([later], ours)
    assert newest([*ours, later], {"a": "3", "b": "1"}) == ([later], ours)
    failure = _cell("a", None, "", 3, status="failed: plugin a is broken")
    assert newest([failure, later, *ours], {"a": "1"})[0] == ours


def test_a_result_of_the_main_process_is_current_only_if_there_is_no_other_of_the_same_code() -> (
    None
):
    isolated = _cell("a", 0, "1", 1)
    debugged = dataclasses.replace(_cell("a", 0, "1", 2), isolated=False)
    assert newest([isolated, debugged], {}) == ([isolated], [debugged])
    assert newest([debugged], {}) == ([debugged], [])
    edited = dataclasses.replace(_cell("a", 0, "2", 3), isolated=False)
    assert newest([isolated, debugged, edited], {"a": "2"})[0] == [edited]


def test_seeds_of_different_devices_are_not_mixed() -> None:
    auto = [_cell("a", seed, "1", 1) for seed in (0, 1)]
    cpu = [dataclasses.replace(_cell("a", seed, "1", 2), device="cpu") for seed in (1, 2)]
    assert newest([*auto, *cpu], {}) == (cpu, auto)


def test_it_is_said_why_results_are_outdated() -> None:
    now = [_cell("a", 0, "1", 3), _cell("b", None, "1", 3), _cell("c", None, "1", 3)]
    old = [
        *(_cell("a", seed, "2", 1) for seed in (0, 1)),
        _cell("b", None, "2", 1),
        dataclasses.replace(_cell("b", None, "1", 1), isolated=False),
        dataclasses.replace(_cell("a", 0, "1", 1), device="cpu"),
        _cell("c", None, "1", 1),
    ]
    assert why_outdated(old, now) == [
        "3 outdated results of a, b, made by another version of the model's code",
        "1 outdated result of b, made in the main process",
        "1 outdated result of a, made with --device cpu",
        "1 outdated result of c, made by an earlier run",
    ]


def test_installed_versions_are_those_of_the_models_that_have_results() -> None:
    plugins = load_plugins()
    cells = [_cell("popular", None, "1", 1), _cell("popular", None, "2", 1)]
    rules = _cell("rules:window=2", None, "1", 1)
    version = plugins.find("models", "popular").source_version()
    assert installed_versions(cells, plugins) == {"popular": version}
    assert list(installed_versions([*cells, rules], None)) == ["popular", "rules:window=2"]
    assert installed_versions([_cell("gone", None, "1", 1)], None) == {}


def test_a_result_of_other_code_than_the_installed_one_has_a_note() -> None:
    cell = _cell("popular", None, "1", 1)
    assert with_note_on_code(cell, {"popular": "2"}).notes == (OTHER_CODE,)
    assert with_note_on_code(cell, {"popular": "1"}) == cell
    assert with_note_on_code(cell, {}) == cell


def test_settings_do_not_outdate_each_other_and_are_sorted() -> None:
    cells = [
        dataclasses.replace(result, setting=dataclasses.replace(result.setting, **more))
        for result, more in (
            (_cell("a", 0, "1", 1), {"split": "z"}),
            (_cell("a", 0, "2", 2), {"dataset": "a"}),
            (_cell("a", 0, "3", 3), {"dataset": "b", "protocol": 1}),
            (_cell("a", 0, "4", 3), {"dataset": "b", "protocol": 2}),
        )
    ]
    latest, outdated = newest(cells, {})
    assert outdated == []
    assert [result.setting.dataset for result in latest] == ["a", "b", "b", "data"]


def test_how_options_were_found_is_kept() -> None:
    first, second = Tuned("a", n_trials=3, n_options=1), Tuned("b", n_trials=9, n_options=1)
    columns = {name: np.array([1]) for name in RANKS}

    def merged(old: Tuned | None, new: Tuned | None) -> Tuned | None:
        cells = _cell("mine", None, "1", 1, tuned=old), _cell("mine", None, "1", 2, tuned=new)
        return merge(cells[0], columns, cells[1], columns)[0].tuned

    assert merged(first, None) == first
    assert merged(first, second) == second
    assert merged(None, second) == second
    assert merged(None, None) is None


def test_notes_of_an_earlier_run_with_the_same_ranks_are_kept() -> None:
    old = _cell("mine", None, "1", 1, depth=5, notes=("lists are short", "one row"))
    new = _cell("mine", None, "1", 2, depth=3, notes=("one row",))
    columns = {name: np.array([1]) for name in RANKS}
    merged, _ = merge(old, columns, new, columns)
    assert merged.notes == ("one row", "lists are short")
    others = {name: np.array([2]) for name in RANKS}
    assert merge(old, columns, new, others)[0].notes == ("one row",)
