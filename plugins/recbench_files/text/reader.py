"""Read the chosen columns of a text file with pyarrow's compiled reader, or else in Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import recbench
from recbench_files.columns import Chosen, count_known
from recbench_files.diagnose import wrong_number
from recbench_files.layout import Layout, damaged, is_number, shorten

from .lines import BOM, COMMENT, READ_ERRORS, is_comment, read_sample, split_lines
from .records import (
    MARGIN,
    Record,
    Tally,
    WrongRecordError,
    breaks_note,
    by_line,
    header_forms,
    is_doubled,
    lines_of,
    place,
    spanning,
)
from .sequences import read_sequences
from .stream import TextStream, open_lines

_BLOCK = 1 << 24
_CHUNK = 1 << 12  # records
_FLOAT_PLACES = 6  # decimals of seconds since 1970 that a float holds
_WORD = r"^[\s\"A-Za-z_.-]{2,20}$"

Columns = dict[str, Any]
"""role -> pyarrow.ChunkedArray: numbers, or dictionaries of strings; null where it is missing."""


def read_text(
    layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> tuple[Columns, list[str]]:
    """Return the columns by role, and notes on how the file was read.

    numbers: mappings from role to the type of its numbers. They are tried in turn until the file
        can be read. Columns of other roles are read as text.
    """
    notes = _skipped_note(layout)
    if layout.format == "sequences":
        columns, more = read_sequences(layout)
        return columns, notes + more
    fast = _read_fast(layout, chosen, numbers)
    if fast is None:
        columns, more = _read_slowly(layout, chosen, numbers)
    else:
        columns, more = fast
    _refuse_comments(layout, chosen, columns)
    return columns, notes + more


def log_numbers(layout: Layout, chosen: Chosen) -> list[dict[str, Any]]:
    """Return the types to try for a log: times as integers, then as floats; or as text."""
    import pyarrow as pa

    rating = {"rating": pa.float32()} if "rating" in chosen.index else {}
    if "time" not in chosen.index:
        return [rating]
    place = chosen.index["time"]
    texts = [row[place].strip() for row in layout.sample if len(row) == len(layout.names)]
    texts = [text for text in texts if text and text not in layout.missing]
    if layout.format not in ("dat", "udata") and not (texts and is_number(texts[0])):
        return [rating]
    if any(len(text.partition(".")[2]) > _FLOAT_PLACES for text in texts):
        return [rating]  # floats are not exact; texts are read as decimal numbers
    return [{**rating, "time": pa.int64()}, {**rating, "time": pa.float64()}]


def _read_fast(
    layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> tuple[Columns, list[str]] | None:
    """Read with pyarrow; None if the result may differ from what `records` gives."""
    import pyarrow as pa

    attempts = list(numbers)
    while True:
        try:
            columns, stream = _read_table(layout, chosen, attempts.pop(0))
            break
        except pa.ArrowInvalid as error:
            if not attempts or "conversion error to " not in str(error):
                return None
        except READ_ERRORS as error:
            raise damaged(layout, error) from error
    plain = stream.is_plain()
    if _is_odd(layout, chosen, columns, marks=not plain, starts=stream.starts):
        return None
    if not (plain and stream.breaks):
        return columns, []
    tally = Tally()
    try:  # quoted fields span lines, unless all lines are records and quotes are text
        return _collect(by_line(layout, chosen, tally), layout, chosen, numbers), tally.notes()
    except WrongRecordError as error:
        if error.decided:
            raise _error(layout, error) from error
    return columns, [breaks_note(stream.breaks)]


def _read_table(
    layout: Layout, chosen: Chosen, numbers: Mapping[str, Any]
) -> tuple[Columns, TextStream]:
    import pyarrow as pa
    from pyarrow import csv

    strings = pa.dictionary(pa.int32(), pa.string())
    types = {str(n): numbers.get(role, strings) for role, n in chosen.index.items()}
    if is_doubled(layout):  # the columns between must be empty
        types.update({str(n): pa.null() for n in range(1, len(layout.names), 2)})
    with open_lines(layout) as raw, TextStream(layout, raw) as stream:
        table = csv.read_csv(
            stream,
            read_options=csv.ReadOptions(
                column_names=[str(n) for n in range(len(layout.names))],
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
                null_values=["", *layout.missing],
                strings_can_be_null=True,
            ),
        )
    columns = {role: table[str(n)] for role, n in chosen.index.items()}
    return {
        role: column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
        for role, column in columns.items()
    }, stream


def _is_odd(layout: Layout, chosen: Chosen, columns: Columns, *, marks: bool, starts: bool) -> bool:
    """Whether the texts that pyarrow read need the rules of `records`.

    marks: whether quotation marks are in the text. starts: whether fields start with them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    known = {role: texts for role in columns if (texts := _known(columns[role])) is not None}
    for role, texts in known.items():
        if chosen.index[role] == 0 and _any(pc.starts_with(texts, BOM)):
            return True
        if marks and (starts or _any(pc.match_substring_regex(texts, r'^\s*"'))):
            return True
    if not known:
        return False
    if all(
        _any(pc.is_in(_plain(texts), pa.array(header_forms(chosen.name[role]))))
        for role, texts in known.items()
    ):
        return True
    ids = [known[role] for role in ("user", "item") if role in known]
    forms = pa.array([form for name in layout.names for form in header_forms(name) if form])
    if len(ids) == 2 and all(_any(pc.is_in(_plain(texts), forms)) for texts in ids):
        return True
    words = [
        word
        for texts in ids
        for word in texts.filter(pc.match_substring_regex(texts, _WORD)).to_pylist()
    ]
    return count_known([word.strip(MARGIN) for word in words], {}) == 2


def _read_slowly(
    layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> tuple[Columns, list[str]]:
    """Read the records in Python. Raises RecbenchError with the line of a wrong record."""
    tally = Tally()
    try:
        try:
            columns = _collect(by_line(layout, chosen, tally), layout, chosen, numbers)
        except WrongRecordError as first:
            if first.decided or not layout.quoted:
                raise
            tally = Tally()
            try:
                columns = _collect(spanning(layout, chosen, tally), layout, chosen, numbers)
            except WrongRecordError as second:
                raise (second if first.marks else first) from None
    except WrongRecordError as error:
        raise _error(layout, error) from error
    except READ_ERRORS as error:
        raise damaged(layout, error) from error
    return columns, tally.notes()


def _collect(
    records: Iterator[Record], layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> Columns:
    """Build the columns from records."""
    import pyarrow as pa
    import pyarrow.compute as pc

    places = {role: place(layout, n) for role, n in chosen.index.items()}
    missing = {"", *layout.missing}
    chunks: dict[str, list[Any]] = {role: [] for role in places}
    while block := list(itertools.islice(records, _CHUNK)):
        for role, n in places.items():
            texts = [None if fields[n] in missing else fields[n] for _, fields in block]
            chunks[role].append(pa.array(texts, pa.string()).dictionary_encode())
    strings = pa.dictionary(pa.int32(), pa.string())
    columns = {
        role: pa.chunked_array(parts, strings).unify_dictionaries()
        for role, parts in chunks.items()
    }
    for types in numbers:
        try:
            converted = {
                role: pc.utf8_trim_whitespace(columns[role].cast(pa.string())).cast(kind)
                for role, kind in types.items()
            }
        except pa.ArrowInvalid:
            continue
        return {**columns, **converted}
    raise wrong_number(layout, chosen, numbers[-1])


def _refuse_comments(layout: Layout, chosen: Chosen, columns: Columns) -> None:
    """Raise RecbenchError if a comment between the rows was read as a row."""
    import pyarrow.compute as pc

    for role, n in chosen.index.items():
        texts = _known(columns[role]) if n == 0 else None
        if texts is None:
            continue
        comments = pc.match_substring_regex(texts, COMMENT)
        if not 0 < 2 * (pc.sum(comments).as_py() or 0) < len(texts):
            continue  # none, or all ids look so
        rows = itertools.islice(lines_of(layout), int(layout.header), None)
        found = next(((number, line) for number, line in rows if is_comment(line)), None)
        if found:
            hint = ", or put its first field in quotes" if layout.quoted else ""
            raise recbench.RecbenchError(
                f"{layout.file} line {found[0]}: {shorten(found[1])} looks like a comment, but has "
                f"as many fields as a row. Remove the line{hint}"
            )


def _skipped_note(layout: Layout) -> list[str]:
    """Return the note on comments above the header."""
    if not layout.skip:
        return []
    above = split_lines(read_sample(layout).decode("utf-8-sig", "replace"))[: layout.skip]
    comments = list(filter(is_comment, above))
    if not comments:
        return []
    shown = shorten(comments[0])
    if len(comments) == 1:
        return [f"The comment at the top of the file, {shown}, was skipped"]
    return [f"{len(comments)} comments at the top of the file, such as {shown}, were skipped"]


def _known(column: Any) -> Any:
    """Return the distinct texts of a column, or None for numbers."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type) or not column.num_chunks:
        return None
    return column.chunk(0).dictionary


def _plain(texts: Any) -> Any:
    import pyarrow.compute as pc

    return pc.utf8_lower(pc.utf8_trim(texts, characters=MARGIN))


def _any(mask: Any) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(mask, min_count=0).as_py())


def _error(layout: Layout, error: WrongRecordError) -> recbench.RecbenchError:
    return recbench.RecbenchError(f"{layout.file} line {error.line}: {error.problem}")
