"""Executors that break one rule each fail this rule."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from recbench.checking import executors
from recbench.checking.executors import Executing
from recbench.checking.rule import outcomes


class Threads(ThreadPoolExecutor):
    """Two threads, in this process."""

    def __init__(self) -> None:
        super().__init__(2)


def findings(factory: Any, patience: float = 60) -> dict[str, tuple[str, str]]:
    with Executing(factory, patience) as executing:
        found = outcomes(executors.RULES, executing)
        return {rule: (outcome, detail) for rule, outcome, detail in found}


def test_threads_keep_all_rules_but_that_for_processes() -> None:
    found = findings(Threads)
    assert {rule: outcome for rule, (outcome, _) in found.items() if outcome != "passed"} == {
        "shutdown ends all functions and processes": "not applicable"
    }
    assert found["a future gets what the function returns"][1] == "in this process"


class Elsewhere(Threads):
    """Threads that seem to be on another machine, where a stop ends what they run."""

    def __init__(self) -> None:
        super().__init__()
        self.stop = threading.Event()

    def submit(self, function: Any, order: Any) -> Any:  # type: ignore[override]
        return super().submit(self._run, function, order)

    def _run(self, function: Any, order: Any) -> Any:
        if function is executors.hold:
            self.stop.wait()
            raise ConnectionError("stopped")
        answer = function(order)
        return {**answer, "machine": "there"} if function is executors.describe else answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        self.stop.set()


def test_an_executor_on_another_machine() -> None:
    found = findings(Elsewhere)
    assert {outcome for outcome, _ in found.values()} == {"passed"}
    assert found["a future gets what the function returns"][1] == "in another process, on there"


class WithoutShutdown:
    def submit(self, function: Any, order: Any) -> None: ...


class WithoutFutures(Threads):
    def submit(self, function: Any, order: Any) -> Any:  # type: ignore[override]
        return super().submit(function, order).result()


class Answers(Elsewhere):
    """Changes the answers of functions."""

    def _run(self, function: Any, order: Any) -> Any:
        return self.changed(function, super()._run(function, order))

    def changed(self, function: Any, answer: Any) -> Any:
        return answer


class Mixes(Answers):
    def changed(self, function: Any, answer: Any) -> Any:
        return {**answer, "order": {}} if function is executors.describe else answer


class IsOld(Answers):
    def changed(self, function: Any, answer: Any) -> Any:
        return {**answer, "version": "0.0.1"} if function is executors.describe else answer


class Converts(Answers):
    def changed(self, function: Any, answer: Any) -> Any:
        is_answer = function is executors.answer
        return {**answer, "truth": tuple(answer["truth"])} if is_answer else answer


class Swallows(Elsewhere):
    def _run(self, function: Any, order: Any) -> Any:
        return None if function is executors.fail else super()._run(function, order)


class Hides(Elsewhere):
    def _run(self, function: Any, order: Any) -> Any:
        if function is executors.fail:
            raise RuntimeError("something went wrong")
        return super()._run(function, order)


class IsDaemonic(Elsewhere):
    def _run(self, function: Any, order: Any) -> Any:
        if function is executors.start_process:
            raise PermissionError("no processes here")
        return super()._run(function, order)


class Leaves(Elsewhere):
    """Cancels nothing at its end."""

    futures: tuple[Any, ...] = ()

    def submit(self, function: Any, order: Any) -> Any:
        if function is not executors.hold:
            return super().submit(function, order)
        self.futures = (*self.futures, Future())
        return self.futures[-1]


class AcceptsMore(Elsewhere):
    def submit(self, function: Any, order: Any) -> Any:
        return Future() if self.stop.is_set() else super().submit(function, order)


class RaisesAnother(Elsewhere):
    def submit(self, function: Any, order: Any) -> Any:
        if self.stop.is_set():
            raise AttributeError("no client")
        return super().submit(function, order)


@pytest.mark.parametrize(
    ("factory", "rule", "detail"),
    [
        (
            lambda: 3,
            "the factory returns an executor",
            "an object of type int, which has no submit",
        ),
        (WithoutShutdown, "the factory returns an executor", "which has no shutdown"),
        (lambda: 1 / 0, "the factory returns an executor", "ZeroDivisionError"),
        (
            WithoutFutures,
            "a future gets what the function returns",
            "submit must return a concurrent.futures.Future, but it returned an object of type",
        ),
        (
            Mixes,
            "a future gets what the function returns",
            "it returned {'number': 20}, and the future has {}",
        ),
        (IsOld, "recbench is the same where functions run", "it is 0.0.1 there, and "),
        (
            Converts,
            "values of all kinds come back as they were",
            "truth was [True, False] and became (True, False)",
        ),
        (Swallows, "an exception of the function is told", "but the future has a result"),
        (
            Hides,
            "an exception of the function is told",
            "it raised ValueError: on purpose, and the future has RuntimeError: something went",
        ),
        (
            IsDaemonic,
            "a function can start a process",
            "but it raised PermissionError: no processes here",
        ),
        (
            AcceptsMore,
            "submit raises RuntimeError after shutdown",
            "must raise RuntimeError, but it returned",
        ),
        (
            RaisesAnother,
            "submit raises RuntimeError after shutdown",
            "must raise RuntimeError, but it raised AttributeError: no client",
        ),
    ],
)
def test_an_executor_that_breaks_a_rule(factory: Any, rule: str, detail: str) -> None:
    found = findings(factory)
    outcome, told = found[rule]
    assert outcome == "failed"
    assert detail in told
    others = [name for name, (each, _) in found.items() if each == "failed" and name != rule]
    assert others == []


def test_futures_that_never_end_are_found() -> None:
    found = findings(Leaves, patience=1)
    assert found["shutdown ends all functions and processes"] == (
        "failed",
        "3 of 3 have not ended after 1 s",
    )

    class Silent(Threads):
        def submit(self, function: Any, order: Any) -> Any:  # type: ignore[override]
            return Future()

    outcome, told = findings(Silent, patience=0.1)["a future gets what the function returns"]
    assert (outcome, told) == (
        "failed",
        "a future must get its result, but there is none after 0.1 s",
    )
