"""Every step: read names with options, such as `transformer:dim=128`, and call their factories."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import itertools
import math
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbench.arguments import check_seed
from recbench.errors import UsageError, suggest

_OPTIONS = re.compile(r"(?P<name>.*?):(?P<options>[A-Za-z_]\w*=.*)", re.DOTALL)

_COMMA = re.compile(r",(?=\s*(?:[A-Za-z_~]|\.{0,2}/|[^,=]*\.py\b))(?!\s*\w+=)")
"""A comma between names, and not between options or the values of one."""

BAR = re.compile(r"(?<!\|)\|(?!\|)")
"""What separates several values of an option; `||` is a `|` of the value itself."""

MOST_VALUES = 1000
"""How many names a text with several values of its options may stand for."""

_TRUTH_VALUES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Spec:
    """A name and its options, as text."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Parse `name` or `name:key=value,key=value`; a value may contain commas and colons."""
        text = text.strip()
        match = _OPTIONS.fullmatch(text)
        if not match:
            if not text or text.endswith(":"):
                raise UsageError(
                    f"{text!r} is not a name; write name or name:option=value,option=value"
                )
            return cls(text)
        options: dict[str, str] = {}
        for part in re.split(r",(?=\s*[A-Za-z_]\w*=)", match["options"]):
            key, _, value = part.strip().partition("=")
            if key in options:
                raise UsageError(f"{text!r} sets {key} twice; set it once")
            options[key] = value
        return cls(match["name"], options)

    def __str__(self) -> str:
        """Return the spec as tables show it, with its options in alphabetical order."""
        options = ",".join(f"{key}={value}" for key, value in sorted(self.options.items()))
        return f"{self.name}:{options}" if options else self.name


def parse_names(text: str) -> list[str]:
    """Split text such as `leave-last-out,temporal:share=0.8,targets=all` into its names."""
    names = (name.strip(" ,\t\n") for name in _COMMA.split(text))
    return [name for name in names if name]


def each_value(text: str) -> list[str]:
    """Return a text for each combination of values: `a:x=1|2` stands for `a:x=1` and `a:x=2`.

    The last option changes fastest. In a value, `||` stands for the character `|` itself.

    Raises UsageError for an empty value, and for more combinations than anybody wants.
    """
    spec = Spec.parse(text)
    values = {key: BAR.split(value) for key, value in spec.options.items()}
    for key, several in values.items():
        if several[1:] and not all(several):
            raise UsageError(
                f"{text!r} has an empty value of {key}. Write several as in {key}=1|2, and || for "
                "the character | itself"
            )
    number = math.prod(map(len, values.values()))
    if number > MOST_VALUES:
        raise UsageError(
            f"the options of {spec.name!r} stand for {number:,} combinations; name at most "
            f"{MOST_VALUES:,}"
        )
    combinations = itertools.product(*values.values())
    specs = [
        Spec(
            spec.name,
            {key: value.replace("||", "|") for key, value in zip(values, each, strict=True)},
        )
        for each in combinations
    ]
    return list(dict.fromkeys(map(str, specs)))


def seed_of(factory: Callable[..., Any], spec: Spec, seed: int) -> int | None:
    """Return the seed of a model: from its options, else the run's; None if it has no seed.

    Raises UsageError for a seed that makes no sense.
    """
    if "seed" not in parameters(factory)[0]:
        return None
    own = spec.options.get("seed", "")
    seed = int(own) if own.removeprefix("-").isdecimal() else seed
    check_seed(seed)
    return seed


def build(
    what: str,
    factory: Callable[..., Any],
    options: Mapping[str, str],
    filled: Mapping[str, Any] | None = None,
) -> Any:
    """Call the factory with its options, converted from text to the types of its parameters.

    what: the name of the factory in errors, such as "model transformer".
    filled: values for parameters such as `seed`, used if the factory has them and the options do
        not set them.

    Raises UsageError for an unknown option and for a value of the wrong type.
    """
    return factory(**read_options(what, factory, options, filled))


def read_options(
    what: str,
    factory: Callable[..., Any],
    options: Mapping[str, str],
    filled: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the keyword arguments that `build` calls the factory with."""
    options = with_own_names(what, options, factory)
    check_option_names(what, options, factory)
    known, _ = parameters(factory)
    values = {key: value for key, value in (filled or {}).items() if key in known}
    given = getattr(factory, "option_values", {})  # of options that were given as objects
    for key, text in options.items():
        kind = known.get(key, Any)
        values[key] = given[text] if text in given else read_value(f"{what}: {key}", text, kind)
    missing = [key for key in needed(factory) if key not in values]
    if missing:
        name = what.rpartition(" ")[2]
        raise UsageError(f"{what} needs the option {missing[0]}; write {name}:{missing[0]}=VALUE")
    return values


def with_own_names(
    what: str, options: Mapping[str, str], factory: Callable[..., Any]
) -> dict[str, str]:
    """Return options under the names of the factory's parameters, in the same order.

    A factory may have an attribute `option_aliases`, a dict from other names of options, such as
    those that papers use, to its parameters.

    Raises UsageError if an option is given under two names.
    """
    aliases = getattr(unwrapped(factory), "option_aliases", {})
    named: dict[str, str] = {}
    for key, value in options.items():
        own = aliases.get(key, key)
        if own in named:
            other = next(name for name in options if name != own and aliases.get(name) == own)
            raise UsageError(
                f"{what}: {own} is set twice, as {other} is another name of it; set it once"
            )
        named[own] = value
    return named


def needed(factory: Callable[..., Any]) -> list[str]:
    """Return the options of a factory that have no default."""
    known, _ = parameters(factory)
    return [
        key
        for key, parameter in signature(factory).items()
        if key in known and parameter.default is parameter.empty
    ]


def check_option_names(
    what: str, options: Mapping[str, str], *factories: Callable[..., Any]
) -> None:
    """Raise UsageError for an option that none of the factories has; suggest the right one.

    A factory may have an attribute `renamed_options`, a dict from old to new names. For an old
    name, the error then gives the new one, unless some factory has a parameter of that name.
    `**options` does not count as such a parameter. Names in `option_aliases` are right too.
    """
    known: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    open_ended = False
    for factory in factories:
        own, takes_others = parameters(factory)
        known.update(own)
        known.update(getattr(unwrapped(factory), "option_aliases", {}))
        renamed.update(getattr(unwrapped(factory), "renamed_options", {}))
        open_ended = open_ended or takes_others
    for key, text in options.items():
        if key in renamed and key not in known:
            raise UsageError(f"{what} has no option {key!r}; it is now called {renamed[key]!r}")
        if key in known or open_ended:
            continue
        if not known:
            raise UsageError(f"{what} has no options; remove {key}={text}")
        raise UsageError(f"{what} has no option {key!r}; {suggest(key, known)}")


def parameters(factory: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """Return the options of a factory with their types, and whether it accepts others too."""
    own = signature(factory)
    factory = unwrapped(factory)
    source = factory if inspect.isfunction(factory) else getattr(factory, "__init__", factory)
    if not inspect.isclass(factory) and not inspect.isfunction(factory):
        source = getattr(factory, "__call__", factory)  # noqa: B004  an instance that is called
    try:
        hints = typing.get_type_hints(source)
    except (Exception, SystemExit):  # annotations may use names that only type checkers can see
        hints = {}
    known: dict[str, Any] = {}
    open_ended = False
    for key, parameter in own.items():
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            known[key] = hints.get(key, _type_of_default(parameter.default))
        open_ended = open_ended or parameter.kind is parameter.VAR_KEYWORD
    return known, open_ended


def signature(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a factory; none if its signature cannot be read, as that of dict."""
    try:
        return inspect.signature(factory).parameters
    except (Exception, SystemExit):  # it may have any `__signature__`
        return {}


def unwrapped(factory: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function or class that a `functools.partial` calls in the end."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    return factory


def _type_of_default(default: Any) -> Any:
    """Return the type that a default suggests, for a parameter without an annotation."""
    kind = type(default)
    if kind is int:
        return int | float
    return kind if kind in (bool, float, str, list, tuple) else Any


def read_value(what: str, text: str, kind: Any) -> Any:
    """Convert the text of one value."""
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        for choice in choices:
            written = text if isinstance(choice, str) else text.capitalize()  # true, none
            if text == str(choice) or written == str(choice):
                return choice
        raise UsageError(f"{what}={text} is not allowed; {suggest(text, map(str, choices))}")
    if origin in (typing.Union, types.UnionType):
        if type(None) in choices and text.lower() == "none":
            return None
        for choice in choices:
            if choice is not type(None):
                try:
                    return read_value(what, text, choice)
                except UsageError as error:
                    last_error = error
        raise last_error
    if (origin or kind) in (list, tuple, Sequence):
        of_parts = choices[0] if choices else Any
        parts = [read_value(what, part.strip(), of_parts) for part in text.split(",")]
        return tuple(parts) if (origin or kind) is tuple else parts
    if kind is bool:
        if text.lower() not in _TRUTH_VALUES:
            raise UsageError(f"{what}={text} must be true or false")
        return _TRUTH_VALUES[text.lower()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            expected = "a whole number" if kind is int else "a number"
            raise UsageError(f"{what}={text} must be {expected}") from None
    if kind in (str, Path):
        return kind(text)
    if kind is Any:
        return _literal(text)
    raise UsageError(f"{what} has the type {kind}, which can be set from Python only")


def _literal(text: str) -> Any:
    """Convert a value of unknown type: a number, list, true, false or none if it looks like one."""
    kinds = [ast.literal_eval] if text[:1] in ("[", "(", "{") else [int, float]
    for kind in kinds:
        with contextlib.suppress(ValueError, SyntaxError):
            return kind(text)
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)
