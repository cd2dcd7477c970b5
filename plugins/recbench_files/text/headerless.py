"""Recognise a text file without a header, or name its columns with the option `header`.

The guess is strict: what is read as pairs or sequences by mistake gives tables of nonsense.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import recbench
from recbench_files.columns import count_known, plain_name
from recbench_files.layout import N_SAMPLE, Layout, is_number, shorten
from recbench_files.times.reader import reads_as_times

from .lines import is_wide, squeeze
from .records import count_fields, sample_rows

_ID = re.compile(r"[\w.-]*\w[\w.-]*")
_DATE = re.compile(r"\d{1,4}([-.])\d{1,2}\1\d{1,4}")
_MEASURE = re.compile(r"-\d+|-?\d*\.\d+|-?[\d.]+e[-+]\d+", re.IGNORECASE)
_KONECT = re.compile(r"%\s*(bip|sym|asym|directed)\b")
_FIRST_EPOCH = 1e8
_LAST_RATING = 100
_TABLE = 0.9  # share of lines with the same number of fields, more than in lists of items


def guess_format(layout: Layout, lines: Sequence[str], comment: str) -> str:
    """Return dat, udata, pairs or sequences. Raises UsageError if something speaks against each."""
    if _KONECT.match(comment):
        width = len(lines[0].split())
        names = ",".join(("user", "item", "rating", "time")[:width])
        raise recbench.UsageError(
            f"{layout.file} is a KONECT file, whose lines are a user, an item and maybe a weight "
            f"and a time. Name the columns: {layout.file}:header={names}"
        )
    if len(fields := lines[0].split("::")) > 1:
        rows = [row for row in (line.split("::") for line in lines) if len(row) == 4]
        no_dat = against_ratings(rows) if rows else f"{count_fields(len(fields))}, not 4"
        if no_dat:
            raise refuse_bare(layout, lines[0], len(fields), {"ratings.dat": no_dat})
        return "dat"
    tabs = "\t" in lines[0]
    rows = [line.split("\t") if tabs else line.split() for line in lines]
    counts = Counter(map(len, rows))
    usual, often = counts.most_common(1)[0]
    if 2 * often <= len(rows):
        usual = 0  # a single broken line must not change the format
    again = len({row[0] for row in rows}) < len(rows)
    no_ids = _find_other_than_ids(rows, tabs=tabs)
    against = no_ids or _find_words(rows) or _find_times(rows[:N_SAMPLE])
    no_pairs = against or ("" if usual == 2 else f"{count_fields(usual or len(rows[0]))}, not 2")
    if not no_pairs and ((not again and len(counts) > 1) or len(rows[0]) != 2):
        no_pairs = "lines with more or fewer than 2 fields"
    no_udata = _against_udata(rows, usual) if tabs else "no tabs"
    no_sequences = against
    if not against and usual >= 3 and often > _TABLE * len(rows):
        no_sequences = f"{count_fields(usual)} in most lines, as in a table"
    elif not against and usual == 1:
        no_sequences = "no items in most lines"
    found = {"pairs": no_pairs, "u.data": no_udata, "sequences": no_sequences}
    for form, reason in found.items():
        if not reason:
            return form.replace(".", "")
    words = [line.split() for line in lines]
    lists = tabs and usual == 2 and not _find_other_than_ids(words, tabs=False)  # 1<tab>2 3 4
    remedy = ""
    if usual == 2 and not no_ids:
        remedy = "; or, if each line is a user and an item, write format=pairs"
    elif usual != 1 and (lists or not no_ids) and not again:
        remedy = "; or, if each line is a user and its items, write format=sequences"
    raise refuse_bare(layout, lines[0], usual or len(rows[0]), found, remedy)


def refuse_bare(
    layout: Layout,
    first: str,
    width: int,
    found: Mapping[str, str] = MappingProxyType({}),
    another: str = "",
) -> recbench.UsageError:
    """Return the error for a file without a header.

    found: form -> what spoke against it. another: remedy, besides naming the columns.
    """
    forms = ", ".join(f"not {form} ({reason})" for form, reason in found.items())
    names = "user,item" if width == 2 else "user,item,..."
    remedy = (
        f"Name its {width} columns with header=, such as {layout.file}:header={names}"
        if width > 1
        else "Add a first line that names the columns, such as user,item,time"
    )
    return recbench.UsageError(
        f"{layout.file} has no header: line {layout.skip + 1} is {shorten(first)}. "
        + (f"It is {forms}. " if forms else "")
        + remedy
        + another
    )


def against_ratings(rows: Sequence[Sequence[str]], *, strict: bool = True) -> str:
    """Return what speaks against `user item rating time` in most rows, or "".

    strict: whether times must be seconds since 1970.
    """
    ratings = [float(row[2]) for row in rows if is_number(row[2])]
    times = [float(row[3]) for row in rows if is_number(row[3])]
    third, fourth = shorten(rows[0][2]), shorten(rows[0][3])
    half = len(rows) / 2
    if sum(rating >= _FIRST_EPOCH for rating in ratings) > half:
        return f"the third field, such as {third}, looks like a time instead of a rating"
    if not strict:
        return ""
    if sum(abs(rating) <= _LAST_RATING for rating in ratings) < half:
        return f"the third field, such as {third}, does not look like a rating"
    if sum(time >= _FIRST_EPOCH for time in times) < half:
        return f"the fourth field, such as {fourth}, does not look like seconds since 1970"
    return ""


def name_columns(layout: Layout, lines: Sequence[str], header: str) -> Layout:
    """Return the layout of a table whose columns the user names. Raises UsageError."""
    names = tuple(name.strip() for name in header.split(","))
    if len(names) < 2 or "" in names or len(set(map(plain_name, names))) < len(names):
        raise recbench.UsageError(
            f"header={header} must be different names, separated by commas, one for each column"
        )
    widths = {}
    for delimiter in ("::", "\t", ",", ";", "|", " "):
        if delimiter == " " and is_wide(lines[:N_SAMPLE], len(names)):
            layout, lines = dataclasses.replace(layout, wide=True), list(map(squeeze, lines))
        rows = sample_rows(lines, delimiter, len(names))
        width, often = Counter(map(len, rows)).most_common(1)[0]
        widths[delimiter] = width
        if width == len(names) + 1 and not any("".join(row[len(names) :]) for row in rows):
            names = (*names, "")  # a separator at the end of each row
        if width == len(names) and 2 * often > len(rows):
            if count_known(rows[0], {}) == 2 or list(map(plain_name, rows[0])) == list(
                map(plain_name, names)
            ):
                raise recbench.UsageError(
                    f"{layout.file} already has a header: line {layout.skip + 1} is "
                    f"{shorten(lines[0])}; leave out header="
                )
            layout = dataclasses.replace(layout, format="csv", header=False)
            sample = [row for row in rows[:N_SAMPLE] if len(row) == len(names)]
            return with_delimiter(layout, delimiter, names, sample)
    found = max(widths.values())
    delimiter = next(text for text in widths if widths[text] == found)
    word = {"\t": "tabs", " ": "spaces"}.get(delimiter, repr(delimiter))
    fields = count_fields(found) + (f" separated by {word}" if found > 1 else "")
    raise recbench.UsageError(
        f"header={header} names {len(names)} columns, but the lines of {layout.file} have "
        f"{fields}: {shorten(lines[0])}; name each column"
    )


def with_delimiter(
    layout: Layout, delimiter: str, names: tuple[str, ...], sample: Sequence[Sequence[str]]
) -> Layout:
    """Return the layout with these columns. pyarrow reads `::` as `:` and an empty column."""
    quoted = delimiter != "::"
    if delimiter == "::":
        delimiter, names = ":", _interleave(names)
        sample = [_interleave(row) for row in sample]
    return dataclasses.replace(
        layout,
        delimiter=delimiter,
        names=tuple(_decoded(name.strip()) for name in names),
        quoted=quoted,
        sample=tuple(tuple(map(_decoded, row)) for row in sample),
    )


def _decoded(text: str) -> str:
    """Return text without the bytes that are not UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _interleave(fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for field in fields for part in (field, ""))[:-1]


def _find_other_than_ids(rows: Sequence[Sequence[str]], *, tabs: bool) -> str:
    """Return why some fields are not ids, or ""."""
    tokens = set(itertools.chain.from_iterable(rows))
    for token in sorted(tokens):
        if (" " if tabs else "\t") in token.strip():
            return f"fields contain spaces, such as {shorten(token)}"
    for token in sorted(tokens):
        if not _ID.fullmatch(token) or _DATE.fullmatch(token) or _MEASURE.fullmatch(token):
            return f"{shorten(token)} does not look like an id"
    return ""


def _find_words(rows: Sequence[Sequence[str]]) -> str:
    """Return why some fields may not be ids, or "": they have no digit."""
    for token in sorted(set(itertools.chain.from_iterable(rows))):
        if not any(letter.isdigit() for letter in token):
            return f"words without a digit such as {shorten(token)}"
    return ""


def _find_times(rows: Sequence[Sequence[str]]) -> str:
    """Return why the first fields of the lines, or the last, may be no ids but times, or ""."""
    for n in (0, 1, 2, -1):
        values = [row[n] for row in rows if len(row) > n]
        if 2 * len(values) > len(rows) and reads_as_times(values):
            return f"fields such as {shorten(values[0])} look like times"
    return ""


def _against_udata(rows: Sequence[Sequence[str]], usual: int) -> str:
    if usual != 4:
        return f"{count_fields(usual or len(rows[0]))}, not 4"
    rows = [row for row in rows if len(row) == 4]
    ids = [row[:2] for row in rows]
    return against_ratings(rows) or _find_other_than_ids(ids, tabs=True) or _find_words(ids)
