"""Models that run in this process: errors name the method and say what is wrong."""

import ctypes
import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from scipy import sparse

import recbench
from recbench import RecbenchError, UsageError, load_plugins
from recbench.data.metadata import Metadata
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
    assert scorer.traits == Traits(scores=True, storable=True)
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


def _sorting(_: Any, train: Any) -> None:
    train.items.sort()


def _unlocking(_: Any, train: Any) -> None:
    train.items.flags.writeable = True


def _summing_duplicates(_: Any, train: Any) -> None:
    ones = np.ones(train.n_interactions, dtype=np.float32)
    sparse.csr_matrix((ones, train.items, train.offsets)).sum_duplicates()


def _through_pandas(_: Any, train: Any) -> None:
    pd.Series(train.items, copy=False).to_numpy()[:] = 0


PLACE = r" \(test_in_process.py, line \d+; --debug shows the traceback\)$"

COPY = (
    "copy an array of train or history before it is changed; train.matrix\\(\\) is a sparse matrix "
    "that may be changed"
)


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (_raise(ZeroDivisionError("here")), "^fit raised ZeroDivisionError: here" + PLACE),
        (_raise(SystemExit(3)), "^fit raised SystemExit: 3" + PLACE),
        (_raise(StopIteration()), "^fit raised StopIteration" + PLACE),
        (_raise(GeneratorExit()), "^fit raised GeneratorExit" + PLACE),
        (_raise(RecbenchError("its own words")), "^its own words$"),
        (
            _changing,
            "^fit changed the interactions that it was given; copy an array of train or history",
        ),
        *(
            (writing, rf"^fit raised {error} \(test_in_process.py, line \d+; --debug .*\); {COPY}$")
            for writing, error in [
                (_writing, "ValueError: assignment destination is read-only"),
                (_sorting, "ValueError: sort array is read-only"),
                (_unlocking, "ValueError: cannot set WRITEABLE flag to True of this array"),
                (_summing_duplicates, "ValueError: WRITEBACKIFCOPY base is read-only"),
                (_through_pandas, "ValueError: assignment destination is read-only"),
            ]
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
    ],
)
def test_an_answer_that_is_not_an_array_of_numbers_is_an_error(answer: Any, words: str) -> None:
    model = type("Model", (Popular,), {"score": lambda _self, _history: answer})()
    with pytest.raises(RecbenchError, match=words):
        InProcessModel(model).score(example())


def test_errors_of_save_name_the_method(tmp_path: Path) -> None:
    model = type("Model", (Lists,), {"save": _raise(OSError("no room"))})()
    with pytest.raises(RecbenchError, match="^save raised OSError: no room" + PLACE):
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


class Predicts(Learns):
    def predict(self, X: Any) -> Any:  # noqa: N803  as in scikit-learn
        return X


@pytest.mark.parametrize(
    ("model", "has"),
    [
        (object, "object has no methods"),
        (Learns, "Learns has fit"),
        (Predicts, "Predicts has predict and fit"),
        (dict, "dict has get, setdefault, pop, popitem, keys and others"),
    ],
)
def test_an_object_without_the_methods_of_a_model_is_refused(model: Any, has: str) -> None:
    plugins = load_plugins(mine=plugin(models={"mine": model}))
    with pytest.raises(RecbenchError, match=f"recommend.history, k.; {has}$"):
        build(plugins.find("models", "mine"), Spec("mine"), {})


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "its factory returned None; it must return a model"),
        (Lists, r"its factory returned the class Lists; it must return a model, as in Lists\(\)"),
    ],
)
def test_a_factory_that_returns_no_model_is_refused(made: Any, words: str) -> None:
    plugins = load_plugins(mine=plugin(models={"mine": lambda: made}))
    with pytest.raises(RecbenchError, match=f"^{words}$"):
        build(plugins.find("models", "mine"), Spec("mine"), {})


class Guesses(Popular):
    def score(self, history: Any) -> Any:
        return history.itmes


def test_a_wrong_guess_of_what_interactions_have_is_put_right() -> None:
    model = InProcessModel(Guesses())
    model.fit(example())
    with pytest.raises(
        RecbenchError, match=r"'itmes' \(test_.*\); train and history have users, i"
    ):
        model.score(example())


class NoSelf(Popular):
    def fit(train: Any) -> Any:  # type: ignore[override]  # noqa: N805  as beginners write it
        return train

    def score(self) -> Any:  # type: ignore[override]
        return 0


def test_a_method_that_cannot_be_called_is_shown_with_its_parameters() -> None:
    model = InProcessModel(NoSelf())
    line = NoSelf.fit.__code__.co_firstlineno
    with pytest.raises(
        RecbenchError,
        match=rf"1 positional .* \(test_.*, line {line}\); define it as fit\(self, train\)$",
    ):
        model.fit(example())
    with pytest.raises(RecbenchError, match=r"; define it as score\(self, history\)$"):
        model.score(example())


def test_a_type_error_within_a_method_says_nothing_of_its_parameters() -> None:
    model = type("Model", (Popular,), {"fit": lambda *_: len(3)})()  # type: ignore[arg-type]
    with pytest.raises(RecbenchError, match=r"^fit raised TypeError: .*has no len\(\)" + PLACE):
        InProcessModel(model).fit(example())


def test_load_must_return_a_model(tmp_path: Path) -> None:
    model = type("Model", (Lists,), {"load": lambda _self, _folder: None})()
    with pytest.raises(RecbenchError, match=r"^load returned .* NoneType; .* with `return self`$"):
        InProcessModel(model).load(tmp_path)


def test_an_error_of_the_factory_does_not_repeat_the_name(tiny: str) -> None:
    plugins = load_plugins(mine=plugin(models={"mine": _raise(ZeroDivisionError("here"))}))
    for in_process in (False, True):
        (mine,) = recbench.run("mine", tiny, results=None, plugins=plugins, in_process=in_process)
        assert re.fullmatch(
            r"failed: mine \(plugin mine\): its factory raised ZeroDivisionError: here"
            + PLACE[:-1],
            mine.status,
        )


class Reads(Popular):
    """A model that writes into the metadata that it reads."""

    def fit(self, train: Any) -> Any:
        titles = train.titles
        titles.flags.writeable = True
        titles[:] = "mine"
        return super().fit(train)

    def score(self, history: Any) -> Any:
        assert history.item_features["year"].tolist() == [1999] * history.n_items
        return super().score(history)


def test_what_metadata_a_model_reads_is_recorded() -> None:
    log, titles = example(), np.array(["a title"] * 32, dtype=object)
    names = {"titles": titles, "item_features.year": np.full(32, 1999), "user_ids": np.arange(40)}
    log = dataclasses.replace(log, metadata=Metadata.of(names))
    model = InProcessModel(Reads())
    assert model.reads == set()
    model.fit(log)
    assert model.reads == {"titles"}
    assert titles.tolist() == ["a title"] * 32, "a model gets copies"
    model.score(log)
    assert model.reads == {"titles", "item_features.year"}


def test_a_model_that_changes_a_feature_of_interactions_is_caught() -> None:
    prices = np.where(np.arange(298) % 2, np.nan, 2.5)
    log = dataclasses.replace(example(), features={"price": prices, "shop": ["x"] * 298})
    InProcessModel(Popular()).fit(log)

    def fit(_: Any, train: Any) -> None:
        train.features["price"].flags.writeable = True
        train.features["price"][0] = 1

    with pytest.raises(RecbenchError, match="fit changed the interactions that it was given"):
        InProcessModel(type("Model", (Popular,), {"fit": fit})()).fit(log)


class Answers:
    """An object that has every attribute."""

    def __getattr__(self, name: str) -> Any:
        return self


@pytest.mark.parametrize(
    ("model", "number"), [(Lists(), 7), (object(), None), (Answers(), None), (np.zeros(3), None)]
)
def test_the_number_of_parameters_is_optional(model: Any, number: int | None) -> None:
    assert n_parameters(model) == number
