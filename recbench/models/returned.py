"""Step 4, score: turn what a model returned into an array of numbers, or say what is wrong."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from recbench.data.interactions import Array
from recbench.errors import RecbenchError, describe_error

DIMENSIONS = {
    "score": "rows, n_items",
    "recommend": "rows, k",
    "top": "2, rows, k",
    "explain": "len(items), n_interactions",
}
"""The names of the dimensions of an answer, for error messages."""


def as_numbers(method: str, answer: Any) -> Array:
    """Return a model's answer as an array of numbers, which can be sent to another process.

    Raises RecbenchError if it is anything else.
    """
    problem = _problem(method, answer)
    if problem:
        raise RecbenchError(f"{method} returned {problem}")
    try:
        array = np.asarray(answer)
    except Exception as error:
        kind = type(answer).__name__
        raise RecbenchError(
            f"{method} returned an object of type {kind} that numpy cannot convert to an array "
            f"({describe_error(error)}); it must return an array of numbers"
        ) from error
    if array.dtype.kind not in "fiu":
        raise wrong_type(method, array)
    return array


def _problem(method: str, answer: Any) -> str:
    """Return what is wrong with an answer and what to do, for mistakes that are easily made."""
    if answer is None:
        return "None; it must return an array of numbers"
    if isinstance(answer, np.ma.MaskedArray):
        return "a masked array; it must return an array with a number everywhere"
    is_list = method == "recommend"
    with contextlib.suppress(Exception):  # attributes of an answer may raise anything
        rows = list(answer) if isinstance(answer, (list, tuple)) else []
        if isinstance(answer, tuple) and any(np.ndim(part) > 1 for part in rows):
            expected = "item numbers, without scores" if is_list else "numbers"
            return f"a tuple of {len(rows)}; it must return one array of {expected}"
        problem = _not_of_numpy(rows[0] if rows else answer)
        lengths = {np.shape(row)[:1] if hasattr(row, "shape") else (len(row),) for row in rows}
        if problem or len(lengths) < 2:
            return problem
        hint = ": fill short lists with -1 at the end" if is_list else ""
        return f"rows of different lengths; all must have the same length{hint}"
    return ""


def _not_of_numpy(answer: Any) -> str:
    """Return what to do about a sparse matrix or a tensor; "" for anything else."""
    kind = f"{type(answer).__module__.partition('.')[0]} {type(answer).__name__}"
    if callable(getattr(answer, "toarray", None)):
        return f"a sparse matrix ({kind}); return its numbers as an array, with .toarray()"
    if not kind.startswith("torch "):
        return ""
    calls = {
        ".detach()": answer.requires_grad,
        ".cpu()": answer.device.type != "cpu",
        ".to_dense()": str(answer.layout) != "torch.strided",
        ".float()": answer.dtype.is_floating_point
        and str(answer.dtype) not in ("torch.float16", "torch.float32", "torch.float64"),
    }
    needed = [call for call, needs in calls.items() if needs]
    if not needed:
        return ""
    grad = " that requires grad" if answer.requires_grad else ""
    return (
        f"a torch tensor{grad} ({answer.dtype} on {answer.device}), which numpy cannot read; "
        f"return it with {''.join(needed)}"
    )


def wrong_type(method: str, array: Array) -> RecbenchError:
    """Return the error for an answer with the wrong type of elements."""
    expected = "whole numbers" if method == "recommend" else "numbers"
    hints = {
        "b": "; convert it with .astype(float)",
        "c": "; return its real part, .real",
        "f": "; convert it with .astype(int)",
        "U": "; items are numbers from 0, not ids" if method == "recommend" else "",
    }
    hint = hints.get(array.dtype.kind, "")
    if array.dtype.kind == "O":
        numbers = (int, float, np.integer, np.floating)
        others = (value for value in array.flat if not isinstance(value, numbers))
        kinds = [type(value).__name__ for value in others]
        hint = f"; it has an element of type {kinds[0]}" if kinds else hints["b"]
    return RecbenchError(
        f"{method} returned an array of type {array.dtype}; it must return {expected}{hint}"
    )


def wrong_shape(method: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> RecbenchError:
    """Return the error for an answer with the wrong shape."""
    hint = _shape_hint(method, shape, expected)
    return RecbenchError(
        f"{method} returned an array of shape {shape}; "
        f"the shape must be ({DIMENSIONS[method]}) = {expected}{hint}"
    )


def _shape_hint(method: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Return what was probably meant by a wrong shape; "" if that is unknown."""
    if method not in ("score", "recommend"):
        return ""
    if shape == expected[::-1]:
        return "; transpose it, with .T"
    if len(shape) == 1:
        return "; history is a batch, also if it has one row: return a row for each of its rows"
    if len(shape) != 2:
        return ""
    if shape[0] != expected[0]:
        return "; return a row for each row of history, whose user numbers are history.users"
    if method == "score":
        return "; score every item of the catalogue, which has history.n_items items"
    return "; fill short lists with -1 at the end" if shape[1] < expected[1] else ""
