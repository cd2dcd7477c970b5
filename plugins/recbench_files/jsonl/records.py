"""One line of JSON lines as a record: parse it, list its fields, and take values from it."""

from __future__ import annotations

import ast
import json
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from recbench_files.layout import shorten

Path = tuple[str | None, ...]
"""The keys that lead to a field. None stands for each element of a list."""

_TYPES = frozenset(
    ("$oid", "$date", "$numberLong", "$numberInt", "$numberDouble", "$numberDecimal")
)
"""Keys by which MongoDB writes the type of a value: {"$oid": "5f3a"}. Names leave them out."""


CORRECT = "Correct the line"
"""What to do about most errors."""


class RecordError(Exception):
    """What is wrong with a record, and what to do."""

    def __init__(self, problem: str, remedy: str = CORRECT) -> None:
        super().__init__(problem)
        self.remedy = remedy


class _Repeated:
    """The value of a key that occurs more than once in an object."""

    def __init__(self, key: str) -> None:
        self.key = key


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the record of a line: a JSON object, or a dictionary as Python prints it."""
    text = line.decode("utf-8", "surrogateescape").strip()
    try:
        record = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        record = _parse_python(text)
        if record is None:
            raise _invalid(text, error) from None
    if isinstance(record, tuple) and text.endswith(","):
        raise _COMMA
    if not isinstance(record, dict):
        raise RecordError(
            f'{shorten(text)} is not an object with named fields, such as {{"user": 1, "item": 2}}'
        )
    return record


_COMMA = RecordError(
    "the record is followed by a comma",
    "Remove the commas at the ends of the lines, for example with: sed 's/, *$//'",
)


def _invalid(text: str, error: Exception) -> RecordError:
    if isinstance(error, RecursionError):
        return RecordError("objects or lists are nested too deeply", "Write flat records")
    if not isinstance(error, json.JSONDecodeError):
        return RecordError("a number has too many digits", "If it is an id, write it in quotes")
    rest = text[error.pos :].strip()
    if error.msg == "Extra data" and rest == ",":
        return _COMMA
    if error.msg == "Extra data" and rest.startswith("{"):
        return RecordError(
            "several records are on one line",
            "Write one record per line, for example with: jq -c .",
        )
    reason = f"{error.msg.removesuffix(' at')} at character {error.colno}"
    return RecordError(f"the line is not valid JSON ({reason})")


def list_fields(records: Iterable[dict[str, Any]]) -> dict[str, list[Path]]:
    """Return the paths of the fields by dotted name, in the order of their first appearance."""
    known: dict[Path, bool] = {}
    for record in records:
        for path, value in _leaves(record, ()):
            known[path] = known.get(path, False) or (value is not None and value != {})
    inner = {path[:n] for path in known for n in range(len(path))}
    fields: dict[str, list[Path]] = {}
    for path, is_known in known.items():
        if is_known or path not in inner:
            fields.setdefault(".".join(keys_of(path)), []).append(path)
    return fields


def keys_of(path: Path) -> tuple[str, ...]:
    """Return the keys of a path, without the elements of lists and the types of values."""
    return tuple(key for key in path if key is not None and key not in _TYPES)


def take_rows(record: Any, paths: Sequence[Path]) -> Iterator[tuple[Any, ...]]:
    """Iterate over the values at the paths: a row for each element of their lists, or one row.

    Raises RecordError if a value there is not null, text, a finite number, true or false. Numbers
    that are not finite are None.
    """
    yield from _take([(record, path) for path in paths])


def take_cells(record: dict[str, Any]) -> dict[str, tuple[list[Any], bool]]:
    """Return the values of each field by its dotted name, and whether they are in a list.

    Raises RecordError as `take_rows` does.
    """
    cells: dict[str, tuple[list[Any], bool]] = {}
    for path, value in _leaves(record, ()):
        name = ".".join(keys_of(path))
        values, in_list = cells.get(name, ([], False))
        values += [] if value == {} else [_scalar(value)]
        cells[name] = values, in_list or None in path
    return cells


def first_value(record: Any, path: Path) -> str:
    """Return the first value at the path as text, "" if there is none."""
    try:
        return value_text(next(take_rows(record, [path]), (None,))[0])
    except RecordError:
        return ""


def value_text(value: Any) -> str:
    """Return a value as text: true and false as in JSON, 10.0 as 10, None as ""."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                record[key] = _Repeated(key)
            seen.add(key)
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_object, strict=False)


def _parse_python(text: str) -> Any:
    """Return a Python literal, as in the files of Steam reviews, or None if the text is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python may refuse some day
        try:
            return ast.literal_eval(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Iterate over the paths of all values, and the values."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value or [None]:
            yield from _leaves(inner, (*path, None))
    else:
        yield path, value


def _take(places: list[tuple[Any, Path]]) -> Iterator[tuple[Any, ...]]:
    places = [_follow(value, path) for value, path in places]
    length = next((_length(value) for value, path in places if path), None)
    if length is None:
        yield tuple(_scalar(value) for value, _ in places)
        return
    for n in range(length):
        yield from _take(
            [((value and value[n]), path[1:]) if path else (value, ()) for value, path in places]
        )


def _follow(value: Any, path: Path) -> tuple[Any, Path]:
    """Follow the keys up to the first list; return what is there and the rest of the path."""
    for n, key in enumerate(path):
        _refuse_repeated(value)
        if key is None:
            if value is not None and not isinstance(value, list | tuple):
                raise RecordError(f"{shorten(value)} is not a list, unlike above")
            return value, path[n:]
        if value is not None:
            if not isinstance(value, dict):
                raise RecordError(
                    f"{shorten(value)} is not an object with the field {key!r}, unlike above"
                )
            value = value.get(key)
    return value, ()


def _length(value: Any) -> int:
    """Return the number of elements. A missing list counts as one missing element."""
    return 1 if value is None else len(value)


def _refuse_repeated(value: Any) -> None:
    if isinstance(value, _Repeated):
        raise RecordError(f"the key {value.key!r} occurs more than once")


def _scalar(value: Any) -> Any:
    _refuse_repeated(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RecordError(
                f"{shorten(value)} is not valid Unicode", "Save the file as UTF-8"
            ) from None
    if value is None or isinstance(value, str | int | float):
        return value
    raise RecordError(f"{shorten(value)} is not a single value")
