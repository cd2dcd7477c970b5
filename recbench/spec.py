"""Every step: names with options, such as `transformer:dim=128`, and how they are built."""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbench.errors import UsageError, suggest

_OPTIONS = re.compile(r"(?P<name>.*?):(?P<options>[A-Za-z_]\w*=.*)", re.DOTALL)
_TRUTH_VALUES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Spec:
    """A name and the options that were typed with it, as text."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read `name` or `name:key=value,key=value`; a value may hold a comma or a colon."""
        text = text.strip()
        match = _OPTIONS.fullmatch(text)
        if not match:
            if not text or text.endswith(":"):
                raise UsageError(
                    f"{text!r} is no name; options are written name:key=value,key=value"
                )
            return cls(text)
        options: dict[str, str] = {}
        for part in re.split(r",(?=\s*[A-Za-z_]\w*=)", match["options"]):
            key, _, value = part.strip().partition("=")
            if key in options:
                raise UsageError(f"{text!r} gives {key} twice")
            options[key] = value
        return cls(match["name"], options)

    def __str__(self) -> str:
        """The spec as tables show it: options in order of their names."""
        options = ",".join(f"{key}={value}" for key, value in sorted(self.options.items()))
        return f"{self.name}:{options}" if options else self.name


def seed_of(factory: Callable[..., Any], spec: Spec, seed: int) -> int | None:
    """The seed that a model will get: none, its own option's, or the run's."""
    if "seed" not in parameters(factory)[0]:
        return None
    own = spec.options.get("seed", "")
    return int(own) if own.removeprefix("-").isdigit() else seed


def build(
    what: str,
    factory: Callable[..., Any],
    options: Mapping[str, str],
    filled: Mapping[str, Any] | None = None,
) -> Any:
    """Call the factory with its options, read from text by the parameters' types.

    what: how errors call it, such as "model transformer".
    filled: values for parameters such as `seed` that the user did not give, where it has them.

    Raises UsageError for an option that it does not have or a value that does not fit.
    """
    return factory(**read_options(what, factory, options, filled))


def read_options(
    what: str,
    factory: Callable[..., Any],
    options: Mapping[str, str],
    filled: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The keyword arguments that `build` calls the factory with."""
    check_options(what, options, factory)
    known, _ = parameters(factory)
    values = {key: value for key, value in (filled or {}).items() if key in known}
    for key, text in options.items():
        values[key] = _read(f"{what}: {key}", text, known.get(key, Any))
    missing = [
        key
        for key, parameter in inspect.signature(factory).parameters.items()
        if key in known and parameter.default is parameter.empty and key not in values
    ]
    if missing:
        raise UsageError(f"{what} needs {missing[0]}=...; write it behind the name and a colon")
    return values


def check_options(what: str, options: Mapping[str, str], *factories: Callable[..., Any]) -> None:
    """Raise UsageError for an option that none of the factories has, with the option to use.

    A factory may have an attribute `renamed_options`, a dict of old to new names: an old name is
    then refused with the new one. It is not old where a factory has a parameter of that name;
    `**options` is no such parameter.
    """
    known: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    open_ended = False
    for factory in factories:
        own, takes_others = parameters(factory)
        known.update(own)
        renamed.update(getattr(unwrapped(factory), "renamed_options", {}))
        open_ended = open_ended or takes_others
    for key, text in options.items():
        if key in renamed and key not in known:
            raise UsageError(f"{what} has no option {key!r} any more; it is now {renamed[key]}")
        if key in known or open_ended:
            continue
        if not known:
            raise UsageError(f"{what} has no options, so {key}={text} means nothing; leave it out")
        raise UsageError(f"{what} has no option {key!r}; {suggest(key, known)}")


def parameters(factory: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """The options of a factory with their types, and whether it takes any others too."""
    signature = inspect.signature(factory)
    factory = unwrapped(factory)
    source = factory if inspect.isfunction(factory) else getattr(factory, "__init__", factory)
    if not inspect.isclass(factory) and not inspect.isfunction(factory):
        source = getattr(factory, "__call__", factory)  # noqa: B004  an instance that is called
    try:
        hints = typing.get_type_hints(source)
    except Exception:  # a plugin's annotations may name things that exist for type checkers only
        hints = {}
    known: dict[str, Any] = {}
    open_ended = False
    for key, parameter in signature.parameters.items():
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            known[key] = hints.get(key, _type_of_default(parameter.default))
        open_ended = open_ended or parameter.kind is parameter.VAR_KEYWORD
    return known, open_ended


def unwrapped(factory: Callable[..., Any]) -> Callable[..., Any]:
    """What a `functools.partial` calls in the end."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    return factory


def _type_of_default(default: Any) -> Any:
    """The type that a default without an annotation suggests."""
    kind = type(default)
    if kind is int:
        return int | float
    return kind if kind in (bool, float, str, list, tuple) else Any


def _read(what: str, text: str, kind: Any) -> Any:
    """One value from its text."""
    origin, choices = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        for choice in choices:
            if str(choice) == text:
                return choice
        raise UsageError(f"{what}={text} is not a choice; {suggest(text, map(str, choices))}")
    if origin in (typing.Union, types.UnionType):
        if type(None) in choices and text.lower() == "none":
            return None
        for choice in choices:
            if choice is not type(None):
                try:
                    return _read(what, text, choice)
                except UsageError as error:
                    last_error = error
        raise last_error
    if (origin or kind) in (list, tuple, Sequence):
        parts = [
            _read(what, part.strip(), choices[0] if choices else Any) for part in text.split(",")
        ]
        return tuple(parts) if (origin or kind) is tuple else parts
    if kind is bool:
        if text.lower() not in _TRUTH_VALUES:
            raise UsageError(f"{what}={text} must be true or false")
        return _TRUTH_VALUES[text.lower()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            raise UsageError(f"{what}={text} must be {wanted}") from None
    if kind in (str, Path):
        return kind(text)
    if kind is Any:
        return _literal(text)
    raise UsageError(f"{what} is a {kind}, which cannot be typed; it can be given from Python only")


def _literal(text: str) -> Any:
    """A value whose type nobody states: a number or a truth value if it reads as one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)
