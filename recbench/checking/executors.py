"""Outside the flow: the contract of executors, rule by rule.

The functions that executors run are in this file too, so that workers can import them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from recbench.checking.rule import NotApplicableError, Rule
from recbench.code.raised import describe_raised, require
from recbench.errors import RecbenchError, UsageError
from recbench.jobs.order import core_version

SEVERAL = 3
"""How many functions are submitted at the same time."""

PAUSE = 0.02
"""Seconds between two looks at what another process does."""

ORDER: dict[str, Any] = {
    "text": 'a|b&c<d>_*"$%#\\,日本',
    "numbers": [0, -1, 2**40, 0.1, 1e-300, float("inf")],
    "nothing": None,
    "truth": [True, False],
    "nested": {"": {}, "list": [[], ["a", {"b": [1]}]]},
}
"""Values of all kinds that orders of recbench have."""

BYTES = bytes(range(256)) * 4096
"""A megabyte, as the results of a model may be."""


def describe(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return the order and what runs this function: the machine, the process and the version."""
    return {
        "order": order,
        "machine": socket.gethostname(),
        "process": os.getpid(),
        "version": core_version(),
    }


def answer(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return the order, and bytes."""
    return {**order, "bytes": BYTES}


def fail(order: Mapping[str, Any]) -> None:
    """Raise an exception with the text of the order."""
    raise ValueError(order["text"])


def start_process(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a new process prints, as each model runs in a process of its own."""
    code = f"print({order['text']!r})"
    printed = subprocess.run(  # noqa: S603  the interpreter that runs this
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return {"printed": printed.stdout.strip()}


def hold(order: Mapping[str, Any]) -> None:
    """Write the number of this process to a file, and wait."""
    with contextlib.suppress(OSError):  # the folder may be on another machine
        Path(order["file"]).write_text(str(os.getpid()), encoding="ascii")
    time.sleep(order["seconds"])


class Executing:
    """An executor that is checked. Use it as a context manager, which shuts it down.

    make: calls the factory. patience: seconds after which no answer is expected any more.
    """

    def __init__(self, make: Callable[[], Any], patience: float) -> None:
        self._make, self.patience = make, patience
        self._is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_open:
            self.shut_down()

    @functools.cached_property
    def why_not(self) -> str:
        """Why there is no executor here, such as a cluster that cannot be reached; "" otherwise."""
        try:
            _ = self.executor
        except UsageError:
            return ""  # the first rule tells
        except RecbenchError as error:
            return f"no executor can be made here: {error}"
        except Exception:
            return ""
        return ""

    @functools.cached_property
    def executor(self) -> Any:
        """What the factory returns. Raises what it raises."""
        executor = self._make()
        self._is_open = callable(getattr(executor, "shutdown", None))
        return executor

    @functools.cached_property
    def described(self) -> dict[str, Any]:
        """What a function tells about the process that it runs in."""
        return dict(self.result(describe, {"number": 20}))

    @property
    def is_here(self) -> bool:
        """Whether functions run in this process."""
        return bool(self.described["process"] == os.getpid()) and self.is_on_this_machine

    @property
    def is_on_this_machine(self) -> bool:
        """Whether functions run on this machine."""
        return bool(self.described["machine"] == socket.gethostname())

    def submit(self, function: Callable[..., Any], order: Mapping[str, Any]) -> Future[Any]:
        """Submit a function. Raises AssertionError if that returns no future."""
        future = self.executor.submit(function, order)
        require(
            isinstance(future, Future),
            "submit must return a concurrent.futures.Future, but it returned an object of type "
            f"{type(future).__name__}",
        )
        return future  # type: ignore[no-any-return]

    def result(self, function: Callable[..., Any], order: Mapping[str, Any]) -> Any:
        """Return what a submitted function returns."""
        return self.result_of(self.submit(function, order))

    def result_of(self, future: Future[Any]) -> Any:
        """Return the result of a future. Raises AssertionError if there is none."""
        try:
            return future.result(self.patience)
        except TimeoutError:
            if future.done():  # the function has raised it
                raise
            raise AssertionError(
                f"a future must get its result, but there is none after {self.patience:g} s"
            ) from None

    def shut_down(self) -> None:
        """End the executor as recbench does."""
        self._is_open = False
        self.executor.shutdown(wait=False, cancel_futures=True)


def is_executor(executing: Executing) -> str:
    """The factory returns an object with the methods of an executor."""
    executor = executing.executor
    for method in ("submit", "shutdown"):
        require(
            callable(getattr(executor, method, None)),
            "the factory must return a concurrent.futures.Executor, but it returned an object of "
            f"type {type(executor).__name__}, which has no {method}",
        )
    return type(executor).__name__


def returns_results(executing: Executing) -> str:
    """A future gets what the function returns."""
    described = executing.described
    returned = described.get("order")
    require(
        returned == {"number": 20},
        "a future must get what the function returns",
        f"it returned {{'number': 20}}, and the future has {returned!r:.80}",
    )
    if executing.is_here:
        return "in this process"
    machine = "this machine" if executing.is_on_this_machine else described["machine"]
    return f"in another process, on {machine}"


def has_same_version(executing: Executing) -> str:
    """Workers have the same recbench."""
    here, there = core_version(), executing.described["version"]
    require(
        here == there,
        "recbench must be the same where the function runs",
        f"it is {there} there, and {here} here",
    )
    return str(here)


def keeps_values(executing: Executing) -> str:
    """Values of all kinds arrive and come back as they are."""
    returned, sent = executing.result(answer, ORDER), {**ORDER, "bytes": BYTES}
    for name, value in sent.items():
        got = returned.get(name) if isinstance(returned, Mapping) else returned
        require(
            repr(got) == repr(value),
            "orders and results must not change on their way",
            f"{name} was {value!r:.60} and became {got!r:.60}",
        )
    return f"texts, numbers, lists, dicts, and {len(BYTES) // 2**20} MB of bytes"


def passes_exceptions(executing: Executing) -> str:
    """An exception of the function is the exception of the future."""
    future, text = executing.submit(fail, {"text": "on purpose"}), "on purpose"
    try:
        executing.result_of(future)
    except AssertionError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        require(
            text in f"{told} {error.__cause__}",
            "an exception of the function must be told",
            f"it raised ValueError: {text}, and the future has {told:.80}",
        )
        return told[:80] if "\n" not in told else type(error).__name__
    raise AssertionError("an exception of the function must be told, but the future has a result")


def takes_several(executing: Executing) -> str:
    """Several functions can be submitted before the first has ended, and none is lost."""
    futures = [executing.submit(describe, {"number": number}) for number in range(SEVERAL)]
    returned = [executing.result_of(future) for future in futures]
    for number, each in enumerate(returned):
        require(
            each["order"] == {"number": number},
            "each future must get the result of its own function",
            f"number {number} got {each['order']!r:.80}",
        )
    n_processes = len({(each["machine"], each["process"]) for each in returned})
    return f"{SEVERAL} functions in {n_processes} process{'es' * (n_processes > 1)}"


def starts_processes(executing: Executing) -> str:
    """A function can start a process, as recbench does for each model."""
    try:
        returned = executing.result(start_process, {"text": "started"})
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"a function must be able to start a process, but it raised {describe_raised(error)}"
        ) from error
    require(
        returned == {"printed": "started"},
        "a function must be able to start a process",
        f"it printed {returned!r:.80}",
    )
    return ""


def ends_all(executing: Executing) -> str:
    """Shutdown returns at once, and ends what runs and what waits."""
    if executing.is_here:
        executing.shut_down()
        raise NotApplicableError("functions run in this process, where nothing can end them")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "process")
        order = {"file": str(file), "seconds": 2 * executing.patience}
        futures = [executing.submit(hold, order) for _ in range(SEVERAL)]
        running = _process_in(file, executing.patience) if executing.is_on_this_machine else 0
        began = time.monotonic()
        executing.shut_down()
        require(
            time.monotonic() - began < executing.patience,
            "shutdown(wait=False, cancel_futures=True) must not wait for functions that run",
        )
    require(
        _in_time(lambda: all(future.done() for future in futures), executing.patience),
        "after shutdown(wait=False, cancel_futures=True), every future must end",
        f"{sum(not future.done() for future in futures)} of {SEVERAL} have not ended after "
        f"{executing.patience:g} s",
    )
    require(
        not running or _in_time(lambda: not _runs(running), executing.patience),
        "shutdown(wait=False, cancel_futures=True) must end the processes that run functions",
        f"process {running} still runs after {executing.patience:g} s",
    )
    return "the process of a function that ran is gone" if running else ""


def _process_in(file: Path, patience: float) -> int:
    """Return the process that writes its number to a file; 0 if none does in time."""

    def is_written() -> bool:
        return file.exists() and bool(file.read_text(encoding="ascii"))

    return int(file.read_text(encoding="ascii")) if _in_time(is_written, patience) else 0


def _in_time(holds: Callable[[], bool], patience: float) -> bool:
    """Wait until something holds, and return whether it did in time."""
    until = time.monotonic() + patience
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    return True


def _runs(process: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def refuses_more(executing: Executing) -> str:
    """After shutdown, submit raises RuntimeError."""
    try:
        executing.executor.submit(describe, {})
    except RuntimeError as error:
        return f"{type(error).__name__}: {error}"[:80]
    except Exception as error:
        raise AssertionError(
            "after shutdown, submit must raise RuntimeError, but it raised "
            f"{describe_raised(error)}"
        ) from error
    raise AssertionError("after shutdown, submit must raise RuntimeError, but it returned")


RULES = (
    Rule("the factory returns an executor", is_executor, needed=True),
    Rule("a future gets what the function returns", returns_results, needed=True),
    Rule("recbench is the same where functions run", has_same_version),
    Rule("values of all kinds come back as they were", keeps_values),
    Rule("an exception of the function is told", passes_exceptions),
    Rule("several functions can be submitted at once", takes_several),
    Rule("a function can start a process", starts_processes),
    Rule("shutdown ends all functions and processes", ends_all),
    Rule("submit raises RuntimeError after shutdown", refuses_more),
)
"""What `recbench.testing.check_executor` checks."""
