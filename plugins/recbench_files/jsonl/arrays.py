"""Blocks of JSON lines as pyarrow arrays: read them fast, and join those of different types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .records import Path, value_text

Type = str
"""The type of a column: null, bool, int64, double or string (held as a dictionary)."""

_EXACT = 2**53  # below, floats hold whole numbers exactly
_CHUNK = 1 << 22  # of the work of a thread; the longest line that is read fast
_NO_OBJECT = re.compile(rb"\n\s*[^{\s]")


def read_fast(
    block: bytes, paths: Mapping[str, Path], types: Mapping[str, Type]
) -> dict[str, Any] | None:
    """Return an array per column, or None if the block cannot be read with these types.

    block: complete lines.
    """
    import pyarrow as pa
    from pyarrow import json

    if block.lstrip()[:1] != b"{" or _NO_OBJECT.search(block):
        return None  # pyarrow takes null for a record, or crashes
    try:
        table = json.read_json(
            pa.BufferReader(block),
            read_options=json.ReadOptions(block_size=_CHUNK),
            parse_options=json.ParseOptions(
                explicit_schema=pa.schema(list(nested_type(paths, types))),
                unexpected_field_behavior="ignore",
            ),
        )
        table.validate(full=True)  # of UTF-8
    except pa.ArrowInvalid:
        return None
    if table.num_rows != block.count(b"\n") and table.num_rows != sum(
        1 for line in block.split(b"\n") if line.strip()
    ):
        return None  # several records in a line
    arrays = _explode(table, paths)
    if any(_is_rounded(array) for array in arrays.values()):
        return None
    return {name: _compact(array) for name, array in arrays.items()}


def to_array(values: Sequence[Any]) -> Any:
    """Return values of a record as an array of one of the types."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2 and float not in kinds:
        kind = {bool: pa.bool_(), int: pa.int64(), str: pa.string()}
        try:
            return _compact(pa.array(values, kind[kinds.pop()] if kinds else pa.null()))
        except (pa.ArrowInvalid, OverflowError):  # integers of more than 64 bits
            pass
    elif kinds <= {int, float} and all(
        abs(value) < _EXACT for value in values if type(value) is int
    ):
        return pa.array(values, pa.float64())
    texts = [None if value is None else value_text(value) for value in values]
    return pa.array(texts, pa.string()).dictionary_encode()


def common_type(known: Type, array: Any) -> Type:
    """Return the type that holds the values of a type and those of an array."""
    import pyarrow as pa

    new: Type = "string" if pa.types.is_dictionary(array.type) else str(array.type)
    if "null" in (known, new) or known == new:
        return new if known == "null" else known
    return "double" if {known, new} == {"int64", "double"} else "string"


def join_chunks(chunks: Sequence[Any], kind: Type) -> Any:
    """Return the column of the arrays, as int64, float64, or dictionaries of strings."""
    import pyarrow as pa

    if kind == "double" and any(
        pa.types.is_integer(array.type) and _is_rounded(array.cast(pa.float64(), safe=False))
        for array in chunks
    ):
        kind = "string"
    if kind in ("int64", "double"):
        return pa.chunked_array([array.cast(kind) for array in chunks], kind)
    encoded = pa.dictionary(pa.int32(), pa.string())
    return pa.chunked_array([_as_texts(array) for array in chunks], encoded)


def nested_type(paths: Mapping[str, Path], types: Mapping[str, Type]) -> Any:
    """Return the pyarrow type of a record with these columns, or of a value in it.

    Raises ValueError if two columns need different types of the same value.
    """
    import pyarrow as pa

    (name, path), *others = paths.items()
    for rival, other in others:
        if not path or not other or (path[0] is None) != (other[0] is None):
            raise ValueError(
                f"the columns {name} and {rival} cannot be used together, because a field is an "
                "object in some records, and a list or a value in others"
            )
    if not path:
        plain = {"bool": pa.bool_(), "int64": pa.int64(), "double": pa.float64()}
        return plain.get(types.get(name, "null"), pa.string())
    inner: dict[str | None, dict[str, Path]] = {}
    for column, (key, *rest) in paths.items():
        inner.setdefault(key, {})[column] = tuple(rest)
    nested = {key: nested_type(below, types) for key, below in inner.items()}
    return pa.list_(nested[None]) if path[0] is None else pa.struct(list(nested.items()))


def _explode(table: Any, paths: Mapping[str, Path]) -> dict[str, Any]:
    """Return the values at the paths, a row for each element of their lists.

    A missing list counts as one missing element.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places = {
        name: _follow(table[path[0]].combine_chunks(), path[1:]) for name, path in paths.items()
    }
    while lists := [array for array, rest in places.values() if rest]:
        missing = lists[0].is_null().to_numpy(zero_copy_only=False)
        lengths = pc.fill_null(pc.list_value_length(lists[0]), 1).to_numpy()
        outer = pa.array(np.repeat(np.arange(len(lengths)), lengths))
        absent = np.repeat(missing, lengths)
        inner = pa.array(np.cumsum(~absent) - 1, mask=absent)
        places = {
            name: _follow(pc.list_flatten(array).take(inner), rest[1:])
            if rest
            else (array.take(outer), ())
            for name, (array, rest) in places.items()
        }
    return {name: array for name, (array, _) in places.items()}


def _follow(array: Any, path: Path) -> tuple[Any, Path]:
    """Follow the keys up to the first list; return what is there and the rest of the path."""
    import pyarrow.compute as pc

    while path and path[0] is not None:
        array = pc.struct_field(array, array.type.get_field_index(path[0]))
        path = path[1:]
    return array, path


def _is_rounded(array: Any) -> bool:
    """Whether the array has floats that may stand for another whole number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(array.type):
        return False
    largest = pc.max(pc.abs(array)).as_py()
    return largest is not None and bool(largest >= _EXACT)


def _compact(array: Any) -> Any:
    """Return text as a dictionary, which takes less memory, and NaN as null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
    if array.null_count == len(array):
        return pa.nulls(len(array))  # of no type
    return array.dictionary_encode() if pa.types.is_string(array.type) else array


def _as_texts(array: Any) -> Any:
    """Return values as a dictionary of strings."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        return array
    if pa.types.is_null(array.type):
        return array.cast(pa.string()).dictionary_encode()
    distinct = array.dictionary_encode()
    texts = pa.array([value_text(value) for value in distinct.dictionary.to_pylist()], pa.string())
    return pa.DictionaryArray.from_arrays(distinct.indices, texts)
