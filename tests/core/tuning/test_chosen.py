"""The best options of stored studies: which study they come from, and when there is none."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from helpers import plugin
from made_results import GOOD, result_of
from made_studies import made_study, made_trials

import recbench
from recbench import Float, Store, UsageError, load_plugins
from recbench.experiment import Experiment
from recbench.results.result import Tuned
from recbench.spec import Spec
from recbench.store.layout import Layout
from recbench.tuning.chosen import best_of, best_options, studies_for, with_best
from recbench.tuning.records import write_study
from recbench.tuning.study import FAILED, Study
from recbench_popular import Popular

DATA = "synthetic:users=30,items=20,interactions=200"


class Mine(Popular):
    """A model with a space, and an alias of its option."""

    search_space: ClassVar[Mapping[str, Any]] = {"x": Float(0, 9)}
    option_aliases: ClassVar[Mapping[str, str]] = {"chi": "x"}

    def __init__(self, x: float = 0, k: int = 3) -> None:
        super().__init__()


class Plain(Popular):
    """A model without a space."""


PLUGINS = load_plugins(mine=plugin(models={"mine": Mine, "plain": Plain}))


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return Experiment.prepare(PLUGINS, DATA, "leave-last-out")


def _study(experiment: Experiment, *values: Any, model: str = "mine", **more: Any) -> Study:
    """Return a study of the installed code on the data of the experiment."""
    offer = PLUGINS.check("models", Spec.parse(model))
    fields = {
        "model": model,
        "model_version": offer.source_version(),
        "setting": experiment.setting,
        **more,
    }
    return made_study(made_trials(*values, model=model), **fields)


def _chosen(experiment: Experiment, *studies: Study, model: str = "mine") -> list[str]:
    models, best = best_options(experiment, [model], studies_for(studies, None))
    assert list(best) == list(models)
    return list(models)


def test_without_tuning_models_are_as_they_were_given(experiment: Experiment) -> None:
    assert best_options(experiment, ["mine", "plain"], studies_for(False, None)) == (
        ["mine", "plain"],
        {},
    )


def test_the_best_options_of_a_study_are_used(experiment: Experiment) -> None:
    study = _study(experiment, 0.1, 0.3, 0.2)
    models, best = best_options(experiment, ["mine"], studies_for([study], None))
    assert models == ["mine:x=1"]
    assert best == {"mine:x=1": study.tuned}
    assert _chosen(experiment, _study(experiment, 0.3, 0.1)) == ["mine"]


def test_stored_studies_of_these_data_are_found(experiment: Experiment, tmp_path: Path) -> None:
    store = Layout(tmp_path)
    write_study(store, _study(experiment, 0.1, 0.3))
    other = dataclasses.replace(experiment.setting, split_sha256="0" * 64)
    write_study(store, _study(experiment, 0.1, 0.2, 0.9, setting=other, key="b" * 64))
    models, best = best_options(experiment, ["mine"], studies_for(True, tmp_path))
    assert models == ["mine:x=1"]
    assert [tuned.n_trials for tuned in best.values()] == [2]


def test_options_that_are_fixed_are_another_study(experiment: Experiment) -> None:
    study = _study(experiment, 0.1, 0.3)
    fixed = _study(experiment, 0.3, 0.2, model="mine:k=5")
    assert _chosen(experiment, study, fixed, model="mine:k=5") == ["mine:k=5"]
    with pytest.raises(UsageError, match=r"^mine:x=4 is not tuned"):
        _chosen(experiment, study, fixed, model="mine:chi=4")


def test_a_model_without_a_space_is_marked_as_not_tuned(experiment: Experiment) -> None:
    models, best = best_options(experiment, ["plain"], studies_for([], None))
    assert (models, best) == (["plain"], {"plain": Tuned()})
    (tuned,) = best.values()
    assert str(tuned) == "not tuned"


def test_the_best_of_several_studies_is_used_and_named(
    experiment: Experiment, caplog: pytest.LogCaptureFixture
) -> None:
    old = _study(experiment, 0.1, 0.2, 0.9, changed="2026-01-01")
    new = _study(experiment, 0.1, 0.3, changed="2026-01-02", key="new", space={})
    broken = _study(experiment, FAILED, changed="2026-01-03")
    with caplog.at_level(logging.INFO):
        assert _chosen(experiment, new, old, broken) == ["mine:x=2"]
    assert "mine: using the best of 3 studies, by NDCG@10 (tuned: 3 trials; " in caplog.text
    assert "search space: x 0..1)" in caplog.text


def test_studies_by_the_same_metric_and_targets_are_compared(experiment: Experiment) -> None:
    def best(*studies: Study) -> str | None:
        found = best_of(studies)
        return None if found is None else found.key

    first = _study(experiment, 0.1, 0.3, key="first", changed="1")
    equal = _study(experiment, 0.1, 0.3, key="equal", changed="2")
    assert best(equal, first) == "first"
    mrr = _study(experiment, 0.1, 0.9, key="mrr", changed="3", metric="mrr@5")
    assert best(first, mrr) == "first"
    rank = {"metric": "rank@5", "better": "lower"}
    high = _study(experiment, 7.0, 5.0, key="high", changed="4", **rank)
    low = _study(experiment, 7.0, 2.0, key="low", changed="5", **rank)
    assert best(mrr, low, high) == "low"
    later = _study(experiment, 0.1, 0.2, key="later", changed="6", validation_sha256="w" * 64)
    assert best(first, later) == "later"
    assert best(_study(experiment, FAILED)) is best() is None


WRONG: list[tuple[dict[str, Any] | None, str]] = [
    (None, "mine is not tuned"),
    ({"model_version": "0"}, "mine was tuned with another version of the code of plugin mine"),
    (
        {"model_version": "0", "plugin": "slow.py"},
        "mine was tuned as a model of slow.py, not of mine",
    ),
    ({"trials": ()}, "mine has no trial that succeeded"),
    ({"model": "mine:k=4"}, "mine is not tuned"),
]


@pytest.mark.parametrize(("change", "why"), WRONG)
def test_models_without_best_options_are_an_error(
    change: dict[str, Any] | None, why: str, experiment: Experiment
) -> None:
    study = _study(experiment, 0.1, 0.3)
    studies = [] if change is None else [dataclasses.replace(study, **change)]
    with pytest.raises(UsageError) as raised:
        _chosen(experiment, *studies)
    text = str(raised.value)
    assert text.startswith(f"{why} on synthetic:")
    assert f"run: recbench tune mine --dataset {DATA} --split leave-last-out" in text


@pytest.mark.parametrize(("folder", "said"), [("results", ""), ("other", " --results other")])
def test_the_error_has_the_command_for_the_same_folder(
    folder: str, said: str, experiment: Experiment
) -> None:
    with pytest.raises(UsageError) as raised:
        best_options(experiment, ["mine"], [], folder)
    assert str(raised.value).endswith(
        f"recbench tune mine --dataset {DATA} --split leave-last-out{said}"
    )


def test_stored_studies_need_a_folder(experiment: Experiment) -> None:
    with pytest.raises(UsageError, match="tuned=True needs a folder of results"):
        best_options(experiment, ["mine"], studies_for(True, None))
    with pytest.raises(UsageError, match="tuned=True needs a folder of results"):
        recbench.run(["popular"], DATA, results=None, tuned=True)


def test_results_record_how_their_options_were_found() -> None:
    tuned = Tuned("key", "ndcg@3", 0.5, 3, 1, 0)
    given = [result_of(model, {"ndcg@3": GOOD}) for model in ("mine:x=1", "other")]
    cells = with_best(given, {"mine:x=1": tuned})
    assert [cell.tuned for cell in cells] == [tuned, None]
    assert dataclasses.replace(cells[0], tuned=None) == given[0]


def test_a_run_of_given_studies_is_marked_and_stored(
    experiment: Experiment, tmp_path: Path
) -> None:
    study = _study(experiment, 0.1, 0.3)
    common: dict[str, Any] = {"plugins": PLUGINS, "in_process": True, "results": tmp_path}
    (plain,) = recbench.run(["mine:x=1"], DATA, **common)
    assert plain.tuned is None
    (result,) = recbench.run(["mine"], DATA, tuned=[study], **common)
    assert (result.model, result.tuned) == ("mine:x=1", study.tuned)
    assert result.values == plain.values
    (again,) = recbench.run(["mine:x=1"], DATA, **common)
    assert again.tuned is None  # nobody asked for tuned options
    (stored,) = Store(tmp_path).all(PLUGINS)
    assert stored.tuned == study.tuned
