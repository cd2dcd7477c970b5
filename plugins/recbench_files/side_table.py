"""A table of users or of items beside the log: its columns are features, joined by the ids."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import recbench

from .bare import detect_recommendations
from .columns import Chosen, list_names, plain_name, usual_names
from .features import read_feature
from .frames import Frame, detect_frame
from .ids import read_ids
from .jsonl.reader import read_cells
from .layout import FEATURE, Layout, damaged, shorten
from .plain import single_values
from .read import read_columns
from .sources import find_sources
from .table import unzip

Array = npt.NDArray[Any]
Role = Literal["user", "item"]
_TITLES = (
    "title name itemname itemtitle producttitle productname movietitle moviename filmtitle "
    "tracktitle trackname songtitle songname booktitle bookname artistname newstitle videotitle "
    "gamename appname businessname description"
)


@dataclass(frozen=True)
class SideTable:
    """A table with a row per user or item.

    file, key: its name, and its column with the ids. rows: id, as text -> its first row.
    columns: name -> feature of each row. title: the column with the titles, "" for none.
    titles: (rows,) texts, if there are any. notes: on rows that are not used.
    """

    role: Role
    file: str
    key: str
    rows: Mapping[str, int]
    columns: Mapping[str, Array]
    title: str = ""
    titles: Array | None = None
    notes: tuple[str, ...] = ()

    def find(self, ids: Sequence[Any]) -> Array:
        """Return the row of each id, -1 if it has none, (ids,) int64."""
        rows = [self.rows.get(text, self.rows.get(f"{text}.0", -1)) for text in map(str, ids)]
        return np.array(rows, dtype=np.int64)

    def refuse_foreign(self, ids: Sequence[Any]) -> None:
        """Raise RecbenchError if none of the ids of the log is in the table."""
        if not (self.find(ids) >= 0).any():
            raise recbench.RecbenchError(
                f"{self.file}: no id in its column {self.key} is {_A[self.role]} of the log. Its "
                f"ids look like {_examples(self.rows)}, those of the log like {_examples(ids)}"
            )

    def meets(self, where: recbench.Where, name: str, ids: Sequence[Any]) -> Array:
        """Return which users or items meet the conditions on one of the columns, (ids,) bool."""
        values = _take(self.columns[name_in(self.columns, [name])], self.find(ids))
        try:
            return where.holds(name, values)
        except recbench.RecbenchError as error:
            raise recbench.RecbenchError(f"{self.file}: {error}") from error

    def join(self, ids: Array) -> tuple[dict[str, Array], Array | None, list[str], list[str]]:
        """Return the features, the titles or None, notes on what is missing, and other notes."""
        rows = self.find(ids.tolist())
        features = {name: _take(values, rows) for name, values in self.columns.items()}
        titles = None if self.titles is None else _take(self.titles, rows)
        return features, titles, self._note_missing(rows, titles), self._note_read(rows)

    def _note_missing(self, rows: Array, titles: Array | None) -> list[str]:
        n, notes = len(rows), []
        if n_missing := int(np.count_nonzero(rows < 0)):
            notes.append(f"{n_missing:,} of {n:,} {self.role}s have no row in {self.file}")
        if titles is not None and (n_without := int(np.count_nonzero(titles == ""))):
            notes.append(f"{n_without:,} of {n:,} items have no title in {self.file}")
        return notes

    def _note_read(self, rows: Array) -> list[str]:
        notes = []
        if n_unused := len(self.rows) - len(np.unique(rows[rows >= 0])):
            are = "is not in the log and was" if n_unused == 1 else "are not in the log and were"
            notes.append(f"{recbench.counted(n_unused, self.role)} of {self.file} {are} left out")
        title = f",title={self.title}" if self.title else ""
        features = "no features"
        if self.columns:
            s = "s" * (len(self.columns) != 1)
            features = f"the feature{s} {list_names(list(self.columns))}"
        how = f"with {self.role}={self.key}{title} and {features}"
        return [*notes, *self.notes, f"{self.file} was read as a table of {self.role}s, {how}"]


def read_side_table(
    role: Role, layout: Layout, log_column: str, title: str | None = None
) -> SideTable:
    """Read a table of users or items.

    layout: from `open_side_table`. log_column: the name of the log's column with the ids. The table
        must have a column with this name, a usual name for users or items, or the name `id`.
    title: the table's column with the titles; None looks for usual names.

    Raises UsageError if the table has no such columns, RecbenchError if it is broken.
    """
    key = _choose(layout, role, [log_column, *usual_names(role), "id"])
    title_column = ""
    if title is not None:
        title_column = _choose(layout, "title", [title], title)
    elif role == "item":
        title_column = name_in(layout.names, _TITLES.split())
    columns = _read(layout)
    if not len(columns[key]):
        raise recbench.RecbenchError(
            f"{layout.file} has no rows; check that it was written completely"
        )
    ids = read_ids(single_values(columns.pop(key), layout.file, key, role), key, layout.missing)
    texts = [*ids.known.cast("large_string").to_pylist(), None]
    rows: dict[str, int] = {}
    n_rows = 0
    for row, code in enumerate(ids.codes.tolist()):
        if code >= 0:
            n_rows += 1
            rows.setdefault(texts[code], row)
    notes = [
        f"{recbench.counted(n, 'row')} {what} {'was' if n == 1 else 'were'} left out"
        for n, what in (
            (n_rows - len(rows), f"of {layout.file} with the {key} of an earlier row"),
            (len(ids.codes) - n_rows, f"of {layout.file} without a {key}"),
        )
        if n
    ]
    titles = None
    if title_column:
        column = single_values(columns[title_column], layout.file, title_column, "title")
        read = read_ids(column, title_column, layout.missing)
        known = [*read.known.cast("large_string").to_pylist(), ""]
        titles = np.array(known, dtype=object)[read.codes]
    features = {name: read_feature(column, layout) for name, column in columns.items()}
    return SideTable(role, layout.file, key, rows, features, title_column, titles, tuple(notes))


_A = {"user": "a user", "item": "an item"}
_SUCH_AS = {"user": "age", "item": "title"}


def open_side_table(role: Role, path: Any, missing: frozenset[str]) -> Layout:
    """Return the layout of a table in any format of logs with named columns, or of a DataFrame.

    missing: the words that stand for a missing value.
    """
    option = f"{role}_table={path}" if isinstance(path, str) else f"{role}_table"
    try:
        layouts = find_sources(path).layouts
    except recbench.UsageError as error:
        raise recbench.UsageError(f"{option}: {error}") from error
    if len(layouts) > 1:
        raise recbench.UsageError(f"{option}: it has several files; name one of them")
    (source,) = layouts
    if isinstance(source.source, Frame):
        return detect_frame(Layout(f"{role}_table", source.source, missing=missing))
    name = PurePosixPath(source.file).name
    without = f"{name} has no header"
    layout = None
    try:
        with source.open_raw() as file:
            layout = detect_recommendations(name, unzip(name, file.read()))
    except OSError as error:
        raise damaged(source, error) from error
    except recbench.RecbenchError as error:
        if not str(error).startswith(without):
            raise
    if layout is None or not layout.header:
        raise recbench.UsageError(
            f"{without}. Add a first line that names its columns, such as {role},{_SUCH_AS[role]}"
        )
    return dataclasses.replace(layout, missing=missing)


def _read(layout: Layout) -> dict[str, Any]:
    """Return all columns that have a name, as pyarrow.ChunkedArrays."""
    twice = [name for name, count in Counter(layout.names).items() if count > 1 and name.strip()]
    if twice:
        raise recbench.UsageError(
            f"{layout.file}: several columns are called {twice[0]!r}; rename all but one"
        )
    if layout.format == "json":
        return read_cells(layout)
    index = {f"{FEATURE}{name}": n for n, name in enumerate(layout.names) if name.strip()}
    names = {role: role.removeprefix(FEATURE) for role in index}
    columns, _ = read_columns(layout, Chosen(index, names), [{}])
    return {names[role]: column for role, column in columns.items()}


def _choose(layout: Layout, role: str, wanted: Sequence[str], given: str | None = None) -> str:
    """Return the column with the first of the names that the table has."""
    if name := name_in(layout.names, wanted):
        return name
    listed = f"Its columns are: {list_names(layout.names)}"
    if given is not None:
        raise recbench.UsageError(f"title={given}: {layout.file} has no such column. {listed}")
    raise recbench.UsageError(
        f"{layout.file}: no column has a usual name for the {role}. Rename it to `{role}`. {listed}"
    )


def name_in(names: Collection[str], wanted: Collection[str]) -> str:
    """Return the first of the wanted names as a table writes it, "" if it has none of them."""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(plain_name(name), name)
    return next((plain[plain_name(name)] for name in wanted if plain_name(name) in plain), "")


def _take(values: Array, rows: Array) -> Array:
    """Return the values of these rows, NaN or "" for -1."""
    if (rows >= 0).all():
        return values[rows]
    if values.dtype.kind in "if":
        return np.append(values.astype(np.float64), np.nan)[rows]
    return np.append(values, [""])[rows]


def _examples(ids: Any) -> str:
    return ", ".join(shorten(str(id_)) for id_ in list(ids)[:3])
