"""Step 1, dataset: any log file, read whole and in order, by the name of the file.

    recbench run popular --dataset log.csv:user=CustomerID,item=StockCode,time=InvoiceDate

The way of a file through these modules: `formats` looks at its first lines, `columns` picks the
columns, `table` has `text` or `parquet` read them, `ids`, `times` and `assemble` make the dataset
of them; where something is wrong, `diagnose` finds the line.
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
    format: Format = "auto",  # noqa: A002  it is what users type
    user: str | None = None,
    item: str | None = None,
    time: str | None = None,
    rating: str | None = None,
) -> recbench.Dataset:
    """A log file: CSV, Parquet, u.data, ratings.dat, RecBole's .inter, or a user's items a line.

    path: the file, plain or packed by gzip, bzip2 or zstd. Its format is seen from its first
        lines: a table with a header (separated by comma, tab, semicolon or `|`), MovieLens's
        `u.data` and `ratings.dat`, RecBole's `.inter`, Parquet, `user item` a line in the order
        of time (pairs), or `user item item ...` a line, oldest first (sequences).
    format: says it where the lines leave it open.
    user, item, time, rating: the columns' names; usual names are found without being told.
        An empty name (`rating=`) leaves that column out.

    Ids are exact: whole numbers where every id is written as one, else strings. They are numbered
    in sorted order. Raises UsageError for a wrong path, format or column, and RecbenchError with
    the line's number for a file that is broken.
    """
    from .assemble import assemble
    from .columns import choose_columns
    from .diagnose import no_rows
    from .formats import detect_layout
    from .table import read_columns
    from .text import log_numbers

    if format not in get_args(Format):
        close = difflib.get_close_matches(str(format), get_args(Format), n=1)
        hint = (
            f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(get_args(Format))}"
        )
        raise recbench.UsageError(f"there is no format {format!r}; {hint}")
    file = Path(path).expanduser()
    if file.is_dir():
        raise recbench.UsageError(f"{path} is a folder; name the file in it that holds the events")
    if not file.is_file():
        close = difflib.get_close_matches(file.name, _names_in(file.parent), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "check the path"
        raise recbench.UsageError(f"there is no file {path}; {hint}")
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
    """A table with named columns out of a file's content, for `--recs`.

    file: what errors call it. Raises RecbenchError for content that is no such table.
    """
    from .table import Table

    return Table(file, content)


read_file.__dict__.update(open_table=open_table)  # the core looks for it on the factory `file`


@recbench.hookimpl
def recbench_datasets() -> Mapping[str, Any]:
    """`file`, which the core also takes for any path typed in a dataset's place."""
    return {"file": read_file}


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []
