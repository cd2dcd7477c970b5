"""An executor whose functions run as jobs."""

import os
import signal
import threading
from concurrent.futures import wait

import psutil
import pytest

pytest.importorskip("submitit", exc_type=ImportError)

from recbench_slurm import slurm


def test_results_and_exceptions_come_back(work, tmp_path, capfd) -> None:
    with slurm(cluster="local", at_once=2) as executor:
        large = executor.submit(bytes, 20_000_000)
        failed = executor.submit(work.fail, text="own words")
        local = executor.submit(lambda: [os.getpid()][0])  # is pickled with its code
        assert len(large.result()) == 20_000_000
        with pytest.raises(ValueError, match=r"^own words$"):
            failed.result()
        assert local.result() != os.getpid()
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(os.getpid)


def test_running_and_waiting_jobs_can_be_cancelled(work, tmp_path) -> None:
    executor = slurm(cluster="local", at_once=1)
    running, waiting, last = (
        executor.submit(work.last_long, tmp_path / name) for name in ("a", "b", "c")
    )
    job = psutil.Process(work.wait_for(tmp_path / "a"))
    for process in (job, job.parent()):  # Ctrl-C in a terminal, which the main process handles
        process.send_signal(signal.SIGINT)
    assert waiting.cancel()
    wait([waiting])
    assert job.status() != psutil.STATUS_ZOMBIE
    assert running.cancel()
    wait([running])
    assert work.ends(job)
    other = psutil.Process(work.wait_for(tmp_path / "c"))
    executor.shutdown(wait=False, cancel_futures=True)
    assert last.cancelled()
    assert work.ends(other)
    assert not (tmp_path / "b").exists()
    assert not (tmp_path / "recbench-slurm").exists()
    assert "recbench-slurm" not in {thread.name for thread in threading.enumerate()}
