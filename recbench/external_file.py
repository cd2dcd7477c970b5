"""Steps 3 and 4 for work done elsewhere: a file with a line for each recommended item."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbench.data.interactions import Array
from recbench.errors import RecbenchError, describe_error
from recbench.experiment import Experiment
from recbench.progress import log

NAMES = {
    "row": ("row",),
    "user": ("user", "user_id", "userid", "uid"),
    "item": ("item", "item_id", "itemid", "iid"),
    "rank": ("rank",),
    "score": ("score", "prediction", "weight"),
}
"""What columns may be called, in any case; the first one counts. A rank counts before a score."""


WANTED = "wanted user (or row), item, and rank or score, with a header"


@dataclass(frozen=True, eq=False)
class Lines:
    """What a file says of judged rows.

    row: (lines,) which judged row. item: its item's number. value: the score, or the rank where
    `ranked`. where: the place in the file, such as `recs.csv line 7`, of a line by its number here.
    """

    row: Array
    item: Array
    value: Array
    ranked: bool
    where: Callable[[int], str]


def read_lines(experiment: Experiment, path: Path, data: bytes) -> Lines:
    """The lines of a file's content that concern judged rows, in the file's order.

    Raises RecbenchError, naming file and line, for whatever is wrong with it.
    """
    try:
        file = _parquet(path, data) if data[:4] == b"PAR1" else _csv(path, data)
    except RecbenchError:
        raise
    except Exception as error:
        raise RecbenchError(
            f"{path} cannot be read as CSV or Parquet ({describe_error(error)[:200]}); {WANTED}"
        ) from error
    rows = _rows(experiment, file)
    concerns = np.flatnonzero(rows >= 0)
    if not len(concerns):
        raise RecbenchError(f"{path} has no line for any judged user of {experiment.dataset.name}")
    if len(concerns) < len(rows):
        log.info("%s: %d lines are of users who are not judged", path, len(rows) - len(concerns))
    items = file.numbers("item", experiment.dataset.item_ids, experiment.dataset.name)
    kind = "rank" if file.has("rank") else "score"
    values = file.values(kind)
    bad = np.flatnonzero(~np.isfinite(values[concerns]))
    if len(bad):
        first = int(concerns[bad[0]])
        raise file.wrong(first, f"{kind} {file.text(kind, first)!r} is no finite number")
    columns = rows.astype(np.int32), items.astype(np.int32), values
    if len(concerns) < len(rows):
        columns = rows[concerns], items[concerns], values[concerns]
    return Lines(*columns, kind == "rank", lambda line: file.where(int(concerns[line])))


def _rows(experiment: Experiment, file: File) -> Array:
    """(lines,) which judged row each line is for, -1 where its user is not judged."""
    judged = experiment.split.judged
    place = np.full(len(experiment.split.history), -1)
    place[judged] = np.arange(len(judged))
    users = experiment.split.history.users
    of_line = None
    if file.has("user"):
        of_line = file.numbers("user", experiment.dataset.user_ids, experiment.dataset.name)
    if file.has("row"):
        given = file.values("row")
        bad = np.flatnonzero(~np.isin(given, np.arange(len(place))))
        if len(bad):
            first = int(bad[0])
            raise file.wrong(
                first,
                f"there is no row {file.text('row', first)!r}; the judged rows are those of "
                "history and targets of recbench export-split",
            )
        rows = given.astype(np.int64)
        other = np.flatnonzero(users[rows] != (users[rows] if of_line is None else of_line))
        if len(other):
            first = int(other[0])
            raise file.wrong(
                first, f"row {rows[first]} is not of user {file.text('user', first)!r}"
            )
        return np.asarray(place[rows])
    of_judged = users[judged]
    if len(np.unique(of_judged)) < len(of_judged):
        raise RecbenchError(
            f"{file.path}: under {experiment.setting.split} a user has several rows; add a column "
            "`row` with the row that recbench export-split gives each history"
        )
    place = np.full(experiment.setting.n_users, -1)
    known = of_judged >= 0
    place[of_judged[known]] = np.flatnonzero(known)
    return np.asarray(place[of_line])


class File:
    """The columns of a file, in whatever type they are.

    names: what a column is about -> how it is called there. line: the number of the nth line in
    the file, for people.
    """

    def __init__(
        self, path: Path, table: Any, names: dict[str, str], line: Callable[[int], str]
    ) -> None:
        self.path, self.names, self._line = path, names, line
        self._columns = {
            kind: table[name].unify_dictionaries().combine_chunks() for kind, name in names.items()
        }

    def has(self, kind: str) -> bool:
        """Whether there is such a column."""
        return kind in self.names

    def where(self, line: int) -> str:
        """`recs.csv line 7`."""
        return f"{self.path} {self._line(line)}"

    def wrong(self, line: int, what: str) -> RecbenchError:
        """The error for something wrong in a line."""
        return RecbenchError(f"{self.where(line)}: {what}")

    def text(self, kind: str, line: int) -> str:
        """What stands there."""
        return _text(self._columns[kind][line].as_py())

    def numbers(self, kind: str, ids: Array, dataset: str) -> Array:
        """(lines,) the numbers of outside ids; 7.0, which pandas makes of 7 beside a gap, is 7."""
        column = self._columns[kind]
        if column.null_count:
            first = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
            raise self.wrong(first, f"{kind} is missing")
        coded = column if hasattr(column, "dictionary") else column.dictionary_encode()
        place = {str(one): number for number, one in enumerate(np.asarray(ids).tolist())}
        words = [_text(one) for one in coded.dictionary.to_pylist()]
        found = [place.get(word, place.get(word.removesuffix(".0"), -1)) for word in words]
        of_word = np.array(found, dtype=np.int64)
        numbers = of_word[coded.indices.to_numpy()] if words else np.empty(0, np.int64)
        bad = np.flatnonzero(numbers < 0)
        if len(bad):
            some = ", ".join(list(place)[:5])
            raise self.wrong(
                int(bad[0]),
                f"no {kind} {self.text(kind, int(bad[0]))!r} in {dataset}; its {kind} ids look "
                f"like: {some}",
            )
        return np.asarray(numbers)

    def values(self, kind: str) -> Array:
        """(lines,) float64, NaN for what is no number."""
        import pandas as pd
        import pyarrow

        column = self._columns[kind]
        try:
            numbers = column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        except pyarrow.ArrowInvalid:
            numbers = pd.to_numeric(pd.Series(column.to_pylist(), dtype=object), errors="coerce")
        return np.array(numbers, dtype=np.float64)


def _csv(path: Path, data: bytes) -> File:
    """A file of text: the first line says what separates columns, and what they are."""
    import pyarrow
    import pyarrow.csv

    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    data = data.removeprefix(b"\xef\xbb\xbf")
    head = next((one for one in io.BytesIO(data[: 2**16]) if one.strip()), b"")
    if not head:
        raise RecbenchError(f"{path} is empty; {WANTED}")
    text = head.decode("utf-8").rstrip("\r\n")
    separator = max(",\t;|", key=text.count)
    names = _named(path, next(csv.reader([text], delimiter=separator)))
    table = pyarrow.csv.read_csv(
        io.BytesIO(data),
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names.values(), pyarrow.string()),
            include_columns=list(names.values()),
            strings_can_be_null=False,
        ),
    )

    def line(number: int) -> str:
        full = (at for at, one in enumerate(data.splitlines(), 1) if one)
        return f"line {next(at for nth, at in enumerate(full) if nth == number + 1)}"

    return File(path, table, names, line)


def _parquet(path: Path, data: bytes) -> File:
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    names = _named(path, file.schema_arrow.names)
    return File(
        path,
        file.read(columns=list(names.values())),
        names,
        lambda number: f"row {number + 1}",
    )


def _named(path: Path, columns: list[str]) -> dict[str, str]:
    """What each column is about that we need -> its name."""
    named = {column.strip().lower(): column for column in reversed(columns)}
    found = {}
    for kind, names in NAMES.items():
        known = [named[name] for name in names if name in named]
        if known:
            found[kind] = known[0]
    if not ("item" in found and {"user", "row"} & set(found) and {"rank", "score"} & set(found)):
        raise RecbenchError(f"{path} has the columns {', '.join(columns)[:200]!r}; {WANTED}")
    twice = [name for name in found.values() if columns.count(name) > 1]
    if twice:
        raise RecbenchError(f"{path} has the column {twice[0]!r} twice; leave one out")
    return found


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value).strip()
