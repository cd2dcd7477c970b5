"""Every step: compare values by their content, and find the code that they consist of."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import pickle
import sys
from typing import Any

import cloudpickle  # type: ignore[import-untyped]


def same(first: Any, second: Any) -> bool:
    """Whether two values have the same type and content."""
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    with contextlib.suppress(Exception):
        if (first == second) is True:
            return True
    return digest(first) == digest(second) != ""


def digest(value: Any) -> str:
    """Return a hash of the content of a value; "" if it cannot be pickled."""
    try:
        return hashlib.sha256(cloudpickle.dumps(value)).hexdigest()
    except Exception:  # its own __reduce__ may raise anything
        return ""


def code_of(value: Any) -> list[Any]:
    """Return the classes and functions that a value consists of, without those of Python itself.

    Raises whatever pickling raises.
    """
    finder = _CodeFinder(io.BytesIO())
    finder.dump(value)
    return finder.found


class _CodeFinder(pickle.Pickler):
    """A pickler that notes classes and functions."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.found: list[Any] = []

    def reducer_override(self, obj: Any) -> Any:
        """Note the object, and have it pickled as usual."""
        is_code = inspect.isclass(obj) or inspect.isroutine(obj)
        if is_code and str(obj.__module__).partition(".")[0] not in sys.stdlib_module_names:
            self.found.append(obj)
        return NotImplemented
