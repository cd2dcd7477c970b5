"""Models as jobs of this machine: the same numbers, isolation, limits, retries and refusals."""

import shutil
import sys
from pathlib import Path

import pytest
from made_cells import DATA, check_worst, run_killed, run_worst, values

import recbench
from recbench import Store

pytest.importorskip("submitit", exc_type=ImportError)
if not sys.platform.startswith("linux"):
    pytest.skip("isolating models needs Linux", allow_module_level=True)

LOCAL = "slurm:cluster=local,at_once=2"


@pytest.mark.parametrize("shared", [False, True])
def test_numbers_are_those_of_a_run_here(shared: bool) -> None:
    models = ["rules", "popular"]
    there = recbench.run(models, DATA, executor=LOCAL, shared_results=shared, results="there")
    here = recbench.run(models, DATA, results="here")
    assert values(there) == values(here) == values(Store("there").all())
    assert not Path("recbench-slurm").exists()


def test_the_worst_models_end_as_failed_rows() -> None:
    check_worst(run_worst(LOCAL))


def test_a_job_that_is_killed_costs_a_retry_and_no_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run_killed(LOCAL, tmp_path) == ["from 0", "from 2"]
    assert "its worker was lost: slurm: job" in caplog.text


def test_another_version_of_recbench_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs find recbench in another folder than this process does."""
    place = Path(recbench.__file__).parent
    copied = tmp_path / "site" / "recbench"
    shutil.copytree(place, copied, ignore=shutil.ignore_patterns("__pycache__"))
    with (copied / "errors.py").open("a") as file:
        file.write("# another version\n")
    monkeypatch.setattr(sys, "path", [str(copied.parent), *sys.path])
    (result,) = recbench.run("popular", DATA, executor=LOCAL)
    assert result.status.startswith("failed: refused by worker ")
    assert "recbench is 0.1.0+" in result.status
    assert "there, and 0.1.0+" in result.status
