"""Read the chosen columns of a text file with pyarrow's compiled reader."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from .columns import Chosen
from .diagnose import diagnose, row_error
from .layout import Layout, damaged, is_number

_BLOCK = 1 << 24
_END = "\x02end\x03"


def read_text(
    layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role: numbers, or dictionaries of strings.

    Empty fields are null.

    numbers: mappings from role to the type of its numbers. They are tried in turn until the file
        can be read. Columns of other roles are read as text.
    """
    import pyarrow as pa

    if layout.format == "sequences":
        return _read_sequences(layout)
    attempts = list(numbers)
    while True:
        types = attempts.pop(0)
        try:
            return _read_table(layout, chosen, types)
        except (pa.ArrowInvalid, OSError) as error:
            if layout.packed and isinstance(error, OSError):
                raise damaged(layout, error) from error
            if not attempts or "conversion error to " not in str(error):
                raise diagnose(layout, chosen, error, types) from error


def log_numbers(layout: Layout, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the types to try for a log: times as integers, then as floats; or as text."""
    import pyarrow as pa

    rating = {"rating": pa.float32()} if "rating" in chosen.index else {}
    if "time" not in chosen.index:
        return [rating]
    texts = (
        record[chosen.index["time"]] for record in layout.sample if len(record) == len(layout.names)
    )
    first = next((text for text in texts if text.strip()), "")
    if layout.format not in ("dat", "udata") and not is_number(first):
        return [rating]
    return [{**rating, "time": pa.int64()}, {**rating, "time": pa.float64()}]


def _read_table(layout: Layout, chosen: Chosen, numbers: Mapping[str, Any]) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import csv

    strings = pa.dictionary(pa.int32(), pa.string())
    types = {str(n): numbers.get(role, strings) for role, n in chosen.index.items()}
    marked = next(n for role, n in chosen.index.items() if role not in numbers)
    if layout.format == "dat":
        # `::` is read as two `:`; the column between must be empty
        types.update({str(n): pa.null() for n in range(1, len(layout.names), 2)})
    fields = (_END if n == marked else "" for n in range(len(layout.names)))
    end = "\n" + layout.delimiter.join(fields) + "\n"
    with layout.open() as stream:
        table = csv.read_csv(
            _EndMarked(stream, end.encode()) if layout.quoted else stream,
            read_options=csv.ReadOptions(
                column_names=[str(n) for n in range(len(layout.names))],
                skip_rows=layout.skip,
                skip_rows_after_names=int(layout.header),
                block_size=_BLOCK,
            ),
            parse_options=csv.ParseOptions(
                delimiter=layout.delimiter,
                quote_char='"' if layout.quoted else False,
                newlines_in_values=layout.quoted,
            ),
            convert_options=csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    if layout.quoted:
        if not table.num_rows or table[str(marked)][-1].as_py() != _END:
            raise pa.ArrowInvalid("a quote is never closed")
        table = table.slice(0, table.num_rows - 1)
    return {role: table[str(n)] for role, n in chosen.index.items()}


class _EndMarked(io.RawIOBase):
    """A stream with an additional last row, which is missing if a quote is never closed.

    pyarrow reads such a quote as one field up to the end of the file, without an error. Also, no
    block ends between CR and LF: pyarrow would drop that LF, even inside quotes.
    """

    def __init__(self, stream: Any, end: bytes) -> None:
        self.stream, self.end, self.held = stream, end, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block, self.held = self.held, b""
        while len(block) < size and (chunk := self.stream.read(size - len(block))):
            block += chunk
        if len(block) < size:
            room = size - len(block)
            block, self.end = block + self.end[:room], self.end[room:]
        if len(block) > 1 and block.endswith(b"\r"):
            block, self.held = block[:-1], b"\r"
        return block


def _read_sequences(layout: Layout) -> dict[str, Any]:
    """Read lines of `user item item ...` as a user and an item per interaction."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    users_alone = Chosen({"user": 0}, {"user": "user"})
    try:
        with layout.open() as stream:
            lines = csv.read_csv(
                stream,
                read_options=csv.ReadOptions(column_names=["0"], block_size=_BLOCK),
                parse_options=csv.ParseOptions(delimiter="\x1f", quote_char=False),
                convert_options=csv.ConvertOptions(column_types={"0": pa.string()}),
            )["0"]
    except (pa.ArrowInvalid, OSError) as error:
        if layout.packed and isinstance(error, OSError):
            raise damaged(layout, error) from error
        raise diagnose(layout, users_alone, error) from error
    lines = lines.filter(pc.not_equal(pc.ascii_trim_whitespace(lines), ""))
    words = pc.ascii_split_whitespace(pc.ascii_trim_whitespace(lines)).combine_chunks()
    lengths = pc.list_value_length(words).to_numpy(zero_copy_only=False)
    if (lengths < 2).any():
        row = int(np.argmax(lengths < 2))
        problem = "has no items. Write a user and its items on each line"
        raise row_error(layout, users_alone, "user", row, problem)
    starts = np.cumsum(lengths) - lengths
    tokens = words.flatten()
    users = tokens.take(pa.array(starts))
    distinct = users.dictionary_encode()
    if len(distinct.dictionary) < len(users):
        _, first_rows = np.unique(distinct.indices.to_numpy(), return_index=True)
        row = int(np.setdiff1d(np.arange(len(users)), first_rows)[0])
        problem = "already has a line above. Put all items of a user on one line"
        raise row_error(layout, users_alone, "user", row, problem)
    is_item = np.ones(len(tokens), dtype=bool)
    is_item[starts] = False
    numbers = pa.array(np.repeat(np.arange(len(users), dtype=np.int32), lengths - 1))
    return {
        "user": pa.chunked_array([pa.DictionaryArray.from_arrays(numbers, users)]),
        "item": pa.chunked_array([tokens.filter(pa.array(is_item)).dictionary_encode()]),
    }
