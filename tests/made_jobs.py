"""Models, functions and executors for tests of cells that run in other processes."""

import os
import signal
import time
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np

import recbench
from recbench import hookimpl
from recbench_popular import Popular

FIXED = "synthetic:users=30,items=20,interactions=300"


class Reports(Popular):
    """Reports two values after each of three epochs, from the epoch that its checkpoint has."""

    def __init__(self, ends: str = "", seed: int = 0) -> None:
        super().__init__()
        self.ends = ends

    def fit(self, train: Any, checkpoint: Path | None = None) -> Any:
        begun = recbench.read_checkpoint(checkpoint)
        done = int(begun) if begun else 0
        with recbench.Progress("reports", 3, "epoch", done) as progress:
            for epoch in range(done, 3):
                progress.step(values={"loss": 1 / (epoch + 1), "validation": epoch / 10})
                recbench.write_checkpoint(checkpoint, str(epoch + 1).encode())
                if self.ends and epoch == 1:
                    self._end(Path(self.ends))
        return super().fit(train)

    def _end(self, file: Path) -> None:
        """Kill the process that runs this cell, or raise, if a file says so; once for each word."""
        words = file.read_text().split()
        file.write_text(" ".join(words[1:]))
        if words and words[0] == "raise":
            raise ZeroDivisionError("on purpose")
        if words and words[0] == "kill":
            os.kill(parent(parent(parent(os.getpid()))), signal.SIGKILL)
            time.sleep(1000)


class Prints(Popular):
    """Prints, logs and fails."""

    def fit(self, train: Any) -> Any:
        print("printed by the model")
        print(1 / 0)


def parent(number: int) -> int:
    """Return the parent of a process.

    That of a model is its watcher. Then there is the server that has forked both, and then the
    process that runs the cell.
    """
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))


def pid() -> int:
    return os.getpid()


def environment(name: str) -> str:
    return os.environ.get(name, "")


def fail(error: type[BaseException]) -> None:
    raise error("on purpose")


def kill(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(1000)


def leave(code: int) -> None:
    os._exit(code)


def wait_for(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def say(text: str) -> None:
    print(text)
    recbench.progress.log.warning("%s, logged", text)


def work_on(text: str, n: int) -> None:
    with recbench.Progress(text, n) as progress:
        for number in range(n):
            progress.step(message=f"number {number}")


def arrays() -> dict[str, Any]:
    return {"a": np.arange(3)}


class Loses(Executor):
    """Loses the first answers, as an executor does whose workers are killed."""

    def __init__(self, n_lost: int) -> None:
        self.n_lost, self.n_submitted = n_lost, 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.n_submitted += 1
        future: Future[Any] = Future()
        if self.n_submitted <= self.n_lost:
            future.set_exception(ConnectionError("the worker is gone"))
        else:
            future.set_result(function(*args, **kwargs))
        return future


class Hears:
    """A tracker that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @hookimpl
    def recbench_progress(self, cell: Any, step: int, values: Any) -> None:
        self.heard.append((cell.model, step, dict(values)))

    @hookimpl
    def recbench_run_finished(self, result: Any) -> None:
        self.heard.append((result.model, result.ok))

    @hookimpl
    def recbench_all_finished(self, results: Any) -> None:
        self.heard.append([result.model for result in results])
