"""Every step: check the arguments that users give, before any long work."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

from recbench.errors import UsageError, suggest

P = ParamSpec("P")
R = TypeVar("R")

MOST_K = 1_000_000
"""The largest cut-off."""

MOST_SEED = 2**32 - 1
"""The largest seed that every random generator takes."""

MOST_SECONDS, MOST_MEGABYTES = 10**9, 10**9
"""The highest limits of a model."""

DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?|mps")


def with_names_checked(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function; its error for an unknown parameter says which one may be meant."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        known = inspect.signature(call).parameters
        for name in kwargs.keys() - known.keys():
            hint = suggest(name, known)
            raise TypeError(f"recbench.{function.__name__} has no parameter {name!r}; {hint}")
        return function(*args, **kwargs)

    return call


def check_options(what: str, *options: tuple[str, object, bool, str]) -> None:
    """Check the values of the options of a plugin.

    Parameters
    ----------
    what : str
        What has the options, such as the name of a model.
    *options : tuple of str, object, bool and str
        The name of each option, its value, whether that is valid, and what it must be, such as
        "1 or more".

    Raises
    ------
    UsageError
        For the first value that is not valid.

    Examples
    --------
    >>> import recbench
    >>> dim = 0
    >>> recbench.check_options("my-model", ("dim", dim, dim >= 1, "1 or more"))
    Traceback (most recent call last):
    recbench.errors.UsageError: my-model: dim must be 1 or more, not 0
    """
    for option, value, is_valid, must in options:
        if not is_valid:
            raise UsageError(f"{what}: {option} must be {must}, not {value}")


def plain_numbers(given: Any) -> list[Any]:
    """Return one number or several as a list, with whole numbers of numpy as those of Python."""
    given = given if isinstance(given, Iterable) else [given]
    return [int(number) if _is_whole(number) else number for number in given]


def check_arguments(
    ks: Iterable[int] = (),
    seeds: Iterable[int] = (),
    device: str = "auto",
    timeout: float | None = None,
    memory: int | None = None,
) -> None:
    """Raise UsageError for a value that makes no sense.

    timeout, memory: the limits of a model, in seconds and megabytes.
    """
    for k in ks:
        check_whole("--k", k, 1, MOST_K)
    for seed in seeds:
        check_seed(seed)
    if not isinstance(device, str) or not DEVICE.fullmatch(device):
        raise UsageError(f"no device {device!r}; choose auto, cpu, cuda, cuda:N or mps")
    is_number = isinstance(timeout, Real) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and 0 < timeout <= MOST_SECONDS):
        raise UsageError(
            f"--timeout must be above 0 and at most {MOST_SECONDS:,} seconds, not {_shown(timeout)}"
        )
    if memory is not None:
        check_whole("--memory", memory, 1, MOST_MEGABYTES)


def check_seed(seed: int, what: str = "--seed") -> None:
    """Raise UsageError for a seed that some random generators do not take."""
    check_whole(what, seed, 0, MOST_SEED)


def check_whole(what: str, value: Any, least: int, most: int) -> None:
    """Raise UsageError unless a value is a whole number in a range."""
    if not _is_whole(value):
        raise UsageError(f"{what} must be a whole number, not {_shown(value)}")
    if int(value) < least:
        raise UsageError(f"{what} must be {least} or more, not {_shown(value)}")
    if int(value) > most:
        raise UsageError(f"{what} must be at most {most:,}, not {_shown(value)}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """Return a value as errors show it; of a long number only its length."""
    if isinstance(value, Integral) and abs(int(value)) >= 10**20:
        return f"a number of about {int(value).bit_length() * math.log10(2):,.0f} digits"
    return repr(value) if isinstance(value, str) else str(value)
