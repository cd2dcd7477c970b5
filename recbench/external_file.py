"""Step 3 for recommendations made elsewhere: read a file with one row per recommended item."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recbench.data.interactions import Array
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Experiment
from recbench.plugins import Plugins
from recbench.progress import log

NAMES = {
    "row": ("row",),
    "user": ("user", "user_id", "userid", "uid"),
    "item": ("item", "item_id", "itemid", "iid"),
    "rank": ("rank",),
    "score": ("score", "prediction", "weight"),
}
"""Accepted column names, in any case; of several the first is used, and a rank before a score."""

EXPECTED = "Expected a header with the columns user (or row), item, and rank or score"


class Table(Protocol):
    """A table with named columns, as `open_table(file, content)` of the dataset `file` returns it.

    names: of all columns, in the file's order. `open_table` raises RecbenchError, with file and
    line, for a file that is not a table or is damaged.
    """

    names: Sequence[str]

    def read(self, ids: Collection[str], numbers: Collection[str]) -> Mapping[str, Any]:
        """Return the columns of these names; at least one holds ids.

        A column of ids is a pair: (lines,) int codes, -1 for a missing id, and the texts that they
        index. A column of numbers is (lines,) float64, NaN for a text that is not a number.
        """
        ...

    def locate(self, name: str, row: int) -> tuple[str, str]:
        """Return the place of a line, such as `recs.csv line 7`, and the column's text there."""
        ...


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a file that concern judged cases.

    case: (lines,) number of the case, from 0. item: number of the item. value: the rank if
    `ranked`, else the score. where: returns the place in the file, such as `recs.csv line 7`, of a
    line by its index here.
    """

    case: Array
    item: Array
    value: Array
    ranked: bool
    where: Callable[[int], str]


def read_lines(experiment: Experiment, path: Path, content: bytes) -> Lines:
    """Return the lines of a file that concern judged cases, in the file's order.

    Raises RecbenchError, with file and line, if anything is wrong with the file.
    """
    file = File.read(experiment.plugins, path, content)
    cases = _cases(experiment, file)
    judged = np.flatnonzero(cases >= 0)
    if not len(judged):
        raise RecbenchError(
            f"{path} has no row for any judged user of {experiment.dataset.name}. Write rows for "
            "the users in targets of recbench export-split"
        )
    if len(judged) < len(cases):
        n_ignored = f"{len(cases) - len(judged):,}"
        log.info("%s: %s rows of users who are not judged are ignored", path, n_ignored)
    items = file.numbers("item", experiment.dataset.item_ids, experiment.dataset.name)
    kind = "rank" if "rank" in file.columns else "score"
    values = file.columns[kind]
    file.check(
        np.isfinite(values) | (cases < 0),
        lambda line: f"{kind} {file.text(kind, line)!r} is not a finite number",
    )
    if len(judged) < len(cases):
        cases, items, values = cases[judged], items[judged], values[judged]
    return Lines(
        cases.astype(np.int32),
        items.astype(np.int32),
        values,
        kind == "rank",
        lambda line: file.where(int(judged[line])),
    )


def _cases(experiment: Experiment, file: File) -> Array:
    """Return (lines,) the case of each line, -1 if its user is not judged."""
    dataset, judged = experiment.dataset, experiment.split.judged
    users = experiment.split.history.users
    user_of_line: Array | None = None
    if "user" in file.columns:
        user_of_line = file.numbers("user", dataset.user_ids, dataset.name)
    if "row" in file.columns:
        given = file.columns["row"]
        file.check(
            (given >= 0) & (given < len(users)) & (given == np.floor(given)),
            lambda line: (
                f"row {file.text('row', line)!r} does not exist. Use the row numbers of history "
                "and targets of recbench export-split"
            ),
        )
        rows = given.astype(np.int64)
        if user_of_line is not None:
            file.check(
                users[rows] == user_of_line,
                lambda line: (
                    f"row {rows[line]} does not belong to user {file.text('user', line)!r}"
                ),
            )
        case_of_row = np.full(len(users), -1)
        case_of_row[judged] = np.arange(len(judged))
        return np.asarray(case_of_row[rows])
    judged_users = users[judged]
    if len(np.unique(judged_users)) < len(judged_users):
        raise RecbenchError(
            f"{file.path}: under {experiment.setting.split} a user has several cases. Add a column "
            "`row` with the row numbers of recbench export-split"
        )
    case_of_user = np.full(experiment.setting.n_users, -1)
    known = judged_users >= 0
    case_of_user[judged_users[known]] = np.flatnonzero(known)
    return np.asarray(case_of_user[user_of_line])


@dataclass(frozen=True, eq=False)
class File:
    """The columns of a file that are used.

    names: kind of column, a key of NAMES -> its name in the file.
    columns: kind of column -> what `Table.read` returned for it.
    """

    path: Path
    table: Table
    names: Mapping[str, str]
    columns: Mapping[str, Any]

    @classmethod
    def read(cls, plugins: Plugins, path: Path, content: bytes) -> File:
        """Read them. Raises RecbenchError if the file is damaged or has no such columns."""
        table = _open_table(plugins, path, content)
        names = _choose_columns(path, table.names)
        ids = [name for kind, name in names.items() if kind in ("user", "item")]
        numbers = [name for kind, name in names.items() if kind not in ("user", "item")]
        with _naming_expected_columns(path):
            columns = table.read(ids, numbers)
        return cls(path, table, names, {kind: columns[name] for kind, name in names.items()})

    def where(self, line: int) -> str:
        """Return the place of a line: `recs.csv line 7`."""
        return self.table.locate(self.names["item"], line)[0]

    def text(self, kind: str, line: int) -> str:
        """Return the text of a column in a line."""
        return self.table.locate(self.names[kind], line)[1].strip()

    def check(self, good: Array, problem: Callable[[int], str]) -> None:
        """Raise RecbenchError for the first line that is not good.

        good: (lines,) bool. problem: returns what is wrong with a line.
        """
        if not good.all():
            line = int(np.argmin(good))
            raise RecbenchError(f"{self.where(line)}: {problem(line)}")

    def numbers(self, kind: str, ids: Array, dataset: str) -> Array:
        """Return (lines,) the numbers of the ids. 7.0, as pandas may write 7, is 7."""
        codes, texts = self.columns[kind]
        self.check(codes >= 0, lambda _: f"the {kind} is missing")
        known = {str(outside): number for number, outside in enumerate(np.asarray(ids).tolist())}
        words = [text.strip() for text in texts]
        numbers = np.array(
            [known.get(word, known.get(word.removesuffix(".0"), -1)) for word in words], np.int64
        )[codes]
        self.check(
            numbers >= 0,
            lambda line: (
                f"{kind} {self.text(kind, line)!r} is not in {dataset}, whose {kind} ids look "
                f"like: {', '.join(list(known)[:5])}"
            ),
        )
        return np.asarray(numbers)


def _open_table(plugins: Plugins, path: Path, content: bytes) -> Table:
    """Open the table with the plugin that reads files. Raises RecbenchError."""
    try:
        offer = plugins.find("datasets", "file")
    except UsageError as error:
        raise RecbenchError(f"--recs needs the plugin of the dataset `file`: {error}") from error
    open_table = getattr(offer.factory, "open_table", None)
    if open_table is None:
        raise RecbenchError(
            f"--recs needs {offer.what}, but that of plugin {offer.plugin} has no `open_table`. "
            "Uninstall that plugin"
        )
    with _naming_expected_columns(path):
        table: Table = open_table(str(path), content)
    return table


@contextlib.contextmanager
def _naming_expected_columns(path: Path) -> Iterator[None]:
    """An error in the body becomes a RecbenchError that names the expected columns."""
    try:
        yield
    except Exception as error:
        problem = describe_error(error)
        if not isinstance(error, RecbenchError):
            problem = f"{path} cannot be read as CSV or Parquet ({problem[:200]})"
        raise RecbenchError(f"{problem}. {EXPECTED}") from error


def _choose_columns(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """Return kind of column -> its name, for the columns that are used."""
    by_lower_name = {column.strip().lower(): column for column in reversed(columns)}
    chosen = {}
    for kind, names in NAMES.items():
        matches = [by_lower_name[name] for name in names if name in by_lower_name]
        if matches:
            chosen[kind] = matches[0]
    needed = ({"item"}, {"user", "row"}, {"rank", "score"})
    if not all(kinds & chosen.keys() for kinds in needed):
        raise RecbenchError(f"{path} has the columns {', '.join(columns)[:200]!r}. {EXPECTED}")
    if "rank" in chosen:
        chosen.pop("score", None)
    twice = [name for name in chosen.values() if columns.count(name) > 1]
    if twice:
        raise RecbenchError(f"{path} has the column {twice[0]!r} twice. Remove one")
    return chosen
