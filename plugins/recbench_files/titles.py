"""Titles of items: from a column of the log, or from a table of items that is joined by id."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

import recbench

from .columns import list_names, plain_name, usual_names
from .layout import MISSING, damaged, shorten
from .sources import find_sources
from .table import Table

Array = npt.NDArray[Any]
_USUAL = (
    "title name itemname itemtitle producttitle productname movietitle moviename filmtitle "
    "tracktitle trackname songtitle songname booktitle bookname artistname newstitle videotitle "
    "gamename appname businessname description"
)


def first_titles(items: Array, codes: Array, titles: Array, n_items: int) -> Array:
    """Return the first title of each item, "" if it has none, (n_items,) object.

    items, codes: (rows,) the item, and the index of its title in `titles`, or -1.
    """
    has_title = np.flatnonzero((codes >= 0) & (items >= 0))
    item, first = np.unique(items[has_title], return_index=True)
    title_of_item = np.full(n_items, "", dtype=object)
    title_of_item[item] = titles[codes[has_title[first]]]
    return title_of_item


def join_titles(
    path: str, item_column: str, title: str | None, item_ids: Array
) -> tuple[Array, list[str]]:
    """Return the title of each item, "" if it has none, (n_items,) object, and notes.

    path: of the table of items, in any format of logs with named columns. item_column: the name of
        the log's column with the items. The table must have a column with this name, a usual name
        for items, or the name `id`.
    title: the table's column with the titles; None looks for usual names.

    Raises UsageError if the table has no such columns, RecbenchError if it is broken or no id fits.
    """
    file, table = _open(path)
    id_column = _choose(table, file, "item", [item_column, *usual_names("item"), "id"])
    title_column = _choose(table, file, "title", [title] if title else _USUAL.split(), title)
    columns = table.read([id_column, title_column], [])
    (id_codes, ids), (codes, titles) = columns[id_column], columns[title_column]
    if not len(id_codes):
        raise recbench.RecbenchError(f"{file} has no rows; check that it was written completely")
    if item_ids.dtype.kind in "iu":
        ids = [text.removesuffix(".0") for text in ids]
    number = {str(item): n for n, item in enumerate(item_ids.tolist())}
    numbers = np.array([*(number.get(text.strip(), -1) for text in ids), -1], dtype=np.int64)
    items = numbers[id_codes]
    if not (items >= 0).any():
        raise recbench.RecbenchError(
            f"{file}: no id in its column {id_column} is an item of the log. Its ids look "
            f"like {_examples(ids)}, those of the log like {_examples(number)}"
        )
    is_missing = np.array([text.strip() in {"", *MISSING} for text in titles], dtype=bool)
    codes = np.where(is_missing[codes], -1, codes)
    found = first_titles(
        items, codes, np.array([text.strip() for text in titles], object), len(number)
    )
    n_without = int(np.count_nonzero(found == ""))
    notes = [f"Titles were read from {file}, with item={id_column}, title={title_column}"]
    if n_without:
        notes.insert(0, f"{n_without:,} of {len(number):,} items have no title in {file}")
    return found, notes


def _open(path: str) -> tuple[str, Table]:
    """Return the name and the content of the table of items."""
    try:
        layouts = find_sources(path).layouts
    except recbench.UsageError as error:
        raise recbench.UsageError(f"item_table={path}: {error}") from error
    if len(layouts) > 1:
        raise recbench.UsageError(f"item_table={path}: it has several files; name one of them")
    name = PurePosixPath(layouts[0].file).name
    without = f"{name} has no header"
    try:
        with layouts[0].open_raw() as file:
            table = Table(name, file.read())
    except OSError as error:
        raise damaged(layouts[0], error) from error
    except recbench.RecbenchError as error:
        if not str(error).startswith(without):
            raise
        table = None
    if table is None or not table.header:
        raise recbench.UsageError(
            f"{without}. Add a first line that names its columns, such as item,title"
        )
    return name, table


def _choose(table: Table, file: str, role: str, wanted: list[str], given: str | None = None) -> str:
    """Return the column with the first of the names that the table has."""
    for name in wanted:
        matches = [column for column in table.names if plain_name(column) == plain_name(name)]
        if len(matches) > 1:
            raise recbench.UsageError(
                f"{file}: several columns are called {matches[0]!r}; rename all but one"
            )
        if matches:
            return matches[0]
    listed = f"Its columns are: {list_names(table.names)}"
    if given:
        raise recbench.UsageError(f"title={given}: {file} has no such column. {listed}")
    remedy = "Name it with title=" if role == "title" else "Rename it to `item`"
    raise recbench.UsageError(
        f"{file}: no column has a usual name for the {role}. {remedy}. {listed}"
    )


def _examples(ids: Any) -> str:
    return ", ".join(shorten(text) for text in list(ids)[:3])
