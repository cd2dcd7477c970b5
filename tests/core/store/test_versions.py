"""Which stored results are current."""

import dataclasses
from typing import Any

from made_results import of

from recbench import Result
from recbench.store.versions import newest


def _cell(model: str, seed: int | None, version: str, day: int, **more: Any) -> Result:
    cell = of(model, {}, seed=seed)
    return dataclasses.replace(
        cell,
        key=f"{model} {seed} {version} {day}",
        model_version=version,
        finished=f"2026-01-{day:02}",
        **more,
    )


def test_all_seeds_are_of_the_code_that_ran_last() -> None:
    old = [_cell("a", seed, "1", 1) for seed in (0, 1, 2)]
    new = [_cell("a", seed, "2", 2) for seed in (0, 1)]
    other = _cell("b", None, "1", 1)
    stands, outdated = newest([*new, *old, other])
    assert stands == [*new, other]
    assert outdated == old


def test_of_one_seed_and_code_the_last_stands() -> None:
    first, last = _cell("a", 0, "1", 1), _cell("a", 0, "1", 2)
    assert newest([last, first]) == ([last], [first])


def test_a_failure_of_newer_code_stands() -> None:
    old = _cell("a", 0, "1", 1)
    new = _cell("a", 0, "2", 2, status="failed: no")
    assert newest([old, new]) == ([new], [old])


def test_a_failure_of_a_broken_plugin_outdates_nothing() -> None:
    good = _cell("a", 0, "1", 1)
    lost = _cell("a", None, "", 2, status="failed: plugin a is broken")
    assert newest([lost, good]) == ([good], [lost])
    assert newest([lost]) == ([lost], [])


def test_other_settings_outdate_nothing_and_come_in_order() -> None:
    cells = [
        dataclasses.replace(result, setting=dataclasses.replace(result.setting, **more))
        for result, more in (
            (_cell("a", 0, "1", 1), {"split": "z"}),
            (_cell("a", 0, "2", 2), {"dataset": "a"}),
            (_cell("a", 0, "3", 3), {"dataset": "b", "protocol": 1}),
            (_cell("a", 0, "4", 3), {"dataset": "b", "protocol": 2}),
        )
    ]
    stands, outdated = newest(cells)
    assert outdated == []
    assert [result.setting.dataset for result in stands] == ["a", "b", "b", "data"]
