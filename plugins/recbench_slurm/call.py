"""What a job runs: a function with its arguments."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Call:
    """A function and its arguments, as they are pickled for a job.

    owner: the process without which the job ends; None if the job may run on.
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    owner: int | None = None

    def __call__(self) -> tuple[bool, Any]:
        """Return True and what the function returns, or False and the exception that it raised.

        Of an exception, submitit itself would only keep the text.
        """
        # submitit ignores SIGTERM, so a job that is cancelled would last until SLURM kills it. It
        # also interrupts the function some time before the limit, although it may end in time.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        if self.owner is not None:
            threading.Thread(target=_end_with, args=(self.owner,), daemon=True).start()
        try:
            return True, self.function(*self.args, **self.kwargs)
        except Exception as error:
            return False, error


def _end_with(owner: int) -> None:
    """End this process when another one has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(owner).wait()
    os._exit(1)
