"""Read exact ids from any column, and number them in sorted order."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .layout import MISSING, shorten

Array = npt.NDArray[Any]
_WHOLE = r"^-?(0|[1-9][0-9]*)(\.0+)?$"
_SHORTENED = re.compile(r"-?\d(\.\d+)?[eE]\+\d{2}")
_SPELT = re.compile(r"\+\d+|0+\d+")
_FRACTION = r"\.0+$"
_DOUBTFUL = {"-", "?", "-1", "(null)", "n.a.", "nil", "undefined", "unknown", "missing"}
_INVISIBLE = r"[\x{ad}\x{200b}-\x{200f}\x{2060}\x{feff}]"


@dataclass(frozen=True)
class Ids:
    """A column of ids.

    codes: (rows,) int32 index of each row's id in `known`, -1 for a missing id.
    known: the distinct ids, a pyarrow array of integers or strings; some may not occur.
    notes: on how they were read.
    """

    codes: Array
    known: Any
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> Array:
        """Whether the id is missing, (rows,) bool."""
        return np.asarray(self.codes < 0)


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


def read_ids(column: Any, name: str, missing: Collection[str]) -> Ids:
    """Read a column of ids: without spaces around them, and 10.0 as 10 if all are whole numbers.

    name: of the column, for notes. missing: the words that stand for a missing id.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    codes, known = encode(column)
    notes: list[str] = []
    if not pa.types.is_large_string(known.type):
        return Ids(codes, known)
    trimmed = pc.utf8_trim(known, "\ufeff \t\n\r\v\f\u00a0\u3000")
    n_padded = pc.sum(pc.not_equal(trimmed, known)).as_py() or 0
    if n_padded:
        example = known.filter(pc.not_equal(trimmed, known))[0].as_py()
        notes.append(
            f"Spaces around {recbench.counted(n_padded, 'id')} in column {name} were removed, as "
            f"in {shorten(example)}"
        )
        codes, known = _merge(codes, trimmed)
    is_missing = pc.is_in(known, pa.array(["", *missing], pa.large_string()))
    if pc.any(is_missing).as_py():
        codes = np.where(is_missing.to_numpy(zero_copy_only=False)[codes], -1, codes)
        codes = codes.astype(np.int32)
        known_ids = known.filter(pc.invert(is_missing))
    else:
        known_ids = known
    fraction = pc.match_substring_regex(known_ids, _FRACTION)
    if pc.any(fraction).as_py():
        whole = pc.match_substring_regex(known_ids, _WHOLE)
        with_fraction = known_ids.filter(fraction)
        without = pc.replace_substring_regex(with_fraction, _FRACTION, "")
        n_twice = pc.sum(pc.is_in(without, known_ids)).as_py() or 0
        if pc.all(whole).as_py():
            example = shorten(with_fraction[0].as_py())
            notes.append(f"Ids in column {name} were read as whole numbers, {example} too")
            codes, known = _merge(codes, pc.replace_substring_regex(known, _FRACTION, ""))
        elif n_twice:
            was, count = ("id is", "counts") if n_twice == 1 else ("ids are", "count")
            example = with_fraction.filter(pc.is_in(without, known_ids))[0].as_py()
            notes.append(
                f"{n_twice:,} {was} written in column {name} both with and without a fraction, "
                f"such as {shorten(example)}, and {count} as different"
            )
    return Ids(codes, known, tuple(notes))


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
    """Return notes on an id that may stand for a missing value, and on ids that look alike.

    ids: sorted, integers or texts.
    """
    if ids.dtype.kind != "O":
        doubtful = ids[ids == -1].tolist() if ids[:1] == -1 else []
        return _note_missing(doubtful, column)
    short = [text for text in ids if len(text) < 10]  # as all words for missing values are
    doubtful = [text for text in short if text in MISSING or text.lower() in _DOUBTFUL]
    return [
        *_note_missing(doubtful, column),
        *_note_shortened(ids, column),
        *_note_numbers(short, column),
        *_note_alike(ids, column),
    ]


def _note_missing(doubtful: list[Any], column: str) -> list[str]:
    return [
        f"The id {id_!r} in column {column} was kept, but may stand for a missing value"
        for id_ in doubtful[:1]
    ]


def _note_shortened(ids: Array, column: str) -> list[str]:
    """Return a note on numbers such as 1.23457E+11, of which a spreadsheet has lost digits."""
    shortened = [text for text in ids if len(text) < 20 and _SHORTENED.fullmatch(text)]
    if not shortened:
        return []
    n_ids = recbench.counted(len(shortened), "id")
    shown = f"{n_ids} in column {column}, such as {shortened[0]!r},"
    return [f"{shown} may have been shortened by a spreadsheet, so that different ids became one"]


def _note_numbers(ids: Sequence[str], column: str) -> list[str]:
    """Return a note on numbers that are written in two ways, such as 7, 07 and +7."""
    spellings = [text for text in ids if _SPELT.fullmatch(text)]
    known = set(ids) if spellings else set()
    twice = [text for text in spellings if (text.lstrip("+").lstrip("0") or "0") in known]
    if not twice:
        return []
    is_, counts = ("is a number", "counts") if len(twice) == 1 else ("are numbers", "count")
    shown = f"{recbench.counted(len(twice), 'id')} in column {column}, such as {twice[0]!r},"
    return [f"{shown} {is_} that another id writes differently, but {counts} as different"]


def _note_alike(ids: Array, column: str) -> list[str]:
    """Return a note on ids that differ only in how Unicode writes the same letters."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if all(map(str.isascii, ids)):
        return []
    texts = pa.array(ids, pa.large_string())
    plain = pc.string_is_ascii(texts)
    odd = texts.filter(pc.invert(plain))
    forms = pc.utf8_normalize(pc.replace_substring_regex(odd, _INVISIBLE, ""), "NFKC")
    forms = pc.utf8_trim_whitespace(forms)
    is_alike = pc.is_in(forms, texts.filter(plain)).to_numpy(zero_copy_only=False)
    numbers = forms.dictionary_encode().indices.to_numpy()
    is_alike |= (np.bincount(numbers, minlength=1) > 1)[numbers]
    n = int(np.count_nonzero(is_alike))
    if not n:
        return []
    example = ascii(odd[int(np.argmax(is_alike))].as_py())
    looks, counts = ("looks", "counts") if n == 1 else ("look", "count")
    alike = f"{recbench.counted(n, 'id')} in column {column}, such as {example}, {looks}"
    return [f"{alike} like another one, but {counts} as different"]


def _merge(codes: Array, texts: Any) -> tuple[Array, Any]:
    """Give equal texts one code."""
    encoded = texts.dictionary_encode()
    new_codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    merged = np.append(new_codes, -1)[codes].astype(np.int32)  # the last, at index -1: missing
    return merged, encoded.dictionary


def _plain(known: Any) -> Any:
    """Return ids as integers, or as strings; different ids stay different."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = known.type
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
    if pa.types.is_binary(kind):
        texts = [None if value is None else value.hex() for value in known.to_pylist()]
        return pa.array(texts, pa.large_string())
    if pa.types.is_null(kind):
        return pa.array([None] * len(known), pa.large_string())
    if pa.types.is_timestamp(kind):
        known = known.cast(pa.timestamp(kind.unit))  # in UTC, as the zone may be unknown here
    return known.cast(pa.large_string())


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
