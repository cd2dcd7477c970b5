"""Which stored results are current."""

import dataclasses
from typing import Any

from made_results import result_of

from recbench import Result
from recbench.store.versions import newest


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
