"""A pool of forked processes: what they return, show and lose."""

import logging
import os
import signal
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from pathlib import Path

import made_jobs
import numpy as np
import pytest

from recbench.isolation.runner import AVAILABLE
from recbench.jobs.pool import ForkedPool, LostProcessError
from recbench.jobs.threads import usable_cores

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="forking needs Linux")


@pytest.fixture
def pool() -> Iterator[ForkedPool]:
    made = ForkedPool(2)
    yield made
    made.shutdown(wait=False)


def test_calls_are_made_in_other_processes(pool: ForkedPool) -> None:
    pids = {pool.submit(made_jobs.pid).result() for _ in range(6)}
    assert len(pids) in (1, 2)
    assert os.getpid() not in pids
    answer = pool.submit(made_jobs.arrays).result()
    assert np.array_equal(answer["a"], [0, 1, 2])


def test_two_calls_are_made_at_the_same_time(pool: ForkedPool, tmp_path: Path) -> None:
    first = pool.submit(made_jobs.wait_for, str(tmp_path / "go"))
    second = pool.submit((tmp_path / "go").write_text, "")
    assert second.result() == 0
    assert first.result() == str(tmp_path / "go")


def test_errors_arrive(pool: ForkedPool) -> None:
    for kind in (ValueError, SystemExit, KeyboardInterrupt):
        with pytest.raises(kind, match="on purpose"):
            pool.submit(made_jobs.fail, kind).result()
    assert pool.submit(made_jobs.pid).result()


def test_a_process_that_is_lost_costs_its_own_call_only(pool: ForkedPool, tmp_path: Path) -> None:
    other = pool.submit(made_jobs.wait_for, str(tmp_path / "go"))
    with pytest.raises(LostProcessError, match="was killed by SIGKILL"):
        pool.submit(made_jobs.kill, signal.SIGKILL).result()
    with pytest.raises(LostProcessError, match="exited with code 3"):
        pool.submit(made_jobs.leave, 3).result()
    (tmp_path / "go").touch()
    assert other.result() == str(tmp_path / "go")
    assert {pool.submit(made_jobs.pid).result() for _ in range(4)}


def test_processes_have_their_share_and_ignore_ctrl_c(pool: ForkedPool) -> None:
    assert pool.submit(made_jobs.environment, "RECBENCH_JOBS").result() == "2"
    assert int(pool.submit(made_jobs.environment, "OMP_NUM_THREADS").result()) <= max(
        1, usable_cores() // 2
    )
    pool.submit(signal.raise_signal, signal.SIGINT).result()
    assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN


def test_what_they_print_and_log_appears_here(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pool = ForkedPool(1)
    pool.submit(made_jobs.say, "hello").result()
    pool.submit(made_jobs.work_on, "mine", 3).result()
    pool.shutdown()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello\n" in captured.err
    assert "hello, logged" in caplog.messages
    assert "mine: step 3/3, number 2" in caplog.messages


def test_a_shut_pool_makes_the_calls_that_are_left_or_none(tmp_path: Path) -> None:
    pool = ForkedPool(1)
    left = [pool.submit(made_jobs.pid) for _ in range(3)]
    pool.shutdown()
    assert all(future.result() for future in left)
    with pytest.raises(RuntimeError, match="has been shut down"):
        pool.submit(made_jobs.pid)
    pool.shutdown()


def test_a_pool_that_is_not_waited_for_ends_at_once(tmp_path: Path) -> None:
    pool = ForkedPool(1)
    pid = pool.submit(made_jobs.pid).result()
    running = pool.submit(made_jobs.wait_for, str(tmp_path / "never"))
    waiting = pool.submit(made_jobs.pid)
    while not running.running():
        pass
    pool.shutdown(wait=False, cancel_futures=True)
    wait([running, waiting])
    assert isinstance(running.exception(), LostProcessError)
    with pytest.raises(CancelledError):
        waiting.result()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
