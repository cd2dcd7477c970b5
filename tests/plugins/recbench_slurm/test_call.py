"""What a job runs."""

import signal
from collections.abc import Iterator

import pytest

from recbench_slurm.call import Call


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_call_returns_what_its_function_returns_or_raises() -> None:
    assert Call(int, ["11"], {"base": 2})() == (True, 3)
    is_returned, error = Call(int, ["x"], {})()
    assert not is_returned
    assert isinstance(error, ValueError)


def test_signals_of_slurm_end_the_job_or_are_ignored() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)
    Call(int, [], {})()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGUSR2) == signal.SIG_IGN
