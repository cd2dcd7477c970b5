"""Results of an executor: stored when they are there, and run again if they are lost."""

import logging
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers import plugin
from made_jobs import FIXED, Hears, Loses

import recbench
from recbench import Store, load_plugins
from recbench.jobs.worker import WORKER

MODEL = """
import recbench
from recbench_popular import Popular

class Reports(Popular):
    "Reports values of three epochs, or fails."

    def __init__(self, fails: bool = False):
        super().__init__()
        self.fails = fails

    def fit(self, train):
        with recbench.Progress("reports", 3, "epoch") as progress:
            for epoch in range(3):
                progress.step(values={"loss": 1 / (epoch + 1)})
        if self.fails:
            raise ZeroDivisionError("on purpose")
        return super().fit(train)
"""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    Path("reports.py").write_text(MODEL)
    yield
    WORKER.close()
    WORKER.inherit([])


def _values(results: Any) -> dict[str, Any]:
    return {result.label: dict(result.values) for result in results}


@pytest.mark.parametrize("shared", [False, True])
def test_an_executor_gives_the_same_results_as_a_run_here(shared: bool) -> None:
    models = ["popular", "rules", "random"]
    with ThreadPoolExecutor(2) as threads:
        there = recbench.run(
            models, FIXED, seed=(0, 1), executor=threads, shared_results=shared, results="there"
        )
        assert threads.submit(int).result() == 0  # it was given, so it is not shut down
    here = recbench.run(models, FIXED, seed=(0, 1), results="here")
    assert _values(there) == _values(here)
    assert [result.label for result in there] == [result.label for result in here]
    assert _values(Store("there").all()) == _values(Store("here").all())
    models_here = sorted(path.name for path in Path("here").rglob("*.model"))
    assert models_here == sorted(path.name for path in Path("there").rglob("*.model"))
    assert not list(Path("there").glob(".shared-*"))
    stored = {result.label: result for result in Store("there").all()}
    assert stored["popular"].provenance["dataset"] == FIXED
    recommended = recbench.recommend("rules", FIXED, user="1", k=3, results="there")
    assert len(recommended.to_frame()) == 3


def test_stored_results_are_not_ordered() -> None:
    recbench.run("popular", FIXED)
    executor = Loses(0)
    recbench.run(["popular", "rules"], FIXED, executor=executor)
    assert executor.n_submitted == 1


def test_a_lost_worker_costs_a_retry_and_no_row(caplog: pytest.LogCaptureFixture) -> None:
    executor = Loses(1)
    results = recbench.run(["popular", "rules"], FIXED, executor=executor)
    assert [result.ok for result in results] == [True, True]
    assert executor.n_submitted == 3
    assert "popular: its worker was lost: ConnectionError: the worker is gone" in caplog.text


KILLS = """
import os, signal, sys, time
from pathlib import Path
from recbench_popular import Popular

class Kills(Popular):
    "Kills the worker each time, or only the first time."

    def __init__(self, file: str = "", once: bool = False):
        super().__init__()
        self.file, self.once = Path(file), once

    def fit(self, train):
        began = self.file.read_text() if self.file.exists() else ""
        self.file.write_text(began + "x")
        if not (began and self.once):
            time.sleep(0.5)
            pid = os.getpid()
            for _ in range(3):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                pid = next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))
            os.kill(pid, signal.SIGKILL)
            time.sleep(600)
        return super().fit(train)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="isolating models needs Linux")
def test_of_a_pool_that_breaks_only_the_cell_that_breaks_it_again_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Python's own pool of processes loses all its cells if one of its processes is killed."""
    Path("kills.py").write_text(KILLS)
    made = []

    def pool() -> ProcessPoolExecutor:
        made.append(ProcessPoolExecutor(2, multiprocessing.get_context("spawn")))
        return made[-1]

    models = ["kills.py:Kills:file=always", "kills.py:Kills:file=once,once=true"]
    others = ["popular", "random", "rules", "markov"]
    results = recbench.run(
        [*models, *others],
        FIXED,
        executor="pool",
        plugins=load_plugins(mine=plugin(executors={"pool": pool})),
    )
    assert [result.model for result in results if not result.ok] == ["Kills:file=always"]
    assert "its worker was lost: BrokenProcessPool: " in results[0].status
    assert "(the last of " in results[0].status
    assert 2 <= len(Path("always").read_text()) <= 3
    assert caplog.text.count("the executor is started again: ") == len(made) - 1 >= 2


def test_a_cell_whose_workers_are_lost_twice_is_a_failed_row() -> None:
    (result,) = recbench.run("popular", FIXED, executor=Loses(2))
    assert result.status == (
        "failed: its worker was lost: ConnectionError: the worker is gone (the last of 2 times)"
    )


def test_failures_are_rows_and_are_stored(caplog: pytest.LogCaptureFixture) -> None:
    results = recbench.run(["reports.py:Reports:fails=true", "popular"], FIXED, executor=Loses(0))
    assert [result.ok for result in results] == [False, True]
    assert "ZeroDivisionError: on purpose" in results[0].status
    assert [step for step, _, _ in results[0].curves["loss"]] == [1, 2, 3]
    assert len(Store("results").all()) == 2
    assert caplog.text.count("ZeroDivisionError: on purpose") == 1


def test_refusals_name_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recbench.jobs.worker.core_version", lambda: "0.0.1+older")
    (result,) = recbench.run("popular", FIXED, executor=Loses(0))
    assert result.status.startswith("failed: refused by worker ")
    assert "recbench is 0.0.1+older there, and 0.1.0+" in result.status


def test_trackers_hear_of_values_before_the_result() -> None:
    tracker = Hears()
    recbench.run("reports.py", FIXED, executor=Loses(0), track=tracker)
    assert tracker.heard == [
        ("Reports", 1, {"loss": 1.0}),
        ("Reports", 2, {"loss": 0.5}),
        ("Reports", 3, {"loss": 1 / 3}),
        ("Reports", True),
        ["Reports"],
    ]


def test_results_are_announced_as_they_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    recbench.run(["popular", "rules"], FIXED, executor=Loses(0))
    ended = [text for text in caplog.messages if "NDCG@10" in text]
    assert len(ended) == 2
    assert ended[0].endswith("(1 of 2)")


def test_an_answer_that_is_damaged_is_a_failed_row(monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = {"result": b"{}", "cases": b"", "messages": [], "worker": "w"}
    monkeypatch.setattr("recbench.jobs.collect.work", lambda _: damaged)
    (result,) = recbench.run("popular", FIXED, executor=Loses(0))
    assert "what a worker returned" in result.status
    assert result.status.endswith("(worker w)")


def test_plugins_hear_of_an_executor_of_a_plugin() -> None:
    def loses() -> Any:
        return Loses(0)

    plugins = load_plugins(mine=plugin(executors={"loses": loses}))
    (result,) = recbench.run("popular", FIXED, executor="loses", plugins=plugins)
    assert result.ok
