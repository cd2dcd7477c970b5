"""The study of each model: what decides its trials, and which stored trials are used."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from helpers import plugin
from made_studies import search_on

from recbench import Choice, Float, Int, load_plugins
from recbench.models.in_process import InProcessHost
from recbench.space import Space
from recbench.store.layout import Layout
from recbench.tuning.held_out import HeldOut, prepare
from recbench.tuning.plan import Budget, Plan
from recbench.tuning.records import path_of, read_study
from recbench.tuning.search import JOURNAL, Search
from recbench_popular import Popular

pytest.importorskip("optuna")


class Mine(Popular):
    """A model with defaults of all kinds."""

    search_space: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self, x: float = 0.12345, n: int = 500, c: str | None = None, k: int = 3, seed: int = 0
    ) -> None:
        pass


SPACE: dict[str, Any] = {"x": Float(0, 1), "n": Int(1, 9), "c": Choice("a", None)}
PLUGINS = load_plugins(mine=plugin(models={"mine": Mine}))
DATA = "synthetic:users=30,items=20,interactions=200"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return prepare(PLUGINS, DATA, "leave-last-out", None, "ndcg")


def _plan(held_out: HeldOut, **more: Any) -> Plan:
    fields: dict[str, Any] = {
        "device": "auto",
        "metric": "ndcg@10",
        "better": "higher",
        "seed": 0,
        "budget": Budget(3, None),
        **more,
    }
    return Plan(held_out, InProcessHost(PLUGINS), **fields)


def _search(
    held_out: HeldOut, folder: Path, model: str = "mine", space: Space | None = None, **more: Any
) -> Search:
    return _plan(held_out, **more).search(Layout(folder), model, SPACE if space is None else space)


def test_a_study_says_what_is_tuned_on_what(held_out: HeldOut, tmp_path: Path) -> None:
    study = _search(held_out, tmp_path, "mine:k=5").study
    assert (study.model, study.plugin, study.metric) == ("mine:k=5", "mine", "ndcg@10")
    assert study.setting == held_out.test
    assert study.validation_sha256 == held_out.validation.setting.split_sha256
    assert study.n_cases == held_out.validation.setting.n_cases
    assert study.space == {"x": "0..1", "n": "1..9", "c": "a|none"}
    assert (study.max_trials, study.max_seconds) == (3, None)
    assert not study.isolated
    assert study.trials == ()
    assert not [*tmp_path.iterdir()]  # nothing is written before the first trial


def test_the_default_trial_has_the_defaults_that_are_in_their_ranges(
    held_out: HeldOut, tmp_path: Path
) -> None:
    with _search(held_out, tmp_path) as search:
        trials = search_on(search, lambda claim: 0.5)
    assert trials[0].model == "mine"
    assert trials[0].options == {"x": "0.12345", "c": "none"}  # 500 is outside of 1..9
    for trial in trials[1:]:
        cell = held_out.validation.cell(trial.model, 0)
        assert cell.model == trial.model  # as `run` would name it


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"space": {**SPACE, "n": Int(1, 8)}}, "the search space has changed"),
    ({"metric": "ndcg@5"}, "the metric was NDCG@10"),
    ({"seed": 1}, "the tuning seed was 0"),
]


@pytest.mark.parametrize(("change", "why"), CHANGES)
def test_another_study_starts_anew_and_says_why(
    change: dict[str, Any],
    why: str,
    held_out: HeldOut,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with _search(held_out, tmp_path) as search:
        search_on(search, lambda claim: 0.5)
    first = search.study
    with caplog.at_level(logging.INFO):
        again = _search(held_out, tmp_path, **change)
    assert again.study.key != first.key
    assert again.study.trials == ()
    assert f"mine: tuning starts from the beginning: {why}" in caplog.text


def test_the_reason_is_that_of_the_most_similar_study(
    held_out: HeldOut, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for change in ({"seed": 1}, {"seed": 1, "metric": "ndcg@5"}):
        with _search(held_out, tmp_path, **change) as search:
            search_on(search, lambda claim: 0.5)
    with caplog.at_level(logging.INFO):
        _search(held_out, tmp_path)
    assert "mine: tuning starts from the beginning: the tuning seed was 1\n" in caplog.text


def test_ranges_of_other_kinds_with_the_same_text_are_other_spaces(
    held_out: HeldOut, tmp_path: Path
) -> None:
    floats = _search(held_out, tmp_path, space={"x": Float(1, 9)}).study
    whole = _search(held_out, tmp_path, space={"x": Int(1, 9)}).study
    assert floats.space == whole.space
    assert floats.key != whole.key


def test_other_models_and_budgets(
    held_out: HeldOut, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The budget is no part of a study: a larger one goes on with the stored trials."""
    with _search(held_out, tmp_path) as search:
        trials = search_on(search, lambda claim: 0.5)
    with caplog.at_level(logging.INFO):
        more = _search(held_out, tmp_path, budget=Budget(None, 60.0))
        other = _search(held_out, tmp_path, "mine:k=5")
    assert caplog.text == ""
    assert (more.study.key, list(more.study.trials)) == (search.study.key, trials)
    assert (more.study.max_trials, more.study.max_seconds) == (None, 60.0)
    assert other.study.trials == ()


@pytest.mark.parametrize("has_journal", [True, False])
def test_a_damaged_file_is_written_again_from_the_journal(
    has_journal: bool, held_out: HeldOut, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _search(held_out, tmp_path) as search:
        trials = search_on(search, lambda claim: 0.5)
    path = path_of(Layout(tmp_path), search.study)
    path.write_text("{")
    if not has_journal:
        path.with_name(JOURNAL).unlink()
    with caplog.at_level(logging.WARNING), _search(held_out, tmp_path) as again:
        assert "trials.json is damaged" in caplog.text
        assert "It is written again" in caplog.text
        assert list(again.study.trials) == (trials if has_journal else [])
        assert options_equal(search_on(again, lambda claim: 0.5), trials)
    assert len(read_study(path).trials) == 3


def options_equal(first: Any, second: Any) -> bool:
    return [trial.options for trial in first] == [trial.options for trial in second]


def test_other_validation_targets_are_another_study(held_out: HeldOut, tmp_path: Path) -> None:
    with _search(held_out, tmp_path) as search:
        search_on(search, lambda claim: 0.5)
    experiment = held_out.validation
    setting = dataclasses.replace(experiment.setting, split_sha256="0" * 64)
    changed = HeldOut(held_out.test, dataclasses.replace(experiment, setting=setting))
    assert _search(changed, tmp_path).study.trials == ()
