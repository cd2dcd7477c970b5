"""Every step: values that a model reports while it trains, such as its loss after each epoch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Receive = Callable[[int, Mapping[str, float]], None]
"""Takes a step and the values at it. It may raise RecbenchError to end the training."""

VALIDATION = "validation"
"""The name of the value by which `recbench tune` stops trials, and which learning curves show."""

MOST_STEPS = 2**31 - 1
"""The last step at which values can be reported."""

MOST_VALUES, LONGEST_NAME = 100, 100
"""How many values a step can have, and how many characters the name of a value."""


class _Current:
    """What receives values in this process; None if nobody does."""

    pid: int | None = None
    receive: Receive | None = None


def report_validation(value: float, step: int) -> None:
    """Report how good the model is now, from a method `fit` that validates while it trains.

    `recbench tune` may stop a trial whose value is worse than those of other trials at the same
    step. This only decides whether a trial goes on: trials are compared on validation targets that
    recbench holds out itself. In all runs, the values are stored with the result, and
    `recbench curves` draws them. `Progress.step` reports them too, with the name "validation", and
    can report others, such as the loss.

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
    report("report_validation", step, {VALIDATION: value})


def report(what: str, step: int, values: Mapping[str, Any]) -> None:
    """Pass values on to what receives them in this process. what: who reports them, for errors.

    Raises ValueError for values that are not numbers, and for names and steps out of range.
    """
    if not 0 <= step <= MOST_STEPS:
        raise ValueError(f"{what}: step must be from 0 to {MOST_STEPS}, not {step}")
    numbers = checked(what, values)
    if _Current.receive is not None and _Current.pid == os.getpid():  # not in a child of the model
        _Current.receive(step, numbers)


def checked(what: str, values: Any) -> dict[str, float]:
    """Return values by name as floats. Raises ValueError if they are something else."""
    if not isinstance(values, Mapping):
        raise ValueError(  # noqa: TRY004  the same error for all wrong values
            f"{what}: values must be a mapping from names to numbers, such as "
            f"{{'loss': 0.31}}, not {values!r:.60}"
        )
    if len(values) > MOST_VALUES:
        raise ValueError(f"{what}: there are {len(values)} values; report {MOST_VALUES} at most")
    numbers = {}
    for name, value in values.items():
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(
                f"{what}: the name of a value is a text of 1 to {LONGEST_NAME} characters, not "
                f"{name!r:.120}"
            )
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{what}: {name} must be a number, not {value!r:.60}") from None
    return numbers


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
