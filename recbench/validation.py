"""Every step: validation values that a model reports while it trains, for `recbench tune`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

Receive = Callable[[float, int], None]
"""Takes a validation value and its step. It may raise RecbenchError to end the training."""

MOST_STEPS = 2**31 - 1
"""The last step at which values can be reported."""


class _Current:
    """What receives values in this process; None if nobody does."""

    pid: int | None = None
    receive: Receive | None = None


def report_validation(value: float, step: int) -> None:
    """Report how good the model is now, from a method `fit` that validates while it trains.

    `recbench tune` may stop a trial whose value is worse than those of other trials at the same
    step. Outside of tuning, nothing happens. The value only decides whether a trial goes on: trials
    are compared on validation targets that recbench holds out itself.

    Parameters
    ----------
    value : float
        Any metric on data that the model holds out from its training data, the same one at each
        step. Higher must be better; report minus the loss, for example. Values that are not finite
        are ignored.
    step : int
        How far the training is, such as the number of epochs; from 0 to 2**31 - 1.

    Raises
    ------
    ValueError
        If the value or the step is not a number, or the step is outside this range.

    Examples
    --------
    >>> import recbench
    >>> class MyModel:
    ...     def fit(self, train):
    ...         for epoch in range(1, 4):
    ...             recbench.report_validation(1 - 1 / epoch, step=epoch)
    ...         return self
    """
    try:
        value, step = float(value), int(step)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"report_validation: value and step must be numbers, not {value!r:.60} and {step!r:.60}"
        ) from None
    if not 0 <= step <= MOST_STEPS:
        raise ValueError(f"report_validation: step must be from 0 to {MOST_STEPS}, not {step}")
    if _Current.receive is not None and _Current.pid == os.getpid():  # not in a child of the model
        _Current.receive(value, step)


def receive_by(receive: Receive | None) -> None:
    """Pass what is reported in this process to a function; None ends this."""
    _Current.pid, _Current.receive = os.getpid(), receive


@contextlib.contextmanager
def received_by(receive: Receive | None) -> Iterator[None]:
    """Pass what is reported in this block to a function; None leaves it as it is."""
    before = _Current.pid, _Current.receive
    if receive is not None:
        receive_by(receive)
    try:
        yield
    finally:
        _Current.pid, _Current.receive = before
