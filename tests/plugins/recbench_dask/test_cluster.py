"""Clusters that are started here, and clusters that are joined."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor, wait

import psutil
import pytest

import recbench

pytest.importorskip("distributed", exc_type=ImportError)

from recbench_dask import dask

pytestmark = pytest.mark.usefixtures("functions")


def test_a_cluster_runs_functions_and_leaves_nothing_behind(tmp_path, capfd, monkeypatch) -> None:
    import made_work as work

    before = {thread for thread in threading.enumerate() if not thread.daemon}
    others = set(psutil.Process().children(recursive=True))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with ThreadPoolExecutor(1) as thread:  # it need not be started in the main thread
        executor = thread.submit(dask, workers=2).result()
    assert executor.submit(work.environment, "RECBENCH_JOBS", "PWD").result()[0] == "2"
    assert executor.submit(os.getcwd).result() == str(tmp_path)
    assert len(executor.submit(bytes, 20_000_000).result()) == 20_000_000
    assert int(executor.submit(work.environment, "OMP_NUM_THREADS").result()[0] or 0) >= 1
    with pytest.raises(ValueError, match=r"^own words$"):
        executor.submit(work.fail, text="own words").result()
    lost = [executor.submit(os._exit, 3) for _ in range(3)]
    assert [executor.submit(os.path.basename, "a/b").result() for _ in range(3)] == ["b"] * 3
    assert {str(future.exception()) for future in lost} == {
        "the worker that was running it has ended"
    }
    long = [executor.submit(work.last_long, tmp_path / f"long{n}") for n in range(3)]
    cell = work.wait_for(tmp_path / "long0")
    assert long[2].cancel()
    wait(long[2:])
    processes = set(psutil.Process().children(recursive=True)) - others
    assert cell in {process.pid for process in processes}
    executor.shutdown(wait=False, cancel_futures=True)
    wait(long)
    assert all(future.cancelled() for future in long)
    assert all(work.ends(process) for process in processes)
    assert {thread for thread in threading.enumerate() if not thread.daemon} == before
    assert os.listdir(temporary) == []
    assert not [name for name in os.listdir(tmp_path) if "dask" in name]
    assert capfd.readouterr() == ("", "")
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(os.getpid)


def test_workers_end_with_the_process_that_started_them(tmp_path) -> None:
    code = (
        "import os, time, made_work\n"
        "from pathlib import Path\n"
        "from recbench_dask import dask\n"
        "executor = dask(workers=1)\n"
        f"executor.submit(made_work.last_long, Path({str(tmp_path / 'cell')!r}))\n"
        "time.sleep(600)\n"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    variables["TMPDIR"] = str(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", code], env=variables)
    import made_work as work

    cell = psutil.Process(work.wait_for(tmp_path / "cell"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert work.ends(cell)
    assert work.is_gone(tmp_path, "recbench-dask-*")


def test_an_executor_is_broken_if_its_workers_are_gone_for_good(tmp_path) -> None:
    import made_work as work

    executor = dask(workers=1)
    future = executor.submit(work.last_long, tmp_path / "cell")
    cell = work.wait_for(tmp_path / "cell")
    psutil.Process(cell).parent().kill()  # would start the worker again
    assert isinstance(future.exception(), BrokenExecutor)
    with pytest.raises(BrokenExecutor, match="have been ended"):
        executor.submit(os.getpid)
    executor.shutdown()


def test_an_address_without_a_scheduler_is_an_error_of_one_line(capfd) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(recbench.RecbenchError, match=f"no scheduler answers at tcp://{closed}"):
            dask(address=closed, timeout=0.5)
        mute.listen()  # accepts connections but never answers
        with pytest.raises(recbench.RecbenchError, match=r"within 0\.5 s; start one with `dask s"):
            dask(address=f"tcp://{closed}", timeout=0.5)
    assert capfd.readouterr() == ("", "")
