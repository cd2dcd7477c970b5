"""Each process gets its share of the cores."""

import os

import pytest

from recbench.jobs.threads import VARIABLES, limit_threads, n_cores, share


def test_a_share_is_at_least_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recbench.jobs.threads.n_cores", lambda: 8)
    assert [share(n_jobs) for n_jobs in (1, 2, 3, 8, 9)] == [8, 4, 2, 1, 1]


def test_cores_are_those_that_the_process_may_use() -> None:
    assert 1 <= n_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("before", "after"), [(None, "4"), ("", "4"), ("auto", "4"), ("6", "4"), ("3", "3")]
)
def test_a_lower_limit_of_the_user_stays(
    before: str | None, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        if before is not None:
            monkeypatch.setenv(variable, before)
    monkeypatch.setattr("recbench.jobs.threads.n_cores", lambda: 8)
    monkeypatch.setattr("threadpoolctl.threadpool_limits", lambda threads: None)
    limit_threads(2)
    assert {variable: os.environ[variable] for variable in VARIABLES} == dict.fromkeys(
        VARIABLES, after
    )
