"""What a job runs: a function with its arguments."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A function and its arguments, as they are pickled for a job."""

    function: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    def __call__(self) -> tuple[bool, Any]:
        """Return True and what the function returns, or False and the exception that it raised.

        Of an exception, submitit itself would only keep the text.
        """
        # submitit ignores SIGTERM, so a job that is cancelled would last until SLURM kills it. It
        # also interrupts the function some time before the limit, although it may end in time.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        try:
            return True, self.function(*self.args, **self.kwargs)
        except Exception as error:
            return False, error
