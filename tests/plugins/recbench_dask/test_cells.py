"""Models on workers of Dask: the same numbers, isolation, limits, retries and refusals."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import install
from made_cells import DATA, check_worst, run_killed, run_worst, values

import recbench
from recbench import RecbenchError, Store
from recbench.cli.main import main

pytest.importorskip("distributed", exc_type=ImportError)
if not sys.platform.startswith("linux"):
    pytest.skip("isolating models needs Linux", allow_module_level=True)

from recbench_dask import dask


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return an executor on two workers, which all tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        executor = dask(workers=2)
    yield executor
    executor.shutdown(wait=False, cancel_futures=True)


@pytest.mark.parametrize("shared", [False, True])
def test_numbers_are_those_of_a_run_here(workers: Any, shared: bool) -> None:
    models: Any = ["rules", "random", "popular"]
    there = recbench.run(
        models, DATA, seed=(0, 1), executor=workers, shared_results=shared, results="there"
    )
    here = recbench.run(models, DATA, seed=(0, 1), results="here")
    assert values(there) == values(here) == values(Store("there").all())
    names = sorted(path.name for path in Path("here").rglob("*.model"))
    assert names == sorted(path.name for path in Path("there").rglob("*.model"))
    assert recbench.run(models, DATA, seed=(0, 1), results="there").reused


def test_the_worst_models_end_as_failed_rows(workers: Any) -> None:
    check_worst(run_worst(workers))


@pytest.mark.parametrize("shared", [False, True])
def test_a_worker_that_is_killed_costs_a_retry_and_no_row(
    workers: Any, shared: bool, tmp_path: Path
) -> None:
    assert run_killed(workers, tmp_path, shared_results=shared) == ["from 0", "from 2"]


def test_data_that_differ_on_the_worker_are_refused(
    workers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.py").write_text(
        "import os\nimport recbench\n\n"
        "def made():\n    here = int(os.environ.get('ONLY_HERE', '0'))\n"
        "    log = recbench.Interactions.from_log([0, 0, 1, 1], [0, 1, 2, here], [1, 2, 1, 2])\n"
        "    return recbench.Dataset('made', log, [7, 8], ['a', 'b', 'c'])\n"
    )
    monkeypatch.setenv("ONLY_HERE", "1")
    (result,) = recbench.run("popular", "data.py", executor=workers)
    assert result.status.startswith("failed: refused by worker ")
    assert "the dataset made has other content: its sha256 is " in result.status


VERSIONS = """
import recbench
from recbench_popular import Popular

class Mine(Popular):
    "Version {version}."

@recbench.hookimpl
def recbench_models():
    return {{"mine": Mine}}
"""


def test_other_versions_of_a_plugin_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers find the plugin in another folder than this process does."""
    path = list(sys.path)
    for version in ("1.0", "2.0"):
        install(tmp_path / version, mine=VERSIONS.format(version=version))
    about = tmp_path / "2.0" / "mine-1.0.dist-info" / "METADATA"
    about.write_text(about.read_text().replace("Version: 1.0", "Version: 2.0"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "2.0"), *path])
    executor = dask(workers=1)
    try:
        monkeypatch.setattr(sys, "path", [str(tmp_path / "1.0"), *path])
        mine, popular = recbench.run(["mine", "popular"], DATA, executor=executor)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        sys.modules.pop("mine", None)
    assert popular.ok
    assert "plugin mine is 2.0+" in mine.status
    assert "there, and 1.0+" in mine.status


def test_a_cluster_that_cannot_be_reached_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "popular", "--dataset", DATA]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--executor", "dask:address=tcp://127.0.0.1:9,timeout=2"])
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if not line.startswith("synthetic")]
    assert len(lines) == 1
    assert lines[0].startswith("Error: dask: no scheduler answers at tcp://127.0.0.1:9")


def test_the_command_starts_and_ends_its_own_workers(tmp_path: Path) -> None:
    before = {path.name for path in Path.cwd().iterdir()}
    results = recbench.run(["popular", "random"], DATA, executor="dask:workers=1", results=None)
    assert [result.ok for result in results] == [True, True]
    assert {path.name for path in Path.cwd().iterdir()} - before <= {"cache"}
    assert shutil.which("python")
    with pytest.raises(RecbenchError, match="no scheduler answers"):
        recbench.run("popular", DATA, executor="dask:address=127.0.0.1:9,timeout=1")
