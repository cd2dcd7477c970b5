"""Steps 3 and 4, fit and score: pickle a model's factory, to send it to another process."""

from __future__ import annotations

import io
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from recbench.errors import RecbenchError, describe_error
from recbench.offers import Offer

SECRET = tuple(f"recbench.{room}" for room in ("data", "evaluation", "results", "experiment"))
"""The modules whose objects may contain targets, or tell where they are ranked."""


class UnpicklableError(Exception):
    """An object cannot be pickled."""


def pickled(offer: Offer) -> bytes:
    """Return a model's factory as bytes, with the globals that its code uses.

    Raises RecbenchError if it refers to data that may contain targets, and UnpicklableError if it
    cannot be pickled.
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
        """Refuse objects with data; pickle all others as cloudpickle does."""
        if type(obj).__module__.startswith(SECRET):
            raise RecbenchError(
                f"its code refers to an object of type {type(obj).__name__}, which may contain "
                "targets. A model gets its data from fit(train)"
            )
        return super().reducer_override(obj)
