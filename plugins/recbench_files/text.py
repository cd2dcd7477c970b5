"""Read the chosen columns of a text file, by pyarrow's compiled reader."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import recbench

from .broken import explain, place
from .layout import Layout, damaged, is_number
from .names import Chosen

Columns = dict[str, Any]  # role -> pyarrow.ChunkedArray
Refuse = Callable[[str, int, str], recbench.RecbenchError]
_BLOCK = 1 << 24
_END = "\x02end\x03"


def read_text(layout: Layout, chosen: Chosen) -> tuple[Columns, Refuse]:
    """The columns by role, and what makes the error for (role, row, problem).

    Ids come as dictionaries of strings: lean, and no block's types are guessed from its rows.
    """
    import pyarrow as pa

    def refuse(role: str, row: int, problem: str) -> recbench.RecbenchError:
        return place(layout, chosen, role, row, problem)

    if layout.format == "sequences":
        return _sequences(layout), refuse
    kinds = _kinds_of_time(layout, chosen)
    while True:
        kind = kinds.pop(0)
        try:
            table = _read(layout, chosen, kind)
        except (pa.ArrowInvalid, OSError) as error:
            if layout.packed and isinstance(error, OSError):
                raise damaged(layout, error) from error
            if not kinds or " to int64" not in str(error):
                numbers = {"rating"} if pa.types.is_dictionary(kind) else {"rating", "time"}
                raise explain(layout, chosen, error, numbers) from error
        else:
            break
    if not table.num_rows:
        raise recbench.RecbenchError(f"{layout.file} has a header and no rows under it")
    return {role: table[str(n)] for role, n in chosen.index.items()}, refuse


def _kinds_of_time(layout: Layout, chosen: Chosen) -> list[Any]:
    """The types to try for the time column: whole, then any numbers; or text, which holds dates."""
    import pyarrow as pa

    if "time" not in chosen.index:
        return [pa.null()]
    if layout.format in ("dat", "udata"):
        return [pa.int64(), pa.float64()]
    texts = (row[chosen.index["time"]] for row in layout.sample if len(row) == len(layout.names))
    first = next((text for text in texts if text.strip()), "")
    if is_number(first):
        return [pa.int64(), pa.float64()]
    return [pa.dictionary(pa.int32(), pa.string())]


def _read(layout: Layout, chosen: Chosen, time: Any) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    ids = pa.dictionary(pa.int32(), pa.string())
    by_role = {"user": ids, "item": ids, "time": time, "rating": pa.float32()}
    types = {str(n): by_role[role] for role, n in chosen.index.items()}
    if layout.format == "dat":
        # `::` is `:` twice; what stands between must be empty
        types.update({str(n): pa.null() for n in range(1, len(layout.names), 2)})
    fields = (_END if n == chosen.index["user"] else "" for n in range(len(layout.names)))
    end = "\n" + layout.delimiter.join(fields) + "\n"
    with layout.open() as stream:
        table = csv.read_csv(
            _Ended(stream, end.encode()) if layout.quoted else stream,
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
    if not layout.quoted:
        return table
    if not table.num_rows or table[str(chosen.index["user"])][-1].as_py() != _END:
        raise pa.ArrowInvalid("a quote is never closed")
    return table.slice(0, table.num_rows - 1)


class _Ended(io.RawIOBase):
    """A stream with one more row at its end, which only a quote that is never closed swallows.

    pyarrow takes such a quote for one field up to the end of the file, and says nothing. Nor does
    a block end between CR and LF here: pyarrow would drop that LF, inside quotes too.
    """

    def __init__(self, stream: Any, end: bytes) -> None:
        self.stream, self.end, self.held = stream, end, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block, self.held = self.held, b""
        while len(block) < size and (more := self.stream.read(size - len(block))):
            block += more
        if len(block) < size:
            room = size - len(block)
            block, self.end = block + self.end[:room], self.end[room:]
        if len(block) > 1 and block.endswith(b"\r"):
            block, self.held = block[:-1], b"\r"
        return block


def _sequences(layout: Layout) -> Columns:
    """`user item item ...` a line, as a user and an item for each event."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    whole = Chosen({"user": 0}, {"user": "user"})
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
        raise explain(layout, whole, error) from error
    lines = lines.filter(pc.not_equal(pc.ascii_trim_whitespace(lines), ""))
    words = pc.ascii_split_whitespace(pc.ascii_trim_whitespace(lines)).combine_chunks()
    lengths = pc.list_value_length(words).to_numpy(zero_copy_only=False)
    if (lengths < 2).any():
        row = int(np.argmax(lengths < 2))
        raise place(layout, whole, "user", row, "has no items; a line is a user and the items")
    first = np.cumsum(lengths) - lengths
    tokens = words.flatten()
    names = tokens.take(pa.array(first))
    seen = names.dictionary_encode()
    if len(seen.dictionary) < len(names):
        _, where = np.unique(seen.indices.to_numpy(), return_index=True)
        row = int(np.setdiff1d(np.arange(len(names)), where)[0])
        raise place(
            layout, whole, "user", row, "has a line above already; put a user's items on one line"
        )
    is_item = np.ones(len(tokens), dtype=bool)
    is_item[first] = False
    users = pa.array(np.repeat(np.arange(len(names), dtype=np.int32), lengths - 1))
    return {
        "user": pa.chunked_array([pa.DictionaryArray.from_arrays(users, names)]),
        "item": pa.chunked_array([tokens.filter(pa.array(is_item)).dictionary_encode()]),
    }
