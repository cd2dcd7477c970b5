"""Step 1, dataset: read a log file of any common format, by its path.

    recbench run popular --dataset log.csv:user=buyer,item=article,time=day

A file passes through these modules: `formats` detects the format from the first lines, `columns`
chooses the columns, `table` reads them with `text` or `parquet`, and `ids`, `times` and `assemble`
turn them into a dataset. If something is wrong, `diagnose` finds the line. README.md is the user's
guide.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import recbench

if TYPE_CHECKING:
    from .table import Table

__all__ = ["Format", "open_table", "read_file", "recbench_datasets"]

Format = Literal["auto", "csv", "udata", "dat", "inter", "parquet", "pairs", "sequences"]


def read_file(
    path: str,
    format: Format = "auto",  # noqa: A002  the name of the option
    user: str | None = None,
    item: str | None = None,
    time: str | None = None,
    rating: str | None = None,
) -> recbench.Dataset:
    """A log file of your own: CSV, Parquet, u.data, ratings.dat, .inter, pairs or sequences.

    `recbench run popular --dataset log.csv` also selects this dataset: wherever a dataset is
    named, a path can be given, with the options after a colon.

    Parameters
    ----------
    path : str
        Path of the file, plain or compressed with gzip, bzip2 or zstd.
    format : str, default: "auto"
        One of auto, csv, udata, dat, inter, parquet, pairs and sequences. By default (auto), the
        format is detected from the first lines of the file. A csv is a table with a header,
        separated by comma, tab, semicolon, `|` or space; udata and dat are `u.data` and
        `ratings.dat` of MovieLens; inter is RecBole's `.inter`; pairs are a user and an item per
        line, in order of time; sequences are a user and its items per line, oldest first.
    user : str, default: found by usual names
        Column with the users.
    item : str, default: found by usual names
        Column with the items.
    time : str, default: found by usual names
        Column with the times; an empty name (time=) leaves them out. Then interactions keep the
        order of the file.
    rating : str, default: found by usual names
        Column with the ratings; an empty name (rating=) leaves them out.

    Returns
    -------
    recbench.Dataset
        Ids are integers if every id of the column is written as an integer, otherwise strings.
        Users and items are numbered in the order of their sorted ids.

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
    from .columns import choose_columns
    from .diagnose import no_rows
    from .formats import detect_layout
    from .read import read_columns
    from .text import log_numbers

    if format not in get_args(Format):
        close = difflib.get_close_matches(str(format), get_args(Format), n=1)
        available = ", ".join(get_args(Format))
        hint = f"did you mean {close[0]!r}?" if close else f"available: {available}"
        raise recbench.UsageError(f"format={format} is not a format; {hint}")
    file = Path(path).expanduser()
    if file.is_dir():
        raise recbench.UsageError(f"{path} is a folder, not a log file; name a file in it")
    if not file.is_file():
        close = difflib.get_close_matches(file.name, _names_in(file.parent), n=1, cutoff=0.8)
        hint = f"did you mean {close[0]!r}?" if close else "check the path"
        raise recbench.UsageError(f"there is no file {path}; {hint}")
    try:
        file.open("rb").close()
    except OSError as error:
        raise recbench.RecbenchError(
            f"{path} cannot be read ({error.strerror}); check its permissions"
        ) from error
    requested = {"user": user, "item": item, "time": time, "rating": rating}
    layout = detect_layout(file, format, requested)
    chosen = choose_columns(layout, requested)
    columns = read_columns(layout, chosen, log_numbers(layout, chosen))
    if not len(columns["user"]):
        raise no_rows(layout)
    with file.open("rb") as raw:
        digest = hashlib.file_digest(raw, "sha256").hexdigest()
    return assemble(layout, chosen, columns, digest)


def open_table(file: str, content: bytes) -> Table:
    """Return a table with named columns from the content of a file, for `--recs`.

    file: its name in errors. Raises RecbenchError if the content is not such a table.
    """
    from .table import Table

    return Table(file, content)


read_file.__dict__.update(
    open_table=open_table,  # the core gets it from the factory `file`
    option_groups={
        "file": ("path", "format"),
        "columns": ("user", "item", "time", "rating"),
    },
)


@recbench.hookimpl
def recbench_datasets() -> Mapping[str, Any]:
    """Return the dataset `file`, which also reads any path that is given as a dataset."""
    return {"file": read_file}


def _names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
