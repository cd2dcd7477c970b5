"""Where cells run: the same results side by side as one after the other, and what is refused."""

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import plugin
from made_jobs import FIXED, Hears, Prints, Reports

import recbench
from recbench import RecbenchError, Store, UsageError, load_plugins
from recbench.isolation.runner import AVAILABLE
from recbench.jobs.pool import ForkedPool

needs_linux = pytest.mark.skipif(not AVAILABLE, reason="cells run side by side on Linux only")


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[ForkedPool]:
    """Return the pools that are made, whose list gets each of them."""
    made: list[ForkedPool] = []

    def make(n_jobs: int) -> ForkedPool:
        made.append(ForkedPool(n_jobs))
        return made[-1]

    monkeypatch.setattr("recbench.jobs.engines.ForkedPool", make)
    return made


def _values(results: Any) -> dict[str, Any]:
    return {result.label: dict(result.values) for result in results}


@needs_linux
def test_results_side_by_side_are_those_of_one_after_the_other(pools: list[ForkedPool]) -> None:
    models, data = ["popular", "rules", "random"], [FIXED, "synthetic:users=20,interactions=200"]
    there = recbench.run(models, data, jobs=3, results="there", metrics="ndcg,mrr")
    here = recbench.run(models, data, results="here", metrics="ndcg,mrr")
    assert len(pools) == 1
    assert len(here) == 6
    assert [result.label for result in there] == [result.label for result in here]
    assert [dict(result.values) for result in there] == [dict(result.values) for result in here]
    assert _values(Store("there").all()) == _values(Store("here").all())
    assert str(there).partition("fit s")[0] == str(here).partition("fit s")[0]
    names = sorted(path.name for path in Path("here").rglob("*.model"))
    assert names
    assert names == sorted(path.name for path in Path("there").rglob("*.model"))
    again = recbench.run(models, data, jobs=2, results="there")
    assert len(again.reused) == 6
    assert len(pools) == 1  # there was nothing to run


@needs_linux
def test_with_a_full_disk_results_are_returned_and_each_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    results = recbench.run([Prints, "popular", "rules"], FIXED, jobs=2)
    assert [result.ok for result in results] == [False, True, True]
    assert caplog.text.count("NOT STORED") == 3
    assert caplog.text.count("ZeroDivisionError: ") == 1


@needs_linux
def test_objects_run_side_by_side_and_nothing_has_to_be_stored() -> None:
    log = pd.DataFrame({"user": np.repeat(range(20), 5), "item": np.tile(range(10), 10)})
    given = {"first": Reports(), "second": "popular", "third": Prints()}
    tracker = Hears()
    results = recbench.run(given, log, jobs=2, results=None, track=tracker)
    assert [result.ok for result in results] == [True, True, False]
    assert "ZeroDivisionError" in results[2].status
    assert [step for step, _, _ in results[0].curves["validation"]] == [1, 2, 3]
    assert tracker.heard[-1] == ["first", "second", "third"]
    steps = [heard[1] for heard in tracker.heard[:-1] if heard[0] == "first"]
    assert steps == [1, 2, 3, True]


@needs_linux
@pytest.mark.parametrize("ends", ["raise", "kill"])
def test_a_cell_that_is_interrupted_resumes(ends: str, tmp_path: Path) -> None:
    """Killing the process that runs it costs one retry and no row; a failure is a row."""
    file = tmp_path / "ends"
    file.write_text(ends)
    models = [f"reports:ends={file}", "popular"]
    plugins = load_plugins(mine=plugin(models={"reports": Reports}))
    results = recbench.run(models, FIXED, plugins=plugins, jobs=2)
    if ends == "raise":
        assert not results[0].ok
        results = recbench.run(models, FIXED, plugins=plugins, jobs=2)
    assert [result.ok for result in results] == [True, True]
    assert [step for step, _, _ in results[0].curves["loss"]] == [1, 2, 3]
    assert np.isnan(results[0].fit_seconds)  # it resumed, so the whole time is unknown


@needs_linux
def test_a_limit_holds_for_each_cell() -> None:
    plugins = load_plugins(mine=plugin(models={"hangs": Hangs, "reports": Reports}))
    results = recbench.run(
        ["hangs", "reports", "popular"], FIXED, jobs=2, timeout=2, plugins=plugins, results=None
    )
    assert [result.ok for result in results] == [False, True, True]
    assert "the time limit of 2 s (--timeout) ran out during fit" in results[0].status


class Hangs(Reports):
    """Trains for ever."""

    def fit(self, train: Any, checkpoint: Path | None = None) -> Any:
        signal.pause()


@needs_linux
def test_ctrl_c_keeps_what_has_ended(tmp_path: Path) -> None:
    Path("hangs.py").write_text(
        "import pathlib, time\nfrom recbench_popular import Popular\n\n"
        "class Hangs(Popular):\n    '''Trains for ever.'''\n"
        "    def fit(self, train):\n        pathlib.Path('begun').touch()\n"
        "        time.sleep(999)\n"
    )
    command = ["run", "popular", "random", "hangs.py", "--dataset", FIXED, "--jobs", "2"]
    running = subprocess.Popen(
        [sys.executable, "-m", "recbench", *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    said = []
    assert running.stderr is not None
    for line in running.stderr:
        said.append(line)
        if "(2 of 3)" in line:
            break
    while not Path("begun").exists():
        assert running.poll() is None, said
    os.killpg(running.pid, signal.SIGINT)
    _, rest = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Finished results are stored; run the same command to continue" in rest
    assert {result.model for result in Store("results").all()} == {"popular", "random"}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            assert str(tmp_path) != os.readlink(path / "cwd") or path.name == str(os.getpid())


def test_auto_runs_short_work_in_one_process_and_long_work_in_several(
    pools: list[ForkedPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    recbench.run(["popular", "rules"], FIXED, jobs="auto", results=None)
    assert pools == []
    if not AVAILABLE:
        return
    monkeypatch.setattr("recbench.jobs.engines.most_jobs", lambda _: (2, ""))
    monkeypatch.setattr("recbench.jobs.engines.pays", lambda *_: True)
    results = recbench.run(["popular", "rules", "random"], FIXED, jobs="auto", results=None)
    assert [result.model for result in results] == ["popular", "rules", "random"]
    assert len(pools) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"jobs": 0}, "--jobs must be 1 or more, not 0"),
    ({"jobs": "many"}, "--jobs must be a whole number or auto, not 'many'"),
    ({"jobs": 1.5}, r"--jobs must be a whole number, not 1\.5"),
    ({"jobs": 2, "executor": "dask"}, "give --jobs or --executor, not both"),
    ({"jobs": 2, "in_process": True}, "--in-process runs one model at a time"),
    ({"executor": "dask", "in_process": True}, "--in-process runs one model at a time"),
    ({"executor": "dusk"}, "no executor 'dusk'; did you mean 'dask'"),
    ({"executor": "dask:wrkers=2"}, "no option 'wrkers'; did you mean 'workers'"),
    ({"executor": "nothing.py"}, "there is no file 'nothing.py'"),
    ({"executor": 3}, "is not a executor|is not an executor"),
    ({"shared_results": True}, "--shared-results is for --executor"),
    ({"executor": "dask", "shared_results": True, "results": None}, "needs a folder of results"),
    ({"track": "mlfow"}, "no tracker 'mlfow'; did you mean 'mlflow'"),
    ({"track": ["mlflow:experimnt=x"]}, "no option 'experimnt'; did you mean 'experiment'"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recbench.run("popular", FIXED, **arguments)
    assert not Path("results").exists()


def test_objects_cannot_be_sent_elsewhere(tiny: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(UsageError, match="given as a DataFrame"):
            recbench.run("popular", pd.read_csv(tiny), executor=threads)
        with pytest.raises(UsageError, match="model Reports is given as a Python object"):
            recbench.run(Reports, tiny, executor=threads)
    assert not Path("results").exists()


def test_a_factory_that_returns_no_executor_is_an_error() -> None:
    plugins = load_plugins(mine=plugin(executors={"odd": lambda: 3}))
    with pytest.raises(RecbenchError, match="returned an object of type int; it must return a con"):
        recbench.run("popular", FIXED, executor="odd", plugins=plugins)


def test_an_executor_in_a_file() -> None:
    Path("mine.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n\n"
        "def threads(workers: int = 1):\n    return ThreadPoolExecutor(workers)\n"
    )
    results = recbench.run(["popular", "rules"], FIXED, executor="mine.py:threads:workers=2")
    assert [result.ok for result in results] == [True, True]
