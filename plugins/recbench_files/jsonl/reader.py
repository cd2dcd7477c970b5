"""Read JSON lines: one record per line, with nested fields and lists.

Blocks of lines are read with pyarrow's compiled reader. A block that it does not read, because of
an error or of another type of value, is read again line by line in Python, which is right but slow.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from typing import Any

import recbench
from recbench_files.bounds import LONGEST, too_long
from recbench_files.columns import Chosen
from recbench_files.layout import Layout, damaged, shorten
from recbench_files.text.lines import READ_ERRORS

from .arrays import Type, common_type, join_chunks, nested_type, read_fast, to_array
from .records import (
    CORRECT,
    Path,
    RecordError,
    first_value,
    keys_of,
    list_fields,
    parse_line,
    take_cells,
    take_rows,
    value_text,
)

_N_RECORDS = 1000  # that are searched for fields
_N_SAMPLE = 100
_FIRST_BLOCK, _BLOCK = 1 << 20, 1 << 24
_UNPACK = {"gzip": "zcat", "bz2": "bzcat", "zstd": "zstdcat"}


def detect_json(layout: Layout, lines: Sequence[str]) -> Layout:
    """Return the layout of JSON lines: the dotted names of all fields of the first records.

    lines: the first lines that are not empty. Raises UsageError if the file is JSON, but not one
    record per line, and RecbenchError if one of the first records is broken.
    """
    first = lines[0].strip()
    if first.startswith("["):
        raise _refuse_list(layout, first)
    try:
        records = _first_records(layout)
    except recbench.RecbenchError:
        _refuse_document(layout, first)
        raise
    if len(records) == 1 and all(
        isinstance(value, dict) and "0" in value for value in records[0].values()
    ):
        raise recbench.UsageError(
            f"{layout.file} is a table by columns. Write one record per line, for example with "
            "pandas: frame.to_json('lines.json', orient='records', lines=True)"
        )
    fields = list_fields(records)
    sample = tuple(
        tuple(first_value(record, paths[0]) for paths in fields.values())
        for record in records[:_N_SAMPLE]
    )
    return dataclasses.replace(
        layout, format="json", header=True, names=tuple(fields), sample=sample
    )


def read_json(layout: Layout, chosen: Chosen) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role: int64, float64, or dictionaries of strings.

    A field in a list gives a row for each element, with the other fields repeated. What is absent,
    null or NaN is null. A field with numbers in some records and text in others is text.
    """
    paths = _choose_paths(layout, chosen)
    types: dict[str, Type] = dict.fromkeys(paths, "null")
    chunks: dict[str, list[Any]] = {name: [] for name in paths}
    for line, block in _blocks(layout):
        arrays = read_fast(block, paths, types) if any(chunks.values()) else None
        if arrays is None:  # or it is the first block, which tells the types
            rows = [
                row
                for number, record in _parse(layout, line, block)
                for row in _rows(layout, number, record, paths)
            ]
            columns = zip(*rows, strict=True) if rows else [()] * len(paths)
            arrays = dict(zip(paths, map(to_array, columns), strict=True))
        for name, array in arrays.items():
            types[name] = common_type(types[name], array)
            chunks[name].append(array)
    joined = {name: join_chunks(chunks.pop(name), types[name]) for name in paths}
    return {role: joined[name] for role, name in chosen.name.items()}


def read_cells(layout: Layout) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per column with a row per record: values, or lists of texts."""
    import pyarrow as pa

    cells: dict[str, list[list[Any]]] = {name: [] for name in layout.names}
    lists: set[str] = set()
    for line, record in _records(layout):
        try:
            taken = take_cells(record)
        except RecordError as error:
            raise recbench.RecbenchError(
                f"{layout.file} line {line}: {error}. {error.remedy}"
            ) from None
        for name, column in cells.items():
            values, in_list = taken.get(name, ([], False))
            column.append(values)
            lists |= {name} if in_list else set()
    return {
        name: pa.chunked_array(
            [
                pa.array([[*map(value_text, values)] for values in column], pa.list_(pa.string()))
                if name in lists
                else to_array([next(iter(values), None) for values in column])
            ]
        )
        for name, column in cells.items()
    }


def find_json_value(layout: Layout, chosen: Chosen, role: str, row: int) -> tuple[int, Any]:
    """Return the number of the line with a row (counted from 0), and the row's value of the role.

    chosen: decides which lists give several rows.
    """
    paths = _choose_paths(layout, chosen)
    rows = (
        (line, values)
        for line, record in _records(layout)
        for values in _rows(layout, line, record, paths)
    )
    line, values = next(itertools.islice(rows, row, None))
    return line, values[list(paths).index(chosen.name[role])]


def _refuse_list(layout: Layout, first: str) -> recbench.UsageError:
    """Return the error for a file that starts with a list. first: the first line."""
    if re.match(r"\[\s*(\{|$)", first):
        command = _convert(layout, "jq -c '.[]'", "lines.json")
        return recbench.UsageError(
            f"{layout.file} is a list of records. Write one record per line, for example with: "
            f"{command}"
        )
    lists = ".[] | @csv" if re.match(r"\[\s*\[", first) else "@csv"
    command = _convert(layout, f"jq -r '{lists}'", "lines.csv")
    return recbench.UsageError(
        f"{layout.file} has lists without names, such as {shorten(first)}. Write them as CSV, for "
        f"example with: {command} (and name the columns with header=)"
    )


def _refuse_document(layout: Layout, first: str) -> None:
    """Raise UsageError if the first line shows that records are not one per line."""
    if not first.startswith("{"):
        raise recbench.UsageError(
            f"{layout.file} is not JSON: its first line is {shorten(first)}; leave out format=json"
        )
    if first.endswith(("{", "[", ",")) and first.count("{") > first.count("}"):
        raise recbench.UsageError(
            f"{layout.file} has records over several lines. Write one record per line, for example "
            f"with: {_convert(layout, 'jq -c .', 'lines.json')}"
        )


def _convert(layout: Layout, command: str, target: str) -> str:
    """Return the command line that converts a file."""
    name = shlex.quote(layout.file)
    if layout.packed:
        return f"{_UNPACK[layout.packed]} {name} | {command} > {target}"
    return f"{command} {name} > {target}"


def _choose_paths(layout: Layout, chosen: Chosen) -> dict[str, Path]:
    """Return the path of each chosen column. Raises UsageError if they do not fit together."""
    fields = list_fields(_first_records(layout))
    paths = {name: _choose_path(layout, name, fields[name]) for name in chosen.name.values()}
    try:
        nested_type(paths, {})
    except ValueError as error:
        raise recbench.UsageError(f"{layout.file}: {error}") from None
    lists = {
        name: [path[: n + 1] for n, key in enumerate(path) if key is None]
        for name, path in paths.items()
    }
    deepest = max(lists, key=lambda name: len(lists[name]))
    for name, outer in lists.items():
        if outer != lists[deepest][: len(outer)]:
            raise recbench.UsageError(
                f"{layout.file}: the columns {deepest} and {name} are in two different lists, so "
                "it is unclear which of their values belong together. Choose columns of one list, "
                "or write one interaction per line"
            )
    ids = [chosen.name[role] for role in ("user", "item") if role in chosen.name]
    is_plain = paths[deepest][-1] is None  # a list of values, such as [2010, 12, 1]
    if is_plain and len(ids) == 2 and len(lists[deepest]) > max(len(lists[name]) for name in ids):
        raise recbench.UsageError(
            f"{layout.file}: the column {deepest} is a list, but the user and the item of each of "
            "its values are the same. Leave the column out, or write one value per interaction"
        )
    return paths


def _choose_path(layout: Layout, name: str, paths: Sequence[Path]) -> Path:
    """Return the path that a name stands for: a key with dots, or else nested keys."""
    exact = [path for path in paths if keys_of(path) == (name,)]
    other = next((path for path in paths if keys_of(path) != keys_of(paths[0])), None)
    if not exact and other is not None:
        first, second = (" in ".join(map(repr, keys_of(path)[::-1])) for path in (paths[0], other))
        raise recbench.UsageError(
            f"{layout.file}: the column {name} may be {first}, or {second}; rename one of them"
        )
    return (exact or paths)[0]


def _first_records(layout: Layout) -> list[dict[str, Any]]:
    return [record for _, record in itertools.islice(_records(layout), _N_RECORDS)]


def _records(layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    """Iterate over the numbers of the lines and their records. Empty lines only count."""
    for line, block in _blocks(layout):
        yield from _parse(layout, line, block)


def _parse(layout: Layout, line: int, block: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(block.split(b"\n"), line):
        if text.strip():
            try:
                record = parse_line(text)
            except RecordError as error:
                remedy = error.remedy
                if remedy == CORRECT and _is_last(layout, number):
                    remedy = "It is the last line, so the file may be truncated"
                raise recbench.RecbenchError(
                    f"{layout.file} line {number}: {error}. {remedy}"
                ) from None
            yield number, record


def _rows(
    layout: Layout, line: int, record: dict[str, Any], paths: dict[str, Path]
) -> Iterator[tuple[Any, ...]]:
    try:
        yield from take_rows(record, list(paths.values()))
    except RecordError as error:
        name = next(name for name, path in paths.items() if not _can_take(record, path))
        raise recbench.RecbenchError(
            f"{layout.file} line {line}: {error} (column {name}). {error.remedy}"
        ) from None


def _can_take(record: dict[str, Any], path: Path) -> bool:
    try:
        list(take_rows(record, [path]))
    except RecordError:
        return False
    return True


def _is_last(layout: Layout, line: int) -> bool:
    """Whether only empty lines follow."""
    return not any(
        text.strip()
        for first, block in _blocks(layout)
        for text in block.split(b"\n")[max(0, line - first + 1) :]
    )


def _blocks(layout: Layout) -> Iterator[tuple[int, bytes]]:
    """Iterate over blocks of complete lines, with the number of their first line."""
    line, size, parts = 1, _FIRST_BLOCK, [b""]
    try:
        with layout.open() as stream:
            while chunk := bytes(stream.read(size)):
                size = _BLOCK
                head, newline, rest = chunk.rpartition(b"\n")
                if newline:
                    block = b"".join([*parts, head, newline])
                    yield _without_top(layout, line, block)
                    line += block.count(b"\n")
                    parts = []
                parts.append(rest)
                if sum(map(len, parts)) > LONGEST:
                    raise too_long(layout.file, line + (layout.skip if line == 1 else 0))
    except READ_ERRORS as error:
        raise damaged(layout, error) from error
    if any(parts):
        yield _without_top(layout, line, b"".join(parts))


def _without_top(layout: Layout, line: int, block: bytes) -> tuple[int, bytes]:
    """Take the mark of UTF-8 and the lines above the first record from the first block."""
    if line > 1:
        return line, block
    return line + layout.skip, block.removeprefix(BOM_UTF8).split(b"\n", layout.skip)[-1]
