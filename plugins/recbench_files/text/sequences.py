"""Read lines of `user item item ...` as a user and an item per interaction."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import recbench
from recbench_files.bounds import LONGEST
from recbench_files.columns import Chosen, count_known
from recbench_files.layout import Layout, damaged, shorten

from .lines import BOM, READ_ERRORS
from .records import Tally, WrongRecordError, by_line, lines_of
from .stream import TextStream

_USER_AND_ITEM = Chosen({"user": 0, "item": 1}, {"user": "user", "item": "item"})


def read_sequences(layout: Layout) -> tuple[dict[str, Any], list[str]]:
    """Return a pyarrow.ChunkedArray of users and of items, and notes."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    try:
        with layout.open() as raw, TextStream(layout, raw) as stream:
            lines = csv.read_csv(
                stream,
                read_options=csv.ReadOptions(column_names=["0"], block_size=LONGEST),
                parse_options=csv.ParseOptions(delimiter="\x1f", quote_char=False),
                convert_options=csv.ConvertOptions(column_types={"0": pa.string()}),
            )["0"]
    except pa.ArrowInvalid as error:
        raise _find_wrong(layout, error) from error
    except READ_ERRORS as error:
        raise damaged(layout, error) from error
    if pc.any(pc.starts_with(lines, BOM), min_count=0).as_py():
        lines = pc.utf8_ltrim(lines, BOM)
    lines = pc.ascii_trim_whitespace(lines)
    lines = lines.filter(pc.not_equal(lines, ""))
    words = pc.ascii_split_whitespace(lines).combine_chunks()
    lengths = pc.list_value_length(words).to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    tokens = words.flatten()
    users = tokens.take(pa.array(starts))
    alone = np.flatnonzero(lengths < 2)
    if len(alone) == len(lengths):
        problem = (
            "has no items, nor has any other. Write a user and its items on each line, separated "
            "by spaces"
        )
        raise _wrong_user(layout, 0, problem)
    distinct = users.dictionary_encode()
    if len(distinct.dictionary) < len(users):
        _, first_rows = np.unique(distinct.indices.to_numpy(), return_index=True)
        row = int(np.setdiff1d(np.arange(len(users)), first_rows)[0])
        problem = "already has a line above. Put all items of a user on one line"
        raise _wrong_user(layout, row, problem)
    _refuse_header(layout, users, tokens, starts)
    is_item = np.ones(len(tokens), dtype=bool)
    is_item[starts] = False
    numbers = pa.array(np.repeat(np.arange(len(users), dtype=np.int32), lengths - 1))
    columns = {
        "user": pa.chunked_array([pa.DictionaryArray.from_arrays(numbers, users)]),
        "item": pa.chunked_array([tokens.filter(pa.array(is_item)).dictionary_encode()]),
    }
    have = "user has" if len(alone) == 1 else "users have"
    were = "was" if len(alone) == 1 else "were"
    note = f"{len(alone):,} {have} no items on their line and {were} left out"
    return columns, [note] if len(alone) else []


def _refuse_header(layout: Layout, users: Any, tokens: Any, starts: Any) -> None:
    """Raise RecbenchError for a line that names columns, such as `user item`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = np.asarray(pc.match_substring_regex(users, "^[A-Za-z_.-]{2,20}$"))
    if not count_known(users.filter(pa.array(words)).to_pylist(), {}):
        return
    for row in np.flatnonzero(words):
        if count_known(tokens.slice(starts[row], 2).to_pylist(), {}) == 2:
            raise _wrong_user(layout, int(row), "and its items look like a header. Remove the line")


def _wrong_user(layout: Layout, row: int, problem: str) -> recbench.RecbenchError:
    """Return the error for the user of a line that is not empty, counted from 0."""
    number, line = next(itertools.islice(lines_of(layout), row, None))
    user = shorten(line.split()[0])
    return recbench.RecbenchError(f"{layout.file} line {number}: user {user} {problem}")


def _find_wrong(layout: Layout, cause: Exception) -> recbench.RecbenchError:
    try:
        for _ in by_line(layout, _USER_AND_ITEM, Tally()):
            pass
    except WrongRecordError as error:
        return recbench.RecbenchError(f"{layout.file} line {error.line}: {error.problem}")
    reason = " ".join(str(cause).split())
    return recbench.RecbenchError(f"{layout.file} cannot be read as sequences: {reason}")
