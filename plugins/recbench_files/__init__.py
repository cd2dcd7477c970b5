"""Step 1, dataset: read a log file of any common format, by its path.

    recbench run popular --dataset log.csv:user=buyer,item=article,time=day

A log passes through these modules: `request` checks the options, `sources` finds the files
(`places`, `parts`), `formats` detects the format of each from its first lines, `columns` chooses
the columns, and `read` reads them: in `text`, in `jsonl`, or with `parquet` and `plain`. Then
`ids`, `times`, `features` and `assemble` turn them into a dataset, with `titles` if there are any,
and `side_table` adds tables of users and items. A DataFrame passes through them too, by way of
`frames`. If something is wrong, `diagnose` finds the line; `bounds` limits what is unpacked.
`table` and `bare` read tables for `--recs`, and `describe` is the preview. README.md is the user's
guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import recbench

from .layout import Format

if TYPE_CHECKING:
    from .table import Table

__all__ = ["Format", "open_table", "preview", "read_file", "recbench_datasets"]


def read_file(
    path: Any,
    format: Format = "auto",  # noqa: A002  the name of the option
    header: str | None = None,
    user: str | None = None,
    item: str | None = None,
    time: str | None = None,
    rating: str | None = None,
    time_format: str | None = None,
    where: str | None = None,
    missing: Literal["drop", "keep"] = "drop",
    features: str | Sequence[str] | None = None,
    title: str | None = None,
    user_table: Any = None,
    item_table: Any = None,
    name: str | None = None,
) -> recbench.Dataset:
    """A log of your own: CSV, Parquet, JSON lines, u.data, ratings.dat, .inter, or sequences.

    `recbench run popular --dataset log.csv` also selects this dataset: wherever a dataset is
    named, a path can be given, with the options after a colon.

    Parameters
    ----------
    path : str, sequence of str, pandas.DataFrame or pyarrow.Table
        Path of the file, plain or compressed with gzip, bzip2, zstd or zip. A folder, a pattern
        such as `logs/*.csv`, or several paths separated by commas are read as one log. A folder
        with files for training and testing, such as train.csv and test.csv, has a split of its
        own, which `--split given` uses. In Python, it may be a DataFrame, whose index, if it has
        a name, is a column too.
    format : str, default: "auto"
        One of auto, csv, udata, dat, inter, parquet, json, pairs and sequences. By default (auto),
        the format is detected from the first lines of the file. A csv is a table with a header,
        separated by comma, tab, semicolon, `|` or space; udata and dat are `u.data` and
        `ratings.dat` of MovieLens; inter is RecBole's `.inter`; json has a record per line; pairs
        are a user and an item per line, in order of time; sequences are a user and its items per
        line, oldest first.
    header : str, default: the first line of the file
        Names of all columns, for a table without a header: `header=user,item,category,time`.
    user : str, default: found by usual names
        Column with the users.
    item : str, default: found by usual names
        Column with the items.
    time : str, default: found by usual names
        Column with the times; an empty name (time=) leaves them out. Then interactions keep the
        order of the file. Two columns with the date and the time of the day are written as
        `time=date+hour`.
    rating : str, default: found by usual names
        Column with the ratings; an empty name (rating=) leaves them out.
    time_format : str, default: seconds since 1970 or unambiguous dates
        How times are written, in the codes of strftime, such as `%d/%m/%Y %H:%M`.
    where : str, default: all rows are kept
        Conditions on any columns: rows that do not meet them are dropped. Examples are
        `event=purchase` and `rating>=4&country=DE|FR`.
    missing : {"drop", "keep"}, default: "drop"
        What to do with words such as NA, null and NaN in the columns of the user and the item:
        drop the row, or keep the word as an id. Rows with empty fields are always dropped.
    features : str, default: no features
        Columns whose values models may read for each interaction, separated by commas, such as
        `price,genre`.
    title : str, default: no titles
        Column with the titles of items, in the item table or, without one, in the log.
    user_table : str or pandas.DataFrame, default: no table
        Path of a table with a row per user. It is joined by the ids, and its other columns are
        features of users.
    item_table : str or pandas.DataFrame, default: no table
        Path of a table with a row per item. It is joined by the ids, and its other columns are
        features of items. Titles are read from it, too.
    name : str, default: the name of the file
        Name of the dataset in tables.

    Returns
    -------
    recbench.Dataset
        Ids are integers if every id of the column is a whole number, otherwise strings. Users and
        items are numbered in the order of their sorted ids.

    Raises
    ------
    recbench.UsageError
        If the path, the format or a column is wrong.
    recbench.RecbenchError
        If the file is broken. The message gives the line.

    Examples
    --------
    >>> import recbench
    >>> recbench.load_dataset("log.csv:item=StockCode,rating=")  # doctest: +SKIP
    Dataset('log.csv:item=StockCode,rating=', Interactions(...))
    """
    from .assemble import assemble
    from .layout import joint_sha256
    from .read import read_log
    from .request import Request

    request = Request(
        path=path,
        format=format,
        header=header,
        user=user,
        item=item,
        time=time,
        rating=rating,
        time_format=time_format,
        where=where,
        missing=missing,
        features=features,
        title=title,
        user_table=user_table,
        item_table=item_table,
        name=name,
    )
    sources, files = request.open()
    log = read_log(files)
    sides = request.read_tables(log.names)
    interactions, user_ids, item_ids, titles, notes = assemble(
        log, request.conditions, time_format, sides
    )
    described: dict[str, dict[str, Any]] = {"user": {}, "item": {}}
    for role, ids in (("item", item_ids), ("user", user_ids)):
        if role in sides:
            described[role], found, first, last = sides[role].join(ids)
            titles = titles if found is None else found
            notes = [*first, *notes, *last]
    return recbench.Dataset(
        name=request.dataset_name(sources, files[0]),
        interactions=interactions,
        user_ids=user_ids,
        item_ids=item_ids,
        titles=titles,
        user_features=described["user"],
        item_features=described["item"],
        source=sources.name,
        sha256=joint_sha256(file.layout.sha256() for file in files),
        notes=(*sources.notes, *notes),
    )


def open_table(file: str, content: bytes) -> Table:
    """Return a table with named columns from the content of a file, for `--recs`.

    file: its name in errors. Raises RecbenchError if the content is not such a table.
    """
    from .table import Table

    return Table(file, content)


def preview(**options: Any) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """Return a heading and, for each column of a log, how it would be read.

    options: those of `read_file`. Raises UsageError if the files cannot be found.
    """
    from .describe import preview_columns

    return preview_columns(**options)


read_file.__dict__.update(
    open_table=open_table,  # the core gets these from the factory `file`
    preview=preview,
    names_itself=True,
    option_groups={
        "file": ("path", "format", "header", "name"),
        "columns": ("user", "item", "time", "rating", "time_format"),
        "rows": ("where", "missing"),
        "features": ("features", "user_table", "item_table", "title"),
    },
)


@recbench.hookimpl
def recbench_datasets() -> Mapping[str, Any]:
    """Return the dataset `file`, which also reads any path that is given as a dataset."""
    return {"file": read_file}
