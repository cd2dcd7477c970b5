"""Which stored results are current."""

import dataclasses
from typing import Any

import numpy as np
from made_results import result_of

from recbench import Result
from recbench.store.versions import RANKS, merge, newest


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
    latest, outdated = newest([*new, *old, other])
    assert latest == [*new, other]
    assert outdated == old


def test_the_latest_result_of_a_seed_is_current() -> None:
    first, last = _cell("a", 0, "1", 1), _cell("a", 0, "1", 2)
    assert newest([last, first]) == ([last], [first])


def test_a_failure_of_newer_code_is_current() -> None:
    old = _cell("a", 0, "1", 1)
    new = _cell("a", 0, "2", 2, status="failed: no")
    assert newest([old, new]) == ([new], [old])


def test_a_failure_of_a_broken_plugin_does_not_outdate_results() -> None:
    good = _cell("a", 0, "1", 1)
    unavailable = _cell("a", None, "", 2, status="failed: plugin a is broken")
    assert newest([unavailable, good]) == ([good], [unavailable])
    assert newest([unavailable]) == ([unavailable], [])


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
    latest, outdated = newest(cells)
    assert outdated == []
    assert [result.setting.dataset for result in latest] == ["a", "b", "b", "data"]


def test_notes_of_an_earlier_run_with_the_same_ranks_are_kept() -> None:
    old = _cell("mine", None, "1", 1, depth=5, notes=("lists are short", "one row"))
    new = _cell("mine", None, "1", 2, depth=3, notes=("one row",))
    columns = {name: np.array([1]) for name in RANKS}
    merged, _ = merge(old, columns, new, columns)
    assert merged.notes == ("one row", "lists are short")
    others = {name: np.array([2]) for name in RANKS}
    assert merge(old, columns, new, others)[0].notes == ("one row",)
