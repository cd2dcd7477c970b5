"""Models that run in this process: errors name the method and say what is wrong."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import plugin

from recbench import RecbenchError, UsageError, load_plugins
from recbench.models.in_process import InProcessHost, InProcessModel, build, n_parameters
from recbench.models.protocols import FitReport
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
    assert (scorer.scores, scorer.storable) == (True, False)
    assert (lister.scores, lister.storable) == (False, True)
    assert scorer.fit(log) == FitReport(resumed=False, n_parameters=log.n_items)
    assert lister.fit(log) == FitReport(resumed=False, n_parameters=7)
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
            assert model.scores
    with pytest.raises(UsageError, match="has no option"):
        build(plugins, "transformer:dimm=3", {})


class Learns:
    def fit(self, train: Any) -> Any:
        return self


@pytest.mark.parametrize(("model", "has"), [(object, "none of these"), (Learns, "only fit")])
def test_an_object_without_the_methods_of_a_model_is_refused(model: Any, has: str) -> None:
    plugins = load_plugins(mine=plugin(models={"mine": model}))
    with pytest.raises(RecbenchError, match=f"recommend.history, k.; this one has {has}$"):
        build(plugins, "mine", {})


class Answers:
    """An object that has every attribute."""

    def __getattr__(self, name: str) -> Any:
        return self


@pytest.mark.parametrize(
    ("model", "number"), [(Lists(), 7), (object(), None), (Answers(), None), (np.zeros(3), None)]
)
def test_the_number_of_parameters_is_optional(model: Any, number: int | None) -> None:
    assert n_parameters(model) == number


ELSEWHERE = """
import os, signal, sys, psutil  # psutil needs some of these at import
for module, names in (
    (os, ("fork", "pidfd_open", "memfd_create", "posix_spawn", "setsid", "mkfifo", "wait4")),
    (signal, ("SIGKILL", "pthread_sigmask", "setitimer")),
):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
for name in ("fcntl", "pty", "termios", "resource"):
    sys.modules[name] = None
import recbench
from recbench.isolation.runner import AVAILABLE
assert not AVAILABLE
(result,) = recbench.run(["popular"], "synthetic", results=None)
print(result.status)
"""


def test_models_run_in_this_process_if_they_cannot_be_isolated() -> None:
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True)
    assert done.stdout == "ok\n", done.stderr
    assert "without limits on time and memory" in done.stderr
