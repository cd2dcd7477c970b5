"""An executor whose scheduler is gone."""

import os

import pytest

import recbench

pytest.importorskip("distributed", exc_type=ImportError)

from recbench_dask import dask


def test_functions_fail_with_a_reason_if_the_scheduler_is_gone(
    scheduler, add_worker, tmp_path, capfd
) -> None:
    import made_work as work

    process, address = scheduler
    add_worker("--nworkers", "1")
    executor = dask(address=address)
    executor.client._timeout = 1  # seconds in which it tries to connect again
    future = executor.submit(work.last_long, tmp_path / "cell")
    work.wait_for(tmp_path / "cell")
    process.kill()
    process.wait()
    with pytest.raises(recbench.RecbenchError, match=f"connection .* {address} is lost"):
        future.result()
    for _ in range(3):  # while it tries to connect again, and when it has given up
        assert "is lost" in str(executor.submit(os.getpid).exception())
    executor.shutdown(wait=False, cancel_futures=True)
    assert capfd.readouterr() == ("", "")
