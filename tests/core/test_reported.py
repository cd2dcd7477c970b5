"""Validation values that models report, in a separate process and in this one."""

import math
import os
import threading
from typing import Any, Self

import numpy as np
import pytest
from helpers import plugin

import recbench
from recbench import RecbenchError, load_plugins, report_validation
from recbench.isolation.processes import fork
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.models.in_process import InProcessHost
from recbench.testing import example
from recbench.validation import _Current, received_by
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


def _reported(host: Any, model: type) -> list[tuple[float, int]]:
    """Return what a model reports while it is fitted."""
    found: list[tuple[float, int]] = []
    with host(load_plugins(mine=plugin(models={"mine": model}))) as made:
        _fit(made, "mine", lambda value, step: found.append((value, step)))
    return found


def _fit(host: Any, name: str, receive: Any) -> None:
    """Fit a model of a host, and score with it."""
    with host.cell(name, {"seed": 0, "device": "cpu"}) as handle:
        handle.on_validation = receive
        handle.fit(example())
        assert handle.score(example()).any()


@pytest.mark.parametrize("host", HOSTS)
def test_values_are_received_while_a_model_is_fitted(host: Any) -> None:
    found = _reported(host, Reports)
    assert str(found) == "[(1.0, 0), (0.5, 1), (nan, 2)]"
    assert {type(value) for value, _ in found} == {float}
    assert {type(step) for _, step in found} == {int}


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
    assert _reported(host, ReportsFromOthers) == [(0.25, 1), (0.5, 3)]


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

    def refuse(value: float, step: int) -> None:
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
    outer: list[float] = []
    inner: list[float] = []
    before = _Current.receive
    with received_by(lambda value, _: outer.append(value)):
        with received_by(lambda value, _: inner.append(value)):
            report_validation(1, 1)
        with received_by(None):
            report_validation(2, 1)
        report_validation(3, 1)
    report_validation(4, 1)
    assert (outer, inner) == ([2.0, 3.0], [1.0])
    assert _Current.receive is before


class Forges(Popular):
    """Sends a report that is none, past `report_validation`."""

    said: Any = None

    def fit(self, train: Any) -> Self:
        from recbench.isolation.wire import send

        asides = _Current.receive.__self__  # type: ignore[union-attr]
        send(asides._referee, {"aside": "validation", **self.said})
        return super().fit(train)


FORGED: list[dict[str, Any]] = [
    {"value": 1, "step": 1},
    {"value": "0.5", "step": 1},
    {"value": 0.5, "step": True},
    {"value": 0.5, "step": 1.0},
    {"value": 0.5, "step": -1},
    {"value": 0.5, "step": 2**31},
    {"value": 0.5},
    {"value": [0.5], "step": {}},
]


@needs_linux
def test_a_model_that_forges_reports_fails_alone() -> None:
    models: dict[str, Any] = {
        f"forges{number}": type("Forger", (Forges,), {"said": said})
        for number, said in enumerate(FORGED)
    }
    plugins = load_plugins(mine=plugin(models={**models, "fine": Reports}))
    found: list[tuple[float, int]] = []
    with IsolatedHost(plugins) as host:
        for name in models:
            with pytest.raises(RecbenchError, match="fit closed or corrupted the connection"):
                _fit(host, name, lambda value, step: found.append((value, step)))
        _fit(host, "fine", lambda value, step: found.append((value, step)))
    assert len(found) == 3


@needs_linux
def test_a_report_that_nobody_asked_for_is_refused() -> None:
    """`recbench run` does not listen, so no model has a reason to report there."""
    forges = type("Forger", (Forges,), {"said": {"value": 0.5, "step": 1}})
    results = recbench.run(
        {"forges": forges, "fine": Reports},
        "synthetic:users=30,items=20,interactions=200",
        results=None,
    )
    assert [result.ok for result in results] == [False, True]
