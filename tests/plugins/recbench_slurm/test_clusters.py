"""Jobs on this machine, and on a SLURM cluster of which only the commands are made up."""

import os
import re
import subprocess
import sys

import psutil
import pytest

import recbench

pytest.importorskip("submitit", exc_type=ImportError)

from recbench_slurm import slurm


def test_jobs_of_this_machine_have_the_current_folder_and_their_share_of_it(work, tmp_path) -> None:
    (tmp_path / "json.py").write_text("raise AssertionError('the wrong module')")
    with slurm(cluster="local", at_once=3, cpus=2) as executor:
        names = ("PWD", "OMP_NUM_THREADS", "RECBENCH_JOBS", "CUDA_VISIBLE_DEVICES")
        assert executor.submit(work.environment, *names).result() == [
            os.environ.get("PWD"),
            "2",
            "3",
            "",
        ]
        assert executor.submit(os.getcwd).result() == str(tmp_path)
    assert os.listdir(tmp_path) == ["json.py"]


@pytest.mark.parametrize("process", ["job", "parent"])
def test_a_local_job_that_is_killed_fails_and_keeps_its_files(work, tmp_path, process) -> None:
    with slurm(cluster="local", folder="jobs") as executor:
        error = executor.submit(work.die, of=process).exception()
    assert isinstance(error, recbench.RecbenchError)
    assert re.fullmatch(
        rf"slurm: job \d+ was killed; its files are in {tmp_path}/jobs/.+", str(error)
    )
    assert os.listdir(str(error).split()[-1])


def test_a_local_job_ends_at_its_limit(work, tmp_path) -> None:
    with slurm(cluster="local", minutes=0.02) as executor:
        before = set(psutil.Process().children())
        future = executor.submit(work.last_long, tmp_path / "job")
        with pytest.raises(recbench.RecbenchError, match=r"job \d+ passed its 0\.02 minutes"):
            future.result()
    assert set(psutil.Process().children()) <= before


def test_local_jobs_end_with_the_process_that_started_them(work, tmp_path) -> None:
    code = (
        "import time, made_work\n"
        "from pathlib import Path\n"
        "from recbench_slurm import slurm\n"
        "executor = slurm(cluster='local')\n"
        f"executor.submit(made_work.last_long, Path({str(tmp_path / 'job')!r}))\n"
        "time.sleep(600)\n"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", code], env=variables)
    job = psutil.Process(work.wait_for(tmp_path / "job"))
    process.kill()
    process.wait()
    assert work.ends(job)


def test_jobs_that_are_submitted_together_are_an_array(work, fake, tmp_path) -> None:
    options = {"partition": "long", "gpus": 1, "cpus": 2, "memory": 1.5, "minutes": 90}
    with slurm(**options, account="us", qos="high", at_once=3) as executor:
        futures = [executor.submit(work.environment, "OMP_NUM_THREADS") for _ in range(4)]
        assert [future.result() for future in futures] == [["2"]] * 4
    (script,) = fake.glob("*.script")
    expected = {
        *("array=0-3%3", "partition=long", "gpus-per-node=1", "cpus-per-task=2", "mem=1536MB"),
        *("time=90", "account=us", "qos=high", "job-name=recbench"),
    }
    assert expected <= set(re.findall(r"#SBATCH --(.*)", script.read_text()))
    assert not (tmp_path / "recbench-slurm").exists()


def test_a_job_of_slurm_that_is_killed_or_too_long_fails(work, fake, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FAKE_MINUTE", "1")
    with slurm(minutes=1) as short, slurm(minutes=500) as long:
        too_long = short.submit(work.last_long, tmp_path / "job")
        killed = long.submit(work.die, of="job")
        with pytest.raises(recbench.RecbenchError, match=r"job \d+ passed its 1 minutes"):
            too_long.result()
        with pytest.raises(recbench.RecbenchError, match=r"job \d+ .* state FAILED and without"):
            killed.result()


def test_a_job_that_cannot_be_submitted_fails_with_the_reason_of_slurm(fake, work, capfd) -> None:
    with slurm(partition="missing") as executor:
        error = executor.submit(os.getpid).exception()
    assert str(error) == (
        "slurm: no job could be submitted: sbatch: error: invalid partition specified: missing"
    )


def test_jobs_of_slurm_are_cancelled_at_the_end(work, fake, tmp_path) -> None:
    executor = slurm()
    futures = [executor.submit(work.last_long, tmp_path / f"job{n}") for n in range(2)]
    jobs = [psutil.Process(work.wait_for(tmp_path / f"job{n}")) for n in range(2)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in futures)
    assert all(work.ends(job) for job in jobs)
    assert len(re.findall("^scancel 100_0 100_1 ", (fake / "log").read_text(), re.MULTILINE)) == 1
    assert not (tmp_path / "recbench-slurm").exists()
