"""Step 3, model: protocols that are met by a method's parameters, not by its name alone."""

from __future__ import annotations

import inspect
from typing import Any, Protocol

from recbench.spec import parameters


class ByParameter(type(Protocol)):  # type: ignore[misc]
    """The type of a protocol with one method, whose last parameter tells it from others.

    An object is an instance if its method of this name has a parameter with this name too.
    """

    def __instancecheck__(cls, instance: Any) -> bool:
        """Whether the object's method has the parameter."""
        (method,) = (value for value in vars(cls).values() if _is_public(value))
        try:
            own = getattr(instance, method.__name__)
            return list(parameters(method)[0])[-1] in parameters(own)[0]
        except Exception:  # an attribute that a model lacks may raise anything
            return False


def _is_public(value: Any) -> bool:
    return inspect.isfunction(value) and not value.__name__.startswith("_")
