"""Before step 1: find out with which parameters a model object was built."""

from __future__ import annotations

import contextlib
import dis
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recbench.code.content import same
from recbench.errors import RecbenchError, UsageError
from recbench.guard import guarded
from recbench.progress import log
from recbench.spec import signature

SCALARS = (bool, int, float, complex, str, bytes, type(None), np.generic, Path)

SHORT = 10
"""A list of at most this many scalars counts as an option, and not as something learned."""

ABSENT = object()


def built_with(instance: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters of a model object that differ from the defaults, and what has changed.

    The parameters are read from attributes of the same name, perhaps with a leading underscore. A
    scalar may also be in an attribute of another name. They are right if the constructor makes the
    same attributes of them again. The second value names the attributes that a new object would not
    have, or would have with other values, such as those that `fit` has set.

    Raises UsageError if the parameters cannot be told, or might have been learned.
    """
    return _Reading(instance).result()


def rebuilt_with(instance: Any, label: str) -> dict[str, Any]:
    """Return the parameters of an object, and of those in it, without what they have learned.

    A warning, with the label, says that something was learned. Raises UsageError as `built_with`.
    """
    given, changed = built_with(instance)
    values: dict[str, Any]
    values, fitted = unfitted(given)
    changed = [*changed, *fitted]
    if changed:
        log.warning(
            "%s: this object was fitted or changed after it was built (%s); a new one is built "
            "with the same parameters and fitted",
            label,
            ", ".join(changed[:5]) + ", ..." * (len(changed) > 5),
        )
    return values


def unfitted(value: Any) -> tuple[Any, list[str]]:
    """Return a value without what objects in it have learned, and the types of these objects.

    An object that can be fitted and has changed since it was built is replaced by a new one.

    Raises UsageError as `built_with` does.
    """
    if type(value) in (list, tuple):
        found = [unfitted(each) for each in value]
        fitted = [name for _, names in found for name in names]
        return (type(value)(each for each, _ in found) if fitted else value), fitted
    if type(value) is dict:
        every, fitted = unfitted(list(value.values()))
        return (dict(zip(value, every, strict=True)) if fitted else value), fitted
    if inspect.isclass(value) or not callable(getattr(type(value), "fit", None)):
        return value, []
    values, changed = built_with(value)
    values, fitted = unfitted(values)
    fitted = [*fitted, *[type(value).__name__] * bool(changed)]
    return (type(value)(**values) if fitted else value), fitted


class _Reading:
    """What is known of an object: its attributes, its constructor's parameters, and where they are.

    places: parameter -> the attribute that holds it. computed: those that are not attributes of the
    object itself, but properties, or submodules of a torch module.
    """

    def __init__(self, instance: Any) -> None:
        self.made = type(instance)
        self.known = _constructor(self.made)
        self.computed: set[str] = set()
        self.own = _state(instance)
        self.places = {key: place for key in self.known if (place := self._place(instance, key))}
        self.own = self._attributes(instance)

    def result(self) -> tuple[dict[str, Any], list[str]]:
        """Return what `built_with` returns."""
        values = {
            key: self.own[self._needed(key)]
            for key, parameter in self.known.items()
            if _default(parameter) is ABSENT
        }
        usual = self._attributes(self._build(values))
        changed = self._changed(usual, values)
        self.places |= self._renamed(usual)
        for key, place in self.places.items():
            if key not in values and place in changed:
                self._check_not_learned(key, usual.get(place, ABSENT))
                values[key] = self.own[place]
        new = self._attributes(self._build(values))
        changed = self._changed(new, values)
        for key, place in self.places.items():
            if place in changed:
                raise self._untold(key, "its constructor does not keep the value as it is")
        for key in self.known.keys() - self.places.keys() if changed & new.keys() else ():
            raise self._untold(key, f"no attribute is called {key!r}")
        return values, sorted(changed)

    def _place(self, instance: Any, key: str) -> str:
        """Return the attribute that a parameter is in; "" if there is none."""
        private = [f"_{base.__name__.lstrip('_')}__{key}" for base in self.made.__mro__]
        for place in (key, f"_{key}", *private):
            if place in self.own:
                return place
        with contextlib.suppress(Exception):  # a property may raise anything
            if not callable(getattr(self.made, key, None)):
                getattr(instance, key)
                self.computed.add(key)
                return key
        return ""

    def _attributes(self, instance: Any) -> dict[str, Any]:
        return {**{key: getattr(instance, key) for key in self.computed}, **_state(instance)}

    def _needed(self, key: str) -> str:
        """Return the attribute of a parameter without a default."""
        if key not in self.places:
            raise self._untold(key, f"no attribute is called {key!r}")
        return self.places[key]

    def _build(self, values: Mapping[str, Any]) -> Any:
        try:
            with guarded(f"{self.made.__name__}({', '.join(values)})"):
                return self.made(**values)
        except RecbenchError as error:
            raise UsageError(
                f"{self.made.__name__}: this object cannot be built again: {error}. "
                f"{_remedy(self.made)}"
            ) from error

    def _changed(self, new: Mapping[str, Any], values: Mapping[str, Any]) -> set[str]:
        """Return the attributes in which the object differs from a new one.

        Those in which two new ones differ too, such as random numbers, are left out.
        """
        changed = {
            place
            for place in new.keys() | self.own.keys()
            if not same(new.get(place, ABSENT), self.own.get(place, ABSENT))
        }
        if not changed & new.keys():
            return changed
        again = self._attributes(self._build(values))
        return {
            place
            for place in changed
            if place not in new or same(new[place], again.get(place, ABSENT))
        }

    def _renamed(self, usual: Mapping[str, Any]) -> dict[str, str]:
        """Return the scalar parameters that must be in an attribute of another name."""
        found = {}
        for key in self.known.keys() - self.places.keys():
            default = _default(self.known[key])
            free = usual.keys() - self.places.values()
            holders = [place for place in free if same(usual[place], default)]
            now = [self.own.get(place, ABSENT) for place in holders]
            if len(holders) == 1 and _is_plain(default) and _is_plain(now[0]):
                found[key] = holders[0]
        return found

    def _check_not_learned(self, key: str, usual: Any) -> None:
        """Raise UsageError if the value of a parameter may be something that `fit` has learned."""
        place = self.places[key]
        value = self.own[place]
        if _is_plain(value) or inspect.isclass(value) or inspect.isroutine(value):
            return
        if not same(usual, _default(self.known[key])):
            raise self._untold(key, "its constructor does not keep the value as it is")
        for method in _methods(self.made):
            if any(
                step.opname == "STORE_ATTR" and step.argval == place
                for step in dis.get_instructions(method)
            ):
                raise self._untold(key, f"{method.__name__} may have set it")

    def _untold(self, key: str, why: str) -> UsageError:
        return UsageError(
            f"{self.made.__name__}: recbench cannot tell which {key!r} this object was built with, "
            f"because {why}. {_remedy(self.made)}"
        )


def _constructor(made: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a constructor, with those that **kwargs passes to its bases."""
    known: dict[str, inspect.Parameter] = {}
    for base in made.__mro__:
        own = signature(made if base is made else base.__init__)  # type: ignore[misc]
        for key, parameter in own.items():
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                known.setdefault(key, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values()):
            break
    known.pop("self", None)
    return known


def _default(parameter: inspect.Parameter) -> Any:
    return ABSENT if parameter.default is parameter.empty else parameter.default


def _state(instance: Any) -> dict[str, Any]:
    """Return the attributes of an object itself."""
    state = dict(getattr(instance, "__dict__", {}))
    for base in type(instance).__mro__:
        for name, value in vars(base).items():
            with contextlib.suppress(AttributeError):  # a slot may be empty
                if inspect.ismemberdescriptor(value):
                    state[name] = getattr(instance, name)
    return state


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= SHORT and all(isinstance(each, SCALARS) for each in value)
    return isinstance(value, SCALARS)


def _methods(made: type) -> Iterator[Any]:
    """Yield the functions of a class other than its constructor."""
    for base in made.__mro__:
        for name, value in vars(base).items():
            if inspect.isfunction(value) and name not in ("__init__", "__post_init__"):
                yield value


def _remedy(made: type) -> str:
    name = made.__name__
    return f"Give a function that builds it: {{{name!r}: lambda: {name}(...)}}"
