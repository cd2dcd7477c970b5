"""Models that run in this process: errors name the method and say what is wrong."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import RecbenchError, UsageError, load_plugins
from recbench.models.in_process import InProcessHost, InProcessModel, build, n_parameters
from recbench.models.protocols import FitReport, Traits
from recbench.spec import Spec
from recbench.testing import example
from recbench_popular import Popular


class Lists:
    """A model that returns lists and can be stored."""

    n_parameters = 7

    def fit(self, train: Any) -> Any:
        return self

    def recommend(self, history: Any, k: int) -> Any:
        return [[0] * k] * len(history)

    def save(self, folder: Path) -> None:
        (folder / "w").touch()

    def load(self, folder: Path) -> Any:
        return self


def test_a_wrapped_model_reports_its_abilities(tmp_path: Path) -> None:
    log = example()
    scorer, lister = InProcessModel(Popular()), InProcessModel(Lists())
    assert scorer.traits == Traits(scores=True)
    assert lister.traits == Traits(storable=True)
    assert scorer.fit(log).n_parameters == log.n_items
    report = lister.fit(log)
    assert report == FitReport(resumed=False, n_parameters=7, seconds=lister.seconds)
    assert 0 <= report.seconds < 60
    assert scorer.score(log).shape == (len(log), log.n_items)
    assert lister.recommend(log, 2).tolist() == [[0, 0]] * len(log)
    lister.save(tmp_path)
    assert (tmp_path / "w").exists()
    assert scorer.peak_memory is None


def _raise(error: BaseException) -> Any:
    def method(*_: Any, **__: Any) -> Any:
        raise error

    return method


def _changing(_: Any, train: Any) -> None:
    object.__setattr__(train, "items", train.items.copy())


def _writing(_: Any, train: Any) -> None:
    train.items[0] = 1


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (_raise(ZeroDivisionError("here")), "^fit raised ZeroDivisionError: here$"),
        (_raise(SystemExit(3)), "^fit raised SystemExit: 3$"),
        (_raise(StopIteration()), "^fit raised StopIteration$"),
        (_raise(GeneratorExit()), "^fit raised GeneratorExit$"),
        (_raise(RecbenchError("its own words")), "^its own words$"),
        (
            _changing,
            "^fit changed the interactions that it was given; copy arrays of train or history",
        ),
        (
            _writing,
            "^fit raised ValueError: .*read-only; copy arrays of train or .* before changing them$",
        ),
    ],
)
def test_errors_of_a_model_name_the_method(fit: Any, words: str) -> None:
    model = type("Model", (Popular,), {"fit": fit})()
    with pytest.raises(RecbenchError, match=words):
        InProcessModel(model).fit(example())


class Sorts(Popular):
    """A model that sorts what it is given in place, through its address."""

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when

    def fit(self, train: Any) -> Any:
        self.train = train
        super().fit(train)
        if self.when == "fit":
            self._sort(train)
        return self

    def score(self, history: Any) -> Any:
        scores = super().score(history)
        if self.when == "score":
            self._sort(history)
        elif self.when == "later":
            self._sort(self.train)
        return scores

    @staticmethod
    def _sort(log: Any) -> None:
        numbers = (ctypes.c_int32 * len(log.items)).from_address(log.items.ctypes.data)
        np.frombuffer(numbers, dtype=np.int32).sort()


@pytest.mark.parametrize("when", ["fit", "score", "later"])
def test_a_model_in_this_process_cannot_change_what_others_get(tiny: str, when: str) -> None:
    plugins = load_plugins(mine=plugin(models={"sorts": Sorts}))
    names = ["popular", f"sorts:when={when}", "rules"]
    (clean,) = recbench.run(["rules"], tiny, results=None, in_process=True)
    first, sorts, last = recbench.run(names, tiny, results=None, in_process=True, plugins=plugins)
    assert last.values == clean.values
    if when == "later":  # only its own copy of the training data
        assert sorts.values == first.values
    else:
        assert f"{when} changed the interactions that it was given" in sorts.status


def test_ctrl_c_is_not_a_failure_of_the_model() -> None:
    model = type("Model", (Popular,), {"fit": _raise(KeyboardInterrupt())})()
    with pytest.raises(KeyboardInterrupt):
        InProcessModel(model).fit(example())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "score returned None; it must return an array of numbers"),
        ([[None]], "score returned an array of type object; it must return numbers"),
        ([["a"]], "score returned an array of type <U1; it must return numbers"),
        ([[True]], "score returned an array of type bool; it must return numbers"),
        (np.ma.masked_equal([[1.0, 2.0]], 2), "score returned a masked array; it must return"),
        ([[1.0], [1.0, 2.0]], "score returned an object of type list that numpy cannot convert"),
    ],
)
def test_an_answer_that_is_not_an_array_of_numbers_is_an_error(answer: Any, words: str) -> None:
    model = type("Model", (Popular,), {"score": lambda _self, _history: answer})()
    with pytest.raises(RecbenchError, match=words):
        InProcessModel(model).score(example())


def test_errors_of_save_name_the_method(tmp_path: Path) -> None:
    model = type("Model", (Lists,), {"save": _raise(OSError("no room"))})()
    with pytest.raises(RecbenchError, match=r"^save raised OSError: no room$"):
        InProcessModel(model).save(tmp_path)


def test_models_are_built_and_unknown_options_are_refused() -> None:
    plugins = load_plugins()
    with InProcessHost(plugins) as host:
        host.share(example())
        with host.cell("popular", {"seed": 0}) as model:
            assert model.traits.scores
    with pytest.raises(UsageError, match="has no option"):
        build(plugins.find("models", "transformer"), Spec.parse("transformer:dimm=3"), {})


class Learns:
    def fit(self, train: Any) -> Any:
        return self


@pytest.mark.parametrize(("model", "has"), [(object, "none of these"), (Learns, "only fit")])
def test_an_object_without_the_methods_of_a_model_is_refused(model: Any, has: str) -> None:
    plugins = load_plugins(mine=plugin(models={"mine": model}))
    with pytest.raises(RecbenchError, match=f"recommend.history, k.; this one has {has}$"):
        build(plugins.find("models", "mine"), Spec("mine"), {})


def test_an_error_of_the_factory_does_not_repeat_the_name(tiny: str) -> None:
    plugins = load_plugins(mine=plugin(models={"mine": _raise(ZeroDivisionError("here"))}))
    for in_process in (False, True):
        (mine,) = recbench.run("mine", tiny, results=None, plugins=plugins, in_process=in_process)
        assert mine.status == (
            "failed: mine (plugin mine): its factory raised ZeroDivisionError: here"
        )


class Answers:
    """An object that has every attribute."""

    def __getattr__(self, name: str) -> Any:
        return self


@pytest.mark.parametrize(
    ("model", "number"), [(Lists(), 7), (object(), None), (Answers(), None), (np.zeros(3), None)]
)
def test_the_number_of_parameters_is_optional(model: Any, number: int | None) -> None:
    assert n_parameters(model) == number
