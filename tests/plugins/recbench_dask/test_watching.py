"""Workers that are missing."""

import os
import time
from collections.abc import Callable

import psutil
import pytest

pytest.importorskip("distributed", exc_type=ImportError)

from recbench_dask import dask


def _wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_cluster_without_workers_is_reported_each_time(
    scheduler, add_worker, caplog, monkeypatch
) -> None:
    monkeypatch.setattr("recbench_dask.watching.INTERVAL", 0.1)
    monkeypatch.setattr("recbench_dask.watching.PATIENCE", 0.3)
    executor = dask(address=scheduler[1])
    seen, look = [], executor.client.nthreads
    monkeypatch.setattr(executor.client, "nthreads", lambda: seen.append(look()) or seen[-1])
    _wait_until(lambda: caplog.text.count("models wait for one") == 1)
    future = executor.submit(os.getpid)
    worker = add_worker("--no-nanny")
    assert psutil.pid_exists(future.result())
    _wait_until(lambda: any(seen))
    worker.kill()
    _wait_until(lambda: caplog.text.count("models wait for one") == 2)
    executor.shutdown(wait=False, cancel_futures=True)
    assert caplog.text.count(f"no worker is connected to {scheduler[1]}") == 2
