"""Step 1, dataset: take arrays from callers: exact numbers in memory that only recbench has."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_COUNT = 2**31
"""Users and items are int32, so there can be at most this many."""


def freeze_arrays(instance: Any, **dtypes: npt.DTypeLike | None) -> None:
    """Replace arrays of a frozen dataclass by read-only ones of the given dtypes.

    None as a dtype keeps the array as it is, numbers or not. None stays None where it is the
    default of a field. An array is copied only if somebody could still write to its memory.

    Raises ValueError for masked arrays, and for what is not a number or does not fit the dtype.
    """
    for name, dtype in dtypes.items():
        given = getattr(instance, name)
        if given is not None or getattr(type(instance), name, ...) is not None:
            array = to_array(name, given)
            converted = array if dtype is None else as_type(name, array, dtype)
            if converted is not array:
                read_only(converted)
            elif _is_writable(array):
                converted = read_only(array.copy())
            object.__setattr__(instance, name, converted.view())


def read_only(array: Array) -> Array:
    """Make an array read-only, and return it. Use it for a new array, which is then not copied."""
    array.flags.writeable = False
    return array


def _is_writable(array: Array) -> bool:
    """Whether somebody could write to the memory of an array, by this array or by its base."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return True
        owner = owner.base
    while isinstance(owner, memoryview) and owner.readonly:
        owner = owner.obj
    try:
        return owner is not None and not memoryview(owner).readonly
    except TypeError:  # it does not say
        return True


def to_array(name: str, given: Any) -> Array:
    """Return an array-like as an array. Raises ValueError for a mask, whose meaning would be lost.

    name: of the argument, for errors.
    """
    if np.ma.isMaskedArray(given):
        raise ValueError(
            f"{name}: masked arrays are not supported; fill or drop the masked values first"
        )
    try:
        return np.asarray(given)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} cannot be converted to an array: {error}") from error


def as_type(name: str, values: Array, dtype: npt.DTypeLike) -> Array:
    """Convert numbers to a type. Raises ValueError for what is not a number, and for what changes.

    An integer type refuses fractions and NaN, and every type refuses numbers that it cannot hold.
    Without a change of type, the array itself is returned.
    """
    target: np.dtype[Any] = np.dtype(dtype)
    if not values.size:
        return values.astype(target, copy=False)
    check_numbers(name, values)
    if target.kind == "f":
        with np.errstate(over="ignore"):
            converted = values.astype(target, copy=False)
        wrong = np.isinf(converted)
    elif np.can_cast(values.dtype, target):
        return values.astype(target, copy=False)
    else:
        limits = np.iinfo(target)
        with np.errstate(over="ignore"):  # of float16
            wrong = ~((values >= limits.min) & (values < limits.max + 1))
        if values.dtype.kind == "f":
            wrong |= np.trunc(values) != values
        converted = values
    if wrong.any():
        whole = "" if target.kind == "f" else "whole "
        wrong_one = values[wrong][0]
        raise ValueError(f"{name} must be {whole}numbers that fit {target}, but {wrong_one} occurs")
    return converted.astype(target, copy=False)


def check_numbers(name: str, values: Array, numbers: str = "numbers") -> None:
    """Raise ValueError if an array holds anything but integers and floats."""
    if values.dtype.kind in "iuf":
        return
    elements = values.ravel().tolist() or [None]
    odd = (value for value in elements if type(value) not in (int, float))
    raise ValueError(
        f"{name} must be {numbers}, not {values.dtype} ({next(odd, elements[0])!r:.60} occurs); "
        "convert them first"
    )


def as_count(name: str, given: Any) -> int:
    """Return a number of users or items. Raises ValueError if it is not a whole number from 0."""
    try:
        count = -1 if isinstance(given, (bool, np.bool)) else operator.index(given)
    except TypeError:
        count = -1
    if not 0 <= count <= MAX_COUNT:
        raise ValueError(f"{name} must be a whole number from 0 to {MAX_COUNT}, not {given!r}")
    return count


def as_rows(name: str, given: Any, n: int) -> Array:
    """Return row numbers below n, int64. Raises ValueError for anything else."""
    rows = as_type(name, to_array(name, given), np.int64)
    check_dimensions(name, rows)
    check_range(name, rows, 0, n)
    return rows


def as_mask(name: str, given: Any, n: int) -> Array:
    """Return a mask of n values, bool. Raises ValueError for anything else."""
    mask = to_array(name, given)
    if mask.dtype != bool or mask.shape != (n,):
        raise ValueError(
            f"{name} must be bool of shape ({n},), not {mask.dtype} of shape {mask.shape}"
        )
    return mask


def check_dimensions(name: str, values: Array, expected: int = 1) -> None:
    """Raise ValueError if an array has another number of dimensions."""
    if values.ndim != expected:
        number = "one dimension" if expected == 1 else f"{expected} dimensions"
        raise ValueError(f"{name} must have {number}, not {values.ndim}")


def check_range(name: str, values: Array, low: int, high: int) -> None:
    """Raise ValueError if a value is below `low`, or not below `high`."""
    if len(values) and (values.min() < low or values.max() >= high):
        wrong = values[(values < low) | (values >= high)][0]
        raise ValueError(f"{name} must be in [{low}, {high}), but {wrong} occurs")


def offsets_of(lengths: Array) -> Array:
    """Return the offsets of rows with the given lengths, (rows + 1,) int64."""
    return read_only(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def slices(starts: Array, lengths: Array) -> Array:
    """Return the positions starts[0], starts[0] + 1, ... of each slice, slice after slice."""
    shifts = np.repeat(starts - offsets_of(lengths)[:-1], lengths)
    return shifts + np.arange(len(shifts), dtype=np.int64)
