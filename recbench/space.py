"""Every step: search spaces, the ranges in which `recbench tune` looks for the options of a model.

A model states its space in an attribute `search_space` of its factory, a dict from options to
ranges. Users write a range as text: `1..2000`, `1..2000:log`, or `softmax|bce`.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from recbench.errors import RecbenchError, UsageError, describe_error, suggest
from recbench.spec import BAR, parameters, read_value, signature, unwrapped

LOG = ":log"
"""What the text of a logarithmic range ends with."""

NOT_TUNED = ("seed", "device")
"""Options that no space may have: no seed is better than another, and users choose the device."""


@dataclass(frozen=True)
class _Numbers:
    """What ranges of numbers share. kinds: the types that both ends may have."""

    kinds: ClassVar[tuple[type, ...]] = (int, float)

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self, self.kinds)

    def __str__(self) -> str:
        return f"{option_text(self.low)}..{option_text(self.high)}{LOG if self.log else ''}"

    def holds(self, value: Any) -> bool:
        """Whether a value is in the range.

        Parameters
        ----------
        value : object
            A value of the option.

        Returns
        -------
        bool
            Whether it is in the range.
        """
        return _is_number(value) and self.low <= value <= self.high


@dataclass(frozen=True)
class Float(_Numbers):
    """A range of numbers in which `recbench tune` looks for the best value of an option.

    Parameters
    ----------
    low, high : float
        The lowest and the highest value. `high` is above `low`.
    log : bool, default: False
        Whether values are spread evenly on a logarithmic scale, which suits options whose order of
        magnitude matters, such as learning rates. `low` must then be above 0.

    Raises
    ------
    ValueError
        If the range is empty or not finite, or is logarithmic and does not begin above 0.

    Examples
    --------
    >>> import recbench
    >>> print(recbench.Float(1, 2000, log=True))
    1..2000:log
    """

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values at which a model must work, if it works in the whole range."""
        return (float(self.low), float(self.high))


@dataclass(frozen=True)
class Int(_Numbers):
    """A range of whole numbers in which `recbench tune` looks for the best value of an option.

    Parameters
    ----------
    low, high : int
        The lowest and the highest value. `high` is above `low`.
    log : bool, default: False
        Whether values are spread evenly on a logarithmic scale. `low` must then be 1 or more.

    Raises
    ------
    ValueError
        If the range is empty, has an end that is not whole, or is logarithmic and begins below 1.

    Examples
    --------
    >>> import recbench
    >>> print(recbench.Int(5, 1000))
    5..1000
    """

    kinds: ClassVar[tuple[type, ...]] = (int,)

    low: int
    high: int

    def holds(self, value: Any) -> bool:
        return super().holds(value) and value == int(value)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values at which a model must work, if it works in the whole range."""
        return (self.low, self.high)


@dataclass(frozen=True, init=False)
class Choice:
    """Values among which `recbench tune` looks for the best one of an option.

    Parameters
    ----------
    *values : str, int, float, bool or None
        At least two different values, as arguments or as one list.

    Raises
    ------
    ValueError
        If there are fewer than two different values, or one that cannot be written as an option.

    Examples
    --------
    >>> import recbench
    >>> print(recbench.Choice("softmax", "bce"))
    softmax|bce
    """

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        if len(values) == 1 and isinstance(values[0], (list, tuple)):
            values = tuple(values[0])
        for value in values:
            if value is not None and not isinstance(value, (str, int, float)):
                raise ValueError(
                    f"a choice must be a text, a number, true, false or None, not {value!r}"
                )
        if len({option_text(value) for value in values}) < max(2, len(values)):
            raise ValueError(f"choices must be two or more different values, not {values!r}")
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        return "|".join(option_text(value).replace("|", "||") for value in self.values)

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the choices.

        Parameters
        ----------
        value : object
            A value of the option.

        Returns
        -------
        bool
            Whether it is one of the choices.
        """
        return option_text(value) in map(option_text, self.values)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values at which a model must work: all of them."""
        return self.values


Range = Float | Int | Choice
"""What a search space maps each option to."""

Space = Mapping[str, Range]
"""Option -> the range to look for it in."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_bounds(given: _Numbers, kinds: tuple[type, ...]) -> None:
    low, high, name = given.low, given.high, type(given).__name__
    written = f"{name}({low!r}, {high!r}{', log=True' if given.log else ''})"
    for end in (low, high):
        if not isinstance(end, kinds) or isinstance(end, bool) or not math.isfinite(end):
            expected = "finite numbers" if float in kinds else "whole numbers"
            raise ValueError(f"{written}: both ends of the range must be {expected}")
    if not low < high:
        raise ValueError(f"{written}: the first number must be below the second")
    if given.log and not low > 0:
        raise ValueError(f"{written}: a logarithmic range must begin above 0")


def option_text(value: Any) -> str:
    """Return a value as users write it after `OPTION=`."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(option_text, value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def space_of(factory: Callable[..., Any]) -> Space:
    """Return the search space that a factory states; empty if it has none.

    Options that it does not have are left out: a subclass may have fewer than the class that states
    the space, and a `functools.partial` may fix some.
    """
    stated: Space = getattr(unwrapped(factory), "search_space", {})
    known, is_open = parameters(factory)
    return {option: values for option, values in stated.items() if option in known or is_open}


def check_space(what: str, space: Any, factory: Callable[..., Any]) -> None:
    """Raise RecbenchError for a search space that does not fit the options of its factory.

    what: what has the space, such as "model ease".
    """
    if not isinstance(space, Mapping):
        raise RecbenchError(
            f"{what} has the search_space {space!r:.60}; it must be a dict from options to ranges, "
            "as in {'l2': recbench.Float(1, 2000, log=True)}"
        )
    known, is_open = parameters(factory)
    is_own = "search_space" in getattr(factory, "__dict__", {})
    for option, values in space.items():
        if option in NOT_TUNED:
            raise RecbenchError(f"{what} has {option!r} in its search_space; remove it")
        if option not in known and is_own and not is_open:
            raise RecbenchError(
                f"{what} has no option {option!r}, which is in its search_space; "
                f"{suggest(str(option), known)}"
            )
        if not isinstance(values, (Float, Int, Choice)):
            raise RecbenchError(
                f"{what}: the search_space of {option} is {values!r:.60}; write a recbench.Float, "
                "recbench.Int or recbench.Choice"
            )
        if option in known:
            _check_type(what, option, values, known[option])


def _check_type(what: str, option: str, values: Range, kind: Any) -> None:
    """Raise RecbenchError if an option does not take the values of a range. kind: its type."""
    if isinstance(values, Float) and takes(kind, int) and not takes(kind, float):
        raise RecbenchError(
            f"{what}: {option} takes whole numbers, but its range is a recbench.Float; write "
            "recbench.Int"
        )
    for value in values.ends:
        try:
            read_value(option, option_text(value), kind)
        except UsageError as error:
            wrong = describe_error(error)
            raise RecbenchError(f"{what}: the range {values} does not fit: {wrong}") from error


def default_of(option: str, factory: Callable[..., Any]) -> Any:
    """Return the default of an option in the signature; None if there is none."""
    parameter = signature(factory).get(option)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def read_range(what: str, text: str, kind: Any) -> Range:
    """Return the range that a user has written for an option.

    what: what the text is for, in errors, such as "--space ease: l2". kind: the type of the option.

    Raises UsageError for a text that is not a range.
    """
    low, dots, high = text.strip().removesuffix(LOG).partition("..")
    try:
        if not dots or "|" in text:
            return _choices(what, text, kind)
        if not takes(kind, int) and not takes(kind, float):
            raise UsageError(f"{what}={text}: the option takes no numbers; write choices as A|B")
        first, last, log = _number(what, low), _number(what, high), text.strip().endswith(LOG)
        whole = isinstance(first, int) and isinstance(last, int)
        if takes(kind, int) and (whole or not takes(kind, float)):
            return Int(first, last, log)
        return Float(first, last, log)
    except ValueError as error:
        raise UsageError(f"{what}={text}: {str(error).partition('): ')[2] or error}") from None


def _choices(what: str, text: str, kind: Any) -> Choice:
    values = [value.replace("||", "|") for value in BAR.split(text)]
    if len(values) < 2 or not all(values):
        raise UsageError(
            f"{what}={text} is not a range; write numbers as LOW..HIGH or LOW..HIGH:log, and "
            "choices as A|B"
        )
    return Choice(*(_choice(what, value, kind) for value in values))


def _choice(what: str, text: str, kind: Any) -> Any:
    """Return one value; a list or a path stays as text, which is how it is given to the model."""
    value = read_value(what, text, kind)
    return value if value is None or isinstance(value, (str, int, float)) else text


def _number(what: str, text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise UsageError(f"{what}: {text!r} is not a number; write a range as LOW..HIGH")


def takes(kind: Any, wanted: type) -> bool:
    """Whether an option of this type takes values of another one, which is int or float."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(takes(choice, wanted) for choice in typing.get_args(kind))
    return kind is wanted or (kind is Any and wanted in (int, float))


def spaces_text(space: Mapping[str, Range]) -> dict[str, str]:
    """Return the ranges of a space as text."""
    return {option: str(values) for option, values in space.items()}
