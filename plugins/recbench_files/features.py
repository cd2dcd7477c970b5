"""Turn any column into a feature: numbers, or texts in which several categories are joined by |."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import to_numpy
from .ids import read_ids
from .jsonl.records import value_text
from .layout import Layout, is_number

Array = npt.NDArray[Any]
_EXACT = 2.0**53
"""Below, floats hold whole numbers exactly."""


def read_feature(column: Any, layout: Layout) -> Array:
    """Return int64, float64 with NaN for missing values, or texts with "" for them, (rows,).

    column: a pyarrow.ChunkedArray. Numbers are int64 if all of them are whole and none is missing.
        In formats without types, texts that are numbers are read as such, but not 007.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(column.type) and _is_number(column.type.value_type):
        column = column.cast(column.type.value_type)
    if _is_number(column.type):
        numbers = _exact(column)
        if numbers is not None:
            return numbers
    if pa.types.is_nested(column.type):
        cells = [None if cell is None else join(cell) for cell in column.to_pylist()]
        column = pa.chunked_array([pa.array(cells, pa.string())])
    ids = read_ids(column, "", layout.missing)
    texts = ids.known.cast("large_string").to_pylist()
    if pa.types.is_temporal(ids_type(column)):
        texts = [text and text.rstrip("0").rstrip(".") if "." in text else text for text in texts]
    used = np.zeros(len(texts) + 1, dtype=bool)
    used[ids.codes] = True
    known = [text for text, is_used in zip(texts, used, strict=False) if is_used]
    if layout.format in _UNTYPED and known and all(map(_is_plain_number, known)):
        values = np.array([float(text) if _is_plain_number(text) else np.nan for text in texts])
        return _whole(np.append(values, np.nan)[ids.codes])
    if known and (lists := _all(_parse_list, known)) is not None:
        joined = dict(zip(known, map(join, lists), strict=True))
        texts = [joined.get(text, "") for text in texts]
    return np.array([*texts, ""], dtype=object)[ids.codes]


def join(values: Iterable[Any]) -> str:
    """Return the values of a list, and of lists in it, as one text."""
    return "|".join(dict.fromkeys(_flatten(values)))


_UNTYPED = ("csv", "inter", "udata", "dat", "pairs", "sequences")


def ids_type(column: Any) -> Any:
    """Return the type of the values of a column."""
    import pyarrow as pa

    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def _flatten(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flatten(value)
        elif text := value_text(value).strip():
            yield text


def _exact(column: Any) -> Array | None:
    """Return numbers, or None if float64 does not hold them exactly."""
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        if not column.null_count:
            try:
                return to_numpy(column.cast(pa.int64()), np.int64)
            except pa.ArrowInvalid:
                return None
        try:
            return to_numpy(column.cast(pa.float64()), np.float64)
        except pa.ArrowInvalid:  # beyond 2**53
            return None
    return _whole(to_numpy(column.cast(pa.float64()), np.float64))


def _whole(values: Array) -> Array:
    """Return numbers as int64 if all of them are whole and known."""
    is_whole = (np.abs(values) < _EXACT) & (values == np.floor(values))
    return values.astype(np.int64) if is_whole.all() else values


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_plain_number(text: str) -> bool:
    """Whether a text is a number that nothing is lost of, unlike a code such as 007."""
    digits = text.lstrip("-")
    is_code = len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal()
    return is_number(text) and text[0] != "+" and not is_code and len(digits) < 16


def _parse_list(text: str) -> list[Any] | None:
    """Return the list that a text shows, as JSON or Python write it; None if it is none."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, list) and not _has_records(value) else None
    return None


def _has_records(values: Sequence[Any]) -> bool:
    return any(
        _has_records(value) if isinstance(value, list) else isinstance(value, dict)
        for value in values
    )


def _all(parse: Callable[[str], Any], texts: Collection[str]) -> list[Any] | None:
    """Return what is parsed from each text; None if it is None for one of them."""
    parsed = []
    for text in texts:
        value = parse(text)
        if value is None:
            return None
        parsed.append(value)
    return parsed
