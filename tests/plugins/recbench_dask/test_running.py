"""What runs on a cluster that is not recbench's own is stopped at the end."""

import os

import psutil
import pytest

pytest.importorskip("distributed", exc_type=ImportError)

from recbench_dask import dask


def test_what_runs_is_stopped_and_the_workers_start_again(scheduler, add_worker, tmp_path) -> None:
    import made_work as work

    add_worker("--nworkers", "1")
    executor = dask(address=scheduler[1])
    executor.submit(work.last_long, tmp_path / "cell")
    cell = psutil.Process(work.wait_for(tmp_path / "cell"))
    executor.shutdown(wait=False, cancel_futures=True)
    assert work.ends(cell)
    with dask(address=scheduler[1]) as again:
        assert again.submit(os.getpid).result() != cell.pid


def test_a_worker_that_cannot_start_again_is_reported(
    scheduler, add_worker, tmp_path, caplog
) -> None:
    import made_work as work

    add_worker("--no-nanny")
    executor = dask(address=scheduler[1])
    executor.submit(work.last_long, tmp_path / "cell")
    cell = psutil.Process(work.wait_for(tmp_path / "cell"))
    executor.shutdown(wait=False, cancel_futures=True)
    assert cell.is_running()
    assert "1 worker of the cluster cannot be interrupted" in caplog.text


def test_workers_that_hold_results_of_others_are_left_alone(
    scheduler, add_worker, tmp_path, caplog
) -> None:
    import made_work as work
    from distributed import Client

    add_worker("--nworkers", "1")
    executor = dask(address=scheduler[1])
    with Client(scheduler[1], set_as_default=False) as other:
        held = other.submit(os.getpid, pure=False)
        pid = held.result()
        executor.submit(work.last_long, tmp_path / "cell")
        work.wait_for(tmp_path / "cell")
        executor.shutdown(wait=False, cancel_futures=True)
        assert psutil.pid_exists(pid)
        assert "cannot be interrupted" in caplog.text
