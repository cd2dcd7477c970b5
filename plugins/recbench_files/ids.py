"""Read exact ids from any column, and number them in sorted order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_EMPTY_WORDS = ("null", "nan", "none", "na", "n/a", "\\n", "<na>")


def encode(column: Any) -> tuple[Array, Any]:
    """Return (rows,) int32 codes, -1 for a missing id, and the pyarrow array that they index."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    codes = np.empty(len(column), dtype=np.int32)
    start = 0
    for chunk in column.chunks:
        end = start + len(chunk)
        indices = chunk.indices.cast(pa.int32())
        codes[start:end] = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)
        start = end
    known = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
    known = _plain(known)
    missing = pc.is_null(known, nan_is_null=True).to_numpy(zero_copy_only=False)
    if pa.types.is_large_string(known.type):
        missing |= pc.equal(known, "").fill_null(True).to_numpy(zero_copy_only=False)
    if missing.any():
        codes[missing[codes] & (codes >= 0)] = -1
    return codes, known


def number_ids(
    codes: Array, known: Any, refuse: Callable[[int, str], Exception]
) -> tuple[Array, Array]:
    """Return (rows,) int32 numbers and the sorted ids; these are integers if all of them are.

    known: the ids that the codes index; those that do not occur are left out.
    refuse: creates the error for (row, problem).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    used = np.flatnonzero(np.bincount(codes, minlength=len(known)))
    known = known.take(pa.array(used))
    if pa.types.is_large_string(known.type):
        nul = pc.match_substring(known, "\0").to_numpy(zero_copy_only=False)
        if nul.any():
            row = int(np.argmax(codes == used[np.argmax(nul)]))
            raise refuse(row, "contains a NUL byte. Remove it")
    ids = _integers(known)
    if ids is None:
        texts = known.cast(pa.large_string())
        order = pc.sort_indices(texts).to_numpy()
        ids = texts.take(pa.array(order)).to_numpy(zero_copy_only=False).astype(object)
    else:
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
    ranks = np.zeros(int(used.max(initial=-1)) + 1, dtype=np.int32)
    ranks[used[order]] = np.arange(len(used), dtype=np.int32)
    return ranks[codes], ids


def find_doubtful(ids: Array, column: str) -> list[str]:
    """Return notes on ids that look like a missing value or have spaces around them."""
    if ids.dtype.kind != "O":
        return []
    notes = []
    words = [text for text in ids if text.strip().lower() in _EMPTY_WORDS]
    if words:
        notes.append(
            f"The id {words[0]!r} in column {column} was kept, but may stand for a missing value"
        )
    padded = next((text for text in ids if text != text.strip()), None)
    if padded is not None:
        notes.append(f"Spaces around ids in column {column} were kept, as in {padded!r}")
    return notes


def _plain(known: Any) -> Any:
    """Return ids as integers, or as strings; different ids stay different."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = known.type
    if isinstance(known, pa.ExtensionArray):
        known, kind = known.storage, known.storage.type
    if pa.types.is_integer(kind):
        return known
    if pa.types.is_floating(kind):
        known = known.cast(pa.float64())
        values = known.to_numpy(zero_copy_only=False)
        real = values[~np.isnan(values)]
        if (np.abs(real) < 2**53).all() and (real == np.floor(real)).all():
            return pc.if_else(pc.is_nan(known), None, known).cast(pa.int64())
        texts = pa.array([repr(value) for value in known.to_pylist()], pa.large_string())
        return pc.if_else(pc.is_null(known, nan_is_null=True), None, texts)
    if (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    ):
        return pa.array(_texts_of_bytes(known.to_pylist()), pa.large_string())
    if pa.types.is_null(kind):
        return pa.array([None] * len(known), pa.large_string())
    return known.cast(pa.large_string())


def _texts_of_bytes(values: list[bytes | None]) -> list[str | None]:
    """Decode as UTF-8 if all values allow it, otherwise as hexadecimal digits."""
    try:
        texts = [None if value is None else value.decode() for value in values]
    except UnicodeDecodeError:
        return [None if value is None else value.hex() for value in values]
    if any(text is not None and not text.isprintable() for text in texts):
        return [None if value is None else value.hex() for value in values]
    return texts


def _integers(known: Any) -> Array | None:
    """Return the ids as int64, or None if one is not written as Python writes integers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = known.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    same = pc.equal(numbers.cast(pa.large_string()), known.cast(pa.large_string()))
    if not pc.all(same, min_count=0).as_py():
        return None
    array: Array = numbers.to_numpy(zero_copy_only=False)
    return array
