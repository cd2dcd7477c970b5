"""Each process gets its share of the cores."""

import os

import pytest

from recbench import job_environment, usable_cores
from recbench.jobs.threads import VARIABLES, limit_threads


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("recbench.jobs.threads.usable_cores", lambda: 8)


def test_cores_are_shared_and_each_job_has_one_thread_at_least() -> None:
    threads = [job_environment(jobs)["OMP_NUM_THREADS"] for jobs in (1, 2, 3, 8, 9)]
    assert threads == ["8", "4", "2", "1", "1"]
    assert job_environment(3)["RECBENCH_JOBS"] == "3"
    assert job_environment().keys() == {*VARIABLES, "RECBENCH_JOBS"}


def test_cores_are_those_that_the_process_may_use() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("before", "after"), [("", "4"), ("auto", "4"), ("0", "4"), ("6", "4"), ("3", "3")]
)
def test_a_lower_limit_of_the_user_stays(
    before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, before)
    assert {job_environment(2)[variable] for variable in VARIABLES} == {after}
    assert {job_environment(2, threads=5)[variable] for variable in VARIABLES} == {"5"}
    monkeypatch.setattr("threadpoolctl.threadpool_limits", lambda threads: None)
    monkeypatch.setenv("RECBENCH_JOBS", "1")
    limit_threads(2)
    assert {os.environ[variable] for variable in VARIABLES} == {after}
    assert os.environ["RECBENCH_JOBS"] == "2"
