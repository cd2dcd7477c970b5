"""A random log, written in each format, is read back equal: ids, order, times and ratings."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from recbench_files import read_file
from recbench_files.layout import MISSING

NAMES = ("user", "item", "time", "rating")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DATES = ("zoned", "date")  # with microseconds
EDGES = "\ufeff \t\n\r\v\f\u00a0\u3000"  # are removed around ids
TRICKY = "aZ059,;|:\"'`#%&<>[]{}()\\/^$*?!=+-._@~ \t\r\n"
TRICKY += "\xe9\xdf\u0301\u00a0\u200b\u2028\u0131\ud55c\U0001f600"
MISSING_WORDS = ("", "NA", "null", "NaN", "\\N")


@dataclass(frozen=True)
class Form:
    """A format: how to write rows of (user, item, time, rating), and what it cannot hold.

    write: rows and what is written for a missing value -> content. banned: a pattern of characters
    that an id cannot have. has: the columns. units: of the times that it can hold.
    """

    name: str
    write: Callable
    banned: str = "(?!)"
    has: tuple[str, ...] = NAMES
    units: tuple[str, ...] = tuple(PER_SECOND)
    missing: tuple[str | None, ...] = MISSING_WORDS
    options: dict = field(default_factory=dict)


def shown_time(time, unit):
    """Return a time of the unit as it is written: an integer, or a date."""
    if unit not in DATES or not isinstance(time, int):
        return time
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    return date.isoformat() if unit == "zoned" else date.replace(tzinfo=None)


def write_table(delimiter, end="\n"):
    def write(rows):
        out = io.StringIO()
        has_cr = any("\r" in str(value) for row in rows for value in row)
        quoting = csv.QUOTE_ALL if has_cr else csv.QUOTE_MINIMAL  # old Pythons do not quote \r
        writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerows([NAMES, *rows])
        return out.getvalue().encode()

    return write


def write_lines(separator, columns=4, header=""):
    def write(rows):
        lines = [separator.join(map(str, row[:columns])) for row in rows]
        return "".join(f"{line}\n" for line in ([header] if header else []) + lines).encode()

    return write


def write_sequences(rows):
    items = {}
    for user, item, *_ in rows:
        items.setdefault(user, []).append(item)
    return "".join(f"{user} {' '.join(map(str, items[user]))}\n" for user in items).encode()


def write_records(dump):
    def write(rows):
        return "".join(dump(dict(zip(NAMES, row, strict=True))) + "\n" for row in rows).encode()

    return write


def dump_nested(record):
    """Return JSON with the user in an object, and the rating in a list of one object."""
    inner = {"id": record.pop("user"), "of": [{"rating": record.pop("rating")}]}
    return json.dumps({"text": "\U0001f600\n", "user": inner, **record}, default=str)


def write_parquet(rows):
    columns = {}
    for name, column in zip(NAMES, zip(*rows, strict=True), strict=True):
        is_text = any(isinstance(value, str) for value in column)
        columns[name] = [str(value) if is_text and value is not None else value for value in column]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def rating_before_time(write):
    return lambda rows: write([(user, item, rating, time) for user, item, time, rating in rows])


ALL_UNITS = (*PER_SECOND, *DATES)
COMMENT = r"^(#|%|//|(;|--)(\s|$))"
LINE = rf"[\t\r\n]|{COMMENT}"
INTER = "user_id:token\titem_id:token\ttimestamp:float\trating:float"
FORMS = [
    Form("comma", write_table(","), COMMENT, units=ALL_UNITS),
    Form("comma and CRLF", write_table(",", "\r\n"), COMMENT),
    Form("semicolon", write_table(";"), COMMENT, units=ALL_UNITS),
    Form("bar", write_table("|"), COMMENT),
    Form("tab", write_table("\t"), COMMENT, units=ALL_UNITS),
    Form("space", write_table(" "), COMMENT),
    Form("u.data", rating_before_time(write_lines("\t")), LINE, options={"format": "udata"}),
    Form(
        "ratings.dat",
        rating_before_time(write_lines("::")),
        rf"[:\r\n]|{COMMENT}",
        options={"format": "dat"},
    ),
    Form(".inter", write_lines("\t", header=INTER), LINE),
    Form("pairs", write_lines("\t", 2), LINE, has=("user", "item"), options={"format": "pairs"}),
    Form(
        "sequences",
        write_sequences,
        rf"\s|{COMMENT}",
        has=("user", "item"),
        missing=(),
        options={"format": "sequences"},
    ),
    Form("Parquet", write_parquet, units=(*PER_SECOND, "date"), missing=(None, *MISSING_WORDS)),
    Form(
        "JSON lines",
        write_records(lambda record: json.dumps(record, ensure_ascii=False, default=str)),
        units=ALL_UNITS,
        missing=(None, *MISSING_WORDS),
    ),
    Form(
        "nested JSON",
        write_records(dump_nested),
        units=ALL_UNITS,
        missing=(None, *MISSING_WORDS),
        options={"user": "user.id"},
    ),
    Form("Python", write_records(repr), missing=(None, *MISSING_WORDS)),
]


@st.composite
def logs(draw, form):
    """Return the rows of a log as they should be read and as they are written, and the unit."""
    if draw(st.booleans()):
        known = st.integers(0, 20) | st.integers(-(2**63), 2**63 - 1)
        anchor = []
    else:
        alphabet = st.sampled_from(TRICKY) | st.characters(exclude_categories=["Cs", "Cc"])
        known = st.text(alphabet, min_size=1, max_size=8).map(lambda text: text.strip(EDGES))
        known = known.filter(
            lambda text: text and not re.search(form.banned, text) and text not in MISSING
        )
        anchor = ["anchor"]  # so that not all ids are whole numbers
    users = anchor + draw(st.lists(known, min_size=1, max_size=4, unique=True))
    items = anchor + draw(st.lists(known, min_size=1, max_size=6, unique=True))
    unit = draw(st.sampled_from(form.units))
    per_second = 10**6 if unit in DATES else PER_SECOND[unit]
    seconds = st.integers(10**9, 4 * 10**9) | st.integers(10**9, 10**9 + 2)
    fraction = st.integers(0, per_second - 1)
    time = st.builds(lambda whole, part: whole * per_second + part, seconds, fraction)
    row = st.tuples(
        st.sampled_from(users),
        st.sampled_from(items),
        time,
        st.sampled_from([0, 1, -2, 0.5, 3.25, 10**6]),
    )
    rows = draw(st.lists(row, min_size=1, max_size=12))
    if anchor:
        rows.append(("anchor", "anchor", 10**9 * per_second, 1))
    complete = list(rows)
    if form.missing:
        holes = st.tuples(
            st.integers(0, len(rows)),
            row,
            st.sampled_from([n for n, name in enumerate(form.has) if name != "rating"]),
            st.sampled_from(form.missing),
        )
        for place, broken, column, word in draw(st.lists(holes, max_size=3)):
            rows.insert(place, (*broken[:column], word, *broken[column + 1 :]))
    return complete, rows, unit


def expected(form, rows, unit):
    """Return the items, times (in nanoseconds) and ratings of each user, in order."""
    scale = 1000 if unit in DATES else 10**9 // PER_SECOND[unit]
    sequences = {}
    timed = "time" in form.has
    for user, item, time, rating in sorted(rows, key=lambda row: row[2]) if timed else rows:
        sequences.setdefault(user, []).append((item, time * scale, rating) if timed else (item,))
    return sequences


def found(dataset):
    log = dataset.interactions
    columns = [[dataset.item_ids[item] for item in log.items]]
    if log.times is not None:
        scale = 10**9 // PER_SECOND[log.time_unit]
        columns.append([int(time) * scale for time in log.times])
    if log.ratings is not None:
        columns.append(log.ratings.tolist())
    rows = list(zip(*columns, strict=True))
    return {
        dataset.user_ids[user]: rows[start:end]
        for user, start, end in zip(log.users, log.offsets[:-1], log.offsets[1:], strict=True)
    }


def count_dropped(notes):
    pattern = r"(\d+) rows? (?:has|have) no .* dropped"
    return sum(int(match[1]) for note in notes if (match := re.fullmatch(pattern, note)))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data(), packed=st.booleans())
def test_a_log_is_read_back_equal(tmp_path_factory, form, data, packed):
    complete, rows, unit = data.draw(logs(form))
    written = [(user, item, shown_time(time, unit), rating) for user, item, time, rating in rows]
    content = form.write(written)
    path = tmp_path_factory.mktemp("log") / "log.txt"
    packed = packed and form.name != "Parquet"
    path.write_bytes(gzip.compress(content) if packed else content)
    dataset = read_file(str(path), **form.options)
    assert found(dataset) == expected(form, complete, unit)
    assert count_dropped(dataset.notes) == len(rows) - len(complete)
