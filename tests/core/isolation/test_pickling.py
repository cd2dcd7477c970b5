"""Models given as objects: they are sent to their process, without any data."""

import functools
import threading
from typing import Any

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import RecbenchError, load_plugins
from recbench.isolation.pickling import UnpicklableError, pickled
from recbench.isolation.runner import AVAILABLE
from recbench.testing import example
from recbench_popular import Popular

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")

OFFSET = 3.0
LOCK = threading.Lock()


def _offer(factory: Any) -> Any:
    return load_plugins(mine=plugin(models={"mine": factory})).find("models", "mine")


def _run(factory: Any, dataset: str) -> recbench.Results:
    plugins = load_plugins(mine=plugin(models={"mine": factory}))
    return recbench.run(["mine", "popular"], dataset, results=None, plugins=plugins)


def test_a_class_typed_in_a_notebook_is_sent_with_the_globals_it_uses(tiny: str) -> None:
    cell = """
class Mine(Popular):
    def score(self, history):
        return np.asarray(super().score(history)) + offset
"""
    notebook = {"Popular": Popular, "np": np, "offset": 2.5, "__name__": "__main__"}
    exec(cell, notebook)
    mine, popular = _run(notebook["Mine"], tiny)
    assert mine.ok, mine.status
    assert mine.values == popular.values


@pytest.mark.parametrize(
    "make",
    [
        example,
        lambda: recbench.load_dataset("synthetic:users=5,items=5,interactions=20"),
        lambda: recbench.Split(example(), example(), np.zeros(40, dtype=np.int32)),
        lambda: [{"deep": (example(),)}],
    ],
)
def test_a_model_that_refers_to_data_is_refused(tiny: str, make: Any) -> None:
    data = make()

    class Peeks(Popular):
        def score(self, history: Any) -> Any:
            assert data
            return super().score(history)

    with pytest.raises(RecbenchError, match=r"object of type \w+, which may contain targets"):
        pickled(_offer(Peeks))
    mine, popular = _run(Peeks, tiny)
    assert "A model gets its data from fit(train)" in mine.status
    assert popular.ok


def test_a_model_that_refers_to_a_fitted_object_is_refused(tiny: str) -> None:
    """Such an object may have seen the targets, and learn on from there."""
    base = Popular()

    class Around(Popular):
        def fit(self, train: Any) -> Any:
            base.fit(train)
            return super().fit(train)

    factories = {"closure": Around, "itself": lambda: base, "partial": functools.partial(id, base)}
    for factory in factories.values():
        assert pickled(_offer(factory))
    base.fit(recbench.load_dataset(tiny).interactions)
    for factory in factories.values():
        with pytest.raises(RecbenchError, match=r"object of type Popular that was fitted or"):
            pickled(_offer(factory))
    mine, popular = _run(lambda: base, tiny)
    assert "Give a new one, or a function that builds all" in mine.status
    assert popular.ok


def test_a_model_that_cannot_be_pickled_runs_in_this_process_and_says_so(
    tiny: str, caplog: pytest.LogCaptureFixture
) -> None:
    lock = threading.Lock()

    class Locks(Popular):
        def score(self, history: Any) -> Any:
            with lock:
                return super().score(history)

    with pytest.raises(UnpicklableError, match="lock"):
        pickled(_offer(Locks))
    mine, popular = _run(Locks, tiny)
    assert mine.values == popular.values
    said = [record.message for record in caplog.records if "main process" in record.message]
    assert len(said) == 1
    assert said[0].startswith("mine (plugin mine) runs in the main process, without isolation")


def test_whatever_pickling_raises_is_the_reason_why_a_model_cannot_be_pickled() -> None:
    class Exits:
        def __reduce__(self) -> str:
            raise SystemExit(0)

    part = Exits()
    with pytest.raises(UnpicklableError, match=r"SystemExit: 0"):
        pickled(_offer(lambda: part))


def test_a_model_that_cannot_be_unpickled_there_is_an_error(tiny: str) -> None:
    class Module(type):
        def __reduce_ex__(cls, _: Any) -> Any:
            return __import__, ("no_such_module",)

    mine, popular = _run(Module("Mine", (Popular,), {}), tiny)
    assert mine.ok or "No module named 'no_such_module'" in mine.status
    assert popular.ok
