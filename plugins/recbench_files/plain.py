"""Typed columns as numbers, texts and times, which the rest of the plugin reads."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import recbench

from .layout import FEATURE, cut, shorten

Texts = list[str | None]


def is_nested(kind: Any) -> bool:
    """Whether values of this type are lists or records."""
    import pyarrow as pa

    return bool(pa.types.is_nested(_below(kind)))


def single_values(column: Any, file: str, name: str, role: str) -> Any:
    """Return a column as `plain_column` does; one that is read as a feature may have lists.

    file, name, role: of the column. Raises UsageError if its values are lists or records.
    """
    if role.startswith(FEATURE) and _is_list(column.type):
        return column
    try:
        if not is_nested(column.type):
            return plain_column(column)
    except ValueError:  # in values of the type JSON
        pass
    raise recbench.UsageError(
        f"{file}: the column {name!r} contains lists or records (its type is "
        f"{shorten(str(column.type))}); write one value per row"
    )


def shown_value(column: Any, row: int) -> Any:
    """Return the value of a plain column in a row, counted from 0: a number, or as it is shown."""
    import pyarrow as pa

    value = column.slice(row, 1)
    is_number = pa.types.is_integer(value.type) or pa.types.is_floating(value.type)
    return value[0].as_py() if is_number else texts_of(value)[0]


def sample_of(column: Any) -> list[str]:
    """Return the values of any column as they are shown, with "" for missing ones."""
    if not is_nested(column.type):
        with contextlib.suppress(ValueError):
            return texts_of(plain_column(column))
    return ["" if value is None else cut(str(value)) for value in column.to_pylist()]


def plain_column(column: Any) -> Any:
    """Return a column, a pyarrow.ChunkedArray, as a type that all of pyarrow's functions know.

    A UUID becomes its text, as does a value of JSON, a text in it without its quotes. Other
    extensions become what they store. Bytes become text if all of them are text in UTF-8.

    Raises ValueError if a value of JSON is a list or a record.
    """
    import pyarrow as pa

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        name = kind.extension_name
        stored = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(stored, kind.storage_type)
        if name == "arrow.uuid":
            return _map(column, _texts_of_uuids)
        return _map(column, _texts_of_json) if name == "arrow.json" else plain_column(column)
    if pa.types.is_dictionary(kind):
        value = kind.value_type
        return plain_column(column.cast(value)) if _is_bytes(value) or _is_short(value) else column
    if _is_short(kind):
        return column.cast(pa.decimal128(kind.precision, kind.scale))
    return _decoded(column) if _is_bytes(kind) else column


def texts_of(column: Any) -> list[str]:
    """Return the values of a plain column as they are shown, with "" for missing ones."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp(kind.unit))  # the zone may be unknown here
    if pa.types.is_temporal(kind):  # Python does not have all times
        column = column.cast(pa.string())
    values = column.to_pylist()
    if pa.types.is_binary(kind):
        return ["" if value is None else value.hex() for value in values]
    return ["" if value is None else str(value) for value in values]


def _below(kind: Any) -> Any:
    """Return the type of what an extension or a dictionary stores."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _below(kind.storage_type)
    return _below(kind.value_type) if pa.types.is_dictionary(kind) else kind


def _is_list(kind: Any) -> bool:
    """Whether values are lists of values, or of such lists."""
    import pyarrow as pa

    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(test(kind) for test in is_list):
        return False
    return _is_list(kind.value_type) or not is_nested(kind.value_type)


def _is_short(kind: Any) -> bool:
    """Whether values are decimals of less than 128 bits."""
    import pyarrow as pa

    return bool(pa.types.is_decimal(kind) and kind.bit_width < 128)


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _map(column: Any, texts: Callable[[Sequence[Any]], Texts]) -> Any:
    """Return the texts of the distinct values, as a column of dictionaries."""
    import pyarrow as pa

    encoded = column.dictionary_encode().unify_dictionaries()
    known = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
    shown = pa.array(texts(known), pa.string())
    chunks = [pa.DictionaryArray.from_arrays(chunk.indices, shown) for chunk in encoded.chunks]
    return pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string()))


def _decoded(column: Any) -> Any:
    """Return bytes as text, or as they are if they are not printable text."""
    import pyarrow as pa

    try:
        return _map(column, _texts_of_bytes)
    except ValueError:
        return column.cast(pa.binary())


def _texts_of_bytes(values: Sequence[Any]) -> Texts:
    texts = [None if value is None else value.decode() for value in values]
    if not all(text is None or text.isprintable() for text in texts):
        raise ValueError
    return texts


def _texts_of_uuids(values: Sequence[Any]) -> Texts:
    return [None if value is None else str(uuid.UUID(bytes=value)) for value in values]


def _texts_of_json(values: Sequence[Any]) -> Texts:
    return [None if value is None else _text_of_json(value) for value in values]


def _text_of_json(text: str) -> str | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, list | dict):
        raise ValueError(text)  # noqa: TRY004  as for bytes that are no text
    return value if value is None or isinstance(value, str) else text.strip()
