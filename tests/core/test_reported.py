"""Values that models report, in a separate process and in this one."""

import gc
import math
import os
import threading
from typing import Any, Self

import numpy as np
import pytest
from helpers import plugin

from recbench import Progress, RecbenchError, load_plugins, report_validation
from recbench.isolation.processes import fork
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.models.in_process import InProcessHost
from recbench.reported import _Current, received_by
from recbench.testing import example
from recbench_popular import Popular

needs_linux = pytest.mark.skipif(not AVAILABLE, reason="isolating models needs Linux")

HOSTS = [pytest.param(IsolatedHost, marks=needs_linux), InProcessHost]


class Reports(Popular):
    """Reports a value after each of three epochs, of different types."""

    def fit(self, train: Any) -> Self:
        report_validation(1, step=0)
        report_validation(np.float32(0.5), step=np.int64(1))  # type: ignore[arg-type]
        report_validation(math.nan, step=2)
        return super().fit(train)


Reported = list[tuple[int, dict[str, float]]]
"""Step and values, in the order in which they are reported."""


def _reported(host: Any, model: type) -> Reported:
    """Return what a model reports while it is fitted."""
    found: Reported = []
    with host(load_plugins(mine=plugin(models={"mine": model}))) as made:
        _fit(made, "mine", lambda step, values: found.append((step, dict(values))))
    return found


def _validation(*pairs: tuple[int, float]) -> Reported:
    return [(step, {"validation": value}) for step, value in pairs]


def _fit(host: Any, name: str, receive: Any) -> None:
    """Fit a model of a host, and score with it."""
    with host.cell(name, {"seed": 0, "device": "cpu"}) as handle:
        handle.on_values = receive
        handle.fit(example())
        assert handle.score(example()).any()


@pytest.mark.parametrize("host", HOSTS)
def test_values_are_received_while_a_model_is_fitted(host: Any) -> None:
    found = _reported(host, Reports)
    assert str(found) == str(_validation((0, 1.0), (1, 0.5), (2, math.nan)))
    assert {type(value) for _, values in found for value in values.values()} == {float}
    assert {type(step) for step, _ in found} == {int}


class ReportsMore(Popular):
    """Reports several values with its progress, and a step without values."""

    def fit(self, train: Any) -> Self:
        with Progress("mine", total=4, unit="epoch", done=1) as progress:
            progress.step(values={"loss": np.float32(0.5), "validation": 1, "日本 |": -math.inf})
            progress.step(message="no values")
        return super().fit(train)


@pytest.mark.parametrize("host", HOSTS)
def test_values_are_reported_with_progress(host: Any) -> None:
    assert _reported(host, ReportsMore) == [
        (2, {"loss": 0.5, "validation": 1.0, "日本 |": -math.inf}),
    ]


@pytest.mark.parametrize("host", HOSTS)
def test_nobody_has_to_listen(host: Any) -> None:
    with host(load_plugins(mine=plugin(models={"mine": Reports}))) as made:
        _fit(made, "mine", None)
    report_validation(0.5, step=1)


class ReportsFromOthers(Popular):
    """Reports from a thread, and from a child process, which nobody hears."""

    def fit(self, train: Any) -> Self:
        thread = threading.Thread(target=report_validation, args=(0.25, 1))
        thread.start()
        thread.join()
        if AVAILABLE:
            pid = fork()
            if pid == 0:
                try:
                    report_validation(0.75, 2)
                finally:
                    os._exit(0)
            os.waitpid(pid, 0)
        report_validation(0.5, 3)
        return super().fit(train)


@pytest.mark.parametrize("host", HOSTS)
def test_threads_are_heard_and_child_processes_are_not(host: Any) -> None:
    assert _reported(host, ReportsFromOthers) == _validation((1, 0.25), (3, 0.5))


class ReportsLate(Popular):
    """Reports while it scores, when nobody listens."""

    def score(self, history: Any) -> Any:
        report_validation(0.5, 1)
        return super().score(history)


@pytest.mark.parametrize("host", HOSTS)
def test_only_the_training_is_listened_to(host: Any) -> None:
    assert _reported(host, ReportsLate) == []


WRONG: list[tuple[Any, Any, type[Exception], str]] = [
    (0.5, -1, ValueError, "step must be from 0 to 2147483647, not -1"),
    (0.5, 2**31, ValueError, "step must be from 0 to 2147483647, not 2147483648"),
    (0.5, math.nan, ValueError, "value and step must be numbers, not 0.5 and nan"),
    (0.5, math.inf, ValueError, "value and step must be numbers, not 0.5 and inf"),
    (0.5, None, ValueError, "value and step must be numbers, not 0.5 and None"),
    ("high", 1, ValueError, "value and step must be numbers, not 'high' and 1"),
    (None, 1, ValueError, "value and step must be numbers, not None and 1"),
    (np.zeros(2), 1, ValueError, r"value and step must be numbers, not array\("),
]


@pytest.mark.parametrize(("value", "step", "kind", "match"), WRONG)
def test_wrong_values_are_errors_whether_somebody_listens_or_not(
    value: Any, step: Any, kind: type[Exception], match: str
) -> None:
    found: list[Any] = []
    with pytest.raises(kind, match=match):
        report_validation(value, step)
    with received_by(lambda *given: found.append(given)), pytest.raises(kind, match=match):
        report_validation(value, step)
    assert found == []


WRONG_VALUES: list[tuple[Any, str]] = [
    (["loss"], "values must be a mapping from names to numbers, such as .* not \\['loss'\\]"),
    ({"": 1}, "the name of a value is a text of 1 to 100 characters, not ''"),
    ({"a" * 101: 1}, "the name of a value is a text of 1 to 100 characters, not 'aaa"),
    ({3: 1}, "the name of a value is a text of 1 to 100 characters, not 3"),
    ({"loss": "low"}, "loss must be a number, not 'low'"),
    ({"loss": None}, "loss must be a number, not None"),
    ({"loss": np.zeros(2)}, "loss must be a number, not array"),
    ({str(number): 1.0 for number in range(101)}, "there are 101 values; report 100 at most"),
]


@pytest.mark.parametrize(("values", "match"), WRONG_VALUES)
def test_wrong_values_of_progress_are_errors(values: Any, match: str) -> None:
    found: list[Any] = []
    with (
        received_by(lambda *given: found.append(given)),
        Progress("mine") as progress,
        pytest.raises(ValueError, match=match),
    ):
        progress.step(values=values)
    assert found == []


class ReportsBelowZero(Popular):
    """Counts its epochs from -1."""

    def fit(self, train: Any) -> Self:
        report_validation(0.5, -1)
        return super().fit(train)


@pytest.mark.parametrize("host", HOSTS)
def test_a_wrong_report_is_an_error_of_the_model(host: Any) -> None:
    with pytest.raises(RecbenchError, match="fit raised ValueError: report_validation: step must"):
        _reported(host, ReportsBelowZero)


@pytest.mark.parametrize("host", HOSTS)
def test_what_the_receiver_raises_ends_the_training(host: Any) -> None:
    seen: list[int] = []

    def refuse(step: int, values: Any) -> None:
        seen.append(step)
        if step == 1:
            raise RecbenchError("worse than others")

    plugins = load_plugins(mine=plugin(models={"mine": Reports}))
    with host(plugins) as made:
        with pytest.raises(RecbenchError, match=r"^worse than others$"):
            _fit(made, "mine", refuse)
        _fit(made, "mine", None)  # the host still works
    assert seen == [0, 1]


def test_blocks_can_be_nested() -> None:
    outer: list[int] = []
    inner: list[int] = []
    before = _Current.receive
    with received_by(lambda step, _: outer.append(step)):
        with received_by(lambda step, _: inner.append(step)):
            report_validation(0.5, 1)
        with received_by(None):
            report_validation(0.5, 2)
        report_validation(0.5, 3)
    report_validation(0.5, 4)
    assert (outer, inner) == ([2, 3], [1])
    assert _Current.receive is before


class Forges(Popular):
    """Sends a report that is none, past `report_validation`."""

    said: Any = None

    def fit(self, train: Any) -> Self:
        from recbench.isolation.asides import Asides
        from recbench.isolation.wire import send

        asides = next(each for each in gc.get_objects() if isinstance(each, Asides))
        send(asides._referee, {"aside": "values", **self.said})
        return super().fit(train)


FORGED: list[dict[str, Any]] = [
    {"values": {"loss": 1}, "step": 1},
    {"values": {"loss": "0.5"}, "step": 1},
    {"values": {"loss": 0.5}, "step": True},
    {"values": {"loss": 0.5}, "step": 1.0},
    {"values": {"loss": 0.5}, "step": -1},
    {"values": {"loss": 0.5}, "step": 2**31},
    {"values": {"": 0.5}, "step": 1},
    {"values": {"a" * 101: 0.5}, "step": 1},
    {"values": {str(number): 0.5 for number in range(101)}, "step": 1},
    {"values": 0.5, "step": 1},
    {"values": {"loss": 0.5}},
    {"values": [0.5], "step": {}},
]


@needs_linux
def test_a_model_that_forges_reports_fails_alone() -> None:
    models: dict[str, Any] = {
        f"forges{number}": type("Forger", (Forges,), {"said": said})
        for number, said in enumerate(FORGED)
    }
    plugins = load_plugins(mine=plugin(models={**models, "fine": Reports}))
    found: list[int] = []
    with IsolatedHost(plugins) as host:
        for name in models:
            with pytest.raises(RecbenchError, match="fit closed or corrupted the connection"):
                _fit(host, name, lambda step, _: found.append(step))
        _fit(host, "fine", lambda step, _: found.append(step))
    assert found == [0, 1, 2]


@needs_linux
def test_a_report_that_nobody_asked_for_is_refused() -> None:
    """If nobody listens, no model has a reason to report."""
    forges = type("Forger", (Forges,), {"said": {"values": {"loss": 0.5}, "step": 1}})
    plugins = load_plugins(mine=plugin(models={"forges": forges, "fine": Reports}))
    with IsolatedHost(plugins) as host:
        with pytest.raises(RecbenchError, match="fit closed or corrupted the connection"):
            _fit(host, "forges", None)
        _fit(host, "fine", None)
