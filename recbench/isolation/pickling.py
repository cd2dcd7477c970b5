"""Steps 3 and 4, fit and score: pickle a model's factory, to send it to another process."""

from __future__ import annotations

import io
import types
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from recbench.code.python_file import FILES, found_in, loaded
from recbench.errors import RecbenchError, describe_error
from recbench.given.instances import unfitted
from recbench.offers import Offer

SECRET = tuple(f"recbench.{room}" for room in ("data", "evaluation", "results", "experiment"))
"""The modules whose objects may contain targets, or tell where they are ranked."""


class UnpicklableError(Exception):
    """An object cannot be pickled."""


def pickled(offer: Offer) -> bytes:
    """Return a model's factory as bytes, with the globals that its code uses.

    Raises RecbenchError if it refers to data that may contain targets, or to a fitted object, and
    UnpicklableError if it cannot be pickled.
    """
    buffer = io.BytesIO()
    try:
        _Pickler(buffer).dump(offer)
    except (RecbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the model's own __reduce__ may raise anything
        raise UnpicklableError(describe_error(error)) from error
    return buffer.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, obj: Any) -> Any:
        """Refuse objects with data; pickle all others as cloudpickle does.

        What is in a file that was loaded from its path is loaded from there in the other process.
        """
        if type(obj).__module__.startswith(SECRET):
            raise RecbenchError(
                f"its code or options refer to an object of type {type(obj).__name__}, which may "
                "contain targets. A model gets its data from fit(train)"
            )
        if not isinstance(obj, type) and (names := unfitted(obj)[1]):
            raise RecbenchError(
                f"its code or options refer to an object of type {names[-1]} that was fitted or "
                "changed after it was built, so that it may know the targets. Give a new one, or a "
                "function that builds all: {'mine': lambda: ...}"
            )
        if isinstance(obj, types.CodeType):
            _, arguments = self.dispatch_table[types.CodeType](obj)
            return _code, (obj.co_filename, arguments)
        file = FILES.get(str(getattr(obj, "__module__", None) or getattr(obj, "__name__", "")))
        if file is not None and isinstance(obj, types.ModuleType):
            return loaded, (str(file),)
        is_code = isinstance(obj, (type, types.FunctionType)) and "<" not in obj.__qualname__
        if file is not None and is_code:
            return found_in, (str(file), obj.__qualname__)
        return super().reducer_override(obj)


def _code(filename: str, arguments: tuple[Any, ...]) -> types.CodeType:
    """Return code that knows its file, which errors name; cloudpickle leaves it out."""
    return types.CodeType(*arguments).replace(co_filename=filename)
