"""Step 3 for recommendations made elsewhere: read a file with one row per recommended item."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from recbench.data.dataset import examples, numbers_of_ids, quoted
from recbench.data.interactions import Array
from recbench.errors import RecbenchError, UsageError, counted, describe_error
from recbench.experiment import Experiment
from recbench.plugins import Plugins
from recbench.progress import log

NAMES = {
    "row": ("row",),
    "rank": ("rank", "ranking", "position"),
    "score": ("score", "prediction", "predictedscore", "predictedrating", "weight", "rating"),
}
"""Accepted names of columns besides those of users and items, which the plugin knows.

Names are compared without case, `_`, `-`, `.` and spaces. Of several the first is used, and a rank
before a score.
"""

EXPECTED = "Expected a header with the columns user (or row), item, and rank or score"


class Table(Protocol):
    """A table with named columns, as `open_table(file, content)` of the dataset `file` returns it.

    names: of all columns, in the file's order. header: whether the file names them. If not, they
        are "user", "item" and maybe "value", which is a rank or a score.
    roles: "user" and "item" -> the name of that column, as far as the file has them.
    notes: on how the columns were read, after `read`.
    `open_table` raises RecbenchError, with file and line, for a file that is not a table or is
    damaged.
    """

    names: Sequence[str]
    header: bool
    roles: Mapping[str, str]
    notes: Sequence[str]

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
    line by its index here. foreign: the ids of items that the dataset does not have; their numbers
    follow those of its items. notes: on what was ignored, and on how the file was read.
    """

    case: Array
    item: Array
    value: Array
    ranked: bool
    where: Callable[[int], str]
    foreign: Sequence[str]
    notes: Sequence[str]


def read_lines(experiment: Experiment, path: Path, content: bytes) -> Lines:
    """Return the lines of a file that concern judged cases, in the file's order.

    Raises RecbenchError, with file and line, if anything is wrong with the file.
    """
    file = File.read(experiment.plugins, path, content)
    dataset = experiment.dataset
    cases, notes = _cases(experiment, file)
    judged = np.flatnonzero(cases >= 0)
    if not len(judged):
        raise RecbenchError(
            f"{path} has no row for any judged user of {dataset.name}. Write rows for the users in "
            "targets of recbench export-split"
        )
    if len(judged) < len(cases):
        n_ignored = f"{len(cases) - len(judged):,}"
        log.info("%s: %s rows of users who are not judged are ignored", path, n_ignored)
    items, foreign = file.numbers("item", dataset.item_ids)
    values = file.values
    if values is None:
        values = _places(cases + 1)
    kind = "rank" if file.ranked else "score"
    file.check(
        np.isfinite(values) | (cases < 0),
        lambda line: f"{kind} {file.text(kind, line)!r} is not a finite number",
    )
    if len(judged) < len(cases):
        cases, items, values = cases[judged], items[judged], values[judged]
    if (items >= len(dataset.item_ids)).all():
        raise file.nothing_known("item", dataset.item_ids, foreign, dataset.name)
    return Lines(
        cases.astype(np.int32),
        items.astype(np.int32),
        values,
        file.ranked,
        lambda line: file.where(int(judged[line])),
        foreign,
        [*notes, *file.notes],
    )


def _cases(experiment: Experiment, file: File) -> tuple[Array, list[str]]:
    """Return (lines,) the case of each line, -1 if its user is not judged, and notes on users."""
    if "row" in file.columns:
        return _cases_of_rows(experiment, file), []
    users, judged = experiment.split.history.users, experiment.split.judged
    judged_users = users[judged]
    if len(np.unique(judged_users)) < len(judged_users):
        raise RecbenchError(
            f"{file.path}: under {experiment.setting.split} a user has several cases. Add a column "
            "`row` with the row numbers of recbench export-split"
        )
    dataset, n_users = experiment.dataset, experiment.setting.n_users
    user_of_line, foreign = file.numbers("user", dataset.user_ids)
    n_foreign = np.count_nonzero(user_of_line >= n_users)
    if n_foreign and n_foreign == len(user_of_line):
        raise file.nothing_known("user", dataset.user_ids, foreign, dataset.name)
    notes = []
    if n_foreign:
        n_rows = counted(len(user_of_line), "row")
        notes.append(
            f"{n_foreign:,} of {n_rows} are for users who are not in {dataset.short_name}, such as "
            f"{quoted(foreign[0])}, and are ignored"
        )
    case_of_user = np.full(n_users + len(foreign), -1)
    known = judged_users >= 0
    case_of_user[judged_users[known]] = np.flatnonzero(known)
    return np.asarray(case_of_user[user_of_line]), notes


def _cases_of_rows(experiment: Experiment, file: File) -> Array:
    """Return the cases from a column `row`. The users must agree, if the file has them."""
    users, judged = experiment.split.history.users, experiment.split.judged
    given = file.columns["row"]
    file.check(
        (given >= 0) & (given < len(users)) & (given == np.floor(given)),
        lambda line: (
            f"row {file.text('row', line)!r} does not exist. Use the row numbers of history "
            "and targets of recbench export-split"
        ),
    )
    rows = given.astype(np.int64)
    if "user" in file.columns:
        user_of_line, _ = file.numbers("user", experiment.dataset.user_ids)
        file.check(
            users[rows] == user_of_line,
            lambda line: (
                f"row {rows[line]} does not belong to user {quoted(file.text('user', line))}"
            ),
        )
    case_of_row = np.full(len(users), -1)
    case_of_row[judged] = np.arange(len(judged))
    return np.asarray(case_of_row[rows])


def _places(groups: Array) -> Array:
    """Return (lines,) the place of each line among those of its group, from 1."""
    order = np.argsort(groups, kind="stable")
    counts = np.bincount(groups)
    places = np.empty(len(groups))
    places[order] = np.arange(1, len(groups) + 1) - np.repeat(np.cumsum(counts) - counts, counts)
    return places


@dataclass(frozen=True, eq=False)
class File:
    """The columns of a file that are used.

    names: kind of column ("user", "item" or a key of NAMES) -> its name in the file.
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
        names = _choose_columns(path, table)
        ids = [name for kind, name in names.items() if kind in ("user", "item")]
        numbers = [name for kind, name in names.items() if kind not in ("user", "item")]
        with _naming_expected_columns(path):
            columns = table.read(ids, numbers)
        file = cls(path, table, names, {kind: columns[name] for kind, name in names.items()})
        if "value" in names:
            file = file._with_kind_of_value()
        if table.header:
            used = ", ".join(f"{kind}={name.strip()}" for kind, name in file.names.items())
            log.info("%s was read with %s", path, used)
        return file

    @property
    def notes(self) -> list[str]:
        """Notes on how the file was read: what was guessed, and what the table notes."""
        if self.table.header:
            return list(self.table.notes)
        order = "" if self.values is not None else ", in order of rank"
        read = f"{self.path.name} was read without a header: {', '.join(self.names)}{order}"
        return [read, *self.table.notes]

    @property
    def ranked(self) -> bool:
        """Whether the values are ranks, not scores."""
        return "score" not in self.columns

    @property
    def values(self) -> Array | None:
        """(lines,) the ranks or scores; None if the lines of a user are in order of rank."""
        values: Array | None = self.columns.get("rank", self.columns.get("score"))
        return values

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

    def numbers(self, kind: str, ids: Array) -> tuple[Array, list[str]]:
        """Return (lines,) the numbers of the ids, and the ids that are not among `ids`.

        The numbers of the latter follow those of `ids`.
        """
        codes, texts = self.columns[kind]
        self.check(codes >= 0, lambda _: f"the {kind} is missing")
        used = np.flatnonzero(np.bincount(codes, minlength=len(texts)))
        found = numbers_of_ids([texts[code] for code in used], ids)
        numbers = np.empty(len(texts), dtype=np.int64)
        foreign: dict[str, int] = {}
        for code, number in zip(used, found, strict=True):
            new = len(ids) + len(foreign)
            numbers[code] = foreign.setdefault(texts[code].strip(), new) if number < 0 else number
        return numbers[codes], list(foreign)

    def nothing_known(
        self, kind: str, ids: Array, foreign: Sequence[str], dataset: str
    ) -> RecbenchError:
        """Return the error for a column without any id of the dataset."""
        return RecbenchError(
            f"{self.path}: none of its {kind} ids is in {dataset}. They look like: "
            f"{examples(foreign)}; those of {dataset} look like: {examples(ids)}"
        )

    def _with_kind_of_value(self) -> File:
        """Decide whether the values of a file without a header are ranks or scores."""
        (codes, _), values = self.columns["user"], self.columns["value"]
        self.check(codes >= 0, lambda _: "the user is missing")
        self.check(
            np.isfinite(values),
            lambda line: f"rank or score {self.text('value', line)!r} is not a finite number",
        )
        kind = kind_of_value(codes, values)
        if not kind:
            raise RecbenchError(
                f"{self.path} has no header, and its third column may be a rank or a score, as in "
                f"{self.text('value', 0)!r}. Add a first line: user, item, and rank or score"
            )
        return dataclasses.replace(
            self,
            names={key if key != "value" else kind: name for key, name in self.names.items()},
            columns={
                key if key != "value" else kind: column for key, column in self.columns.items()
            },
        )


def kind_of_value(users: Array, values: Array) -> str:
    """Return whether the values are "rank" or "score" (higher is better), "" if it is unclear.

    Ranks are 1 to n, or 0 to n - 1, for each user. Other whole numbers are scores if they never
    rise along a user's lines, and fractions are scores unless they always do.

    users, values: (lines,).
    """
    in_file = np.argsort(users, kind="stable")
    same_user = np.diff(users[in_file]) == 0
    steps = np.diff(values[in_file])[same_user]
    falls, rises = (len(steps) > 0 and (signed <= 0).all() for signed in (steps, -steps))
    if (values != np.floor(values)).any():
        return "" if rises else "score"
    ascending = np.lexsort((values, users))
    difference = values[ascending] - _places(users)[in_file]
    counted_up = (difference == difference[0]).all() and difference[0] in (0, -1)
    if counted_up:
        return "" if falls else "rank"
    return "score" if falls or not len(steps) else ""


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


def _choose_columns(path: Path, table: Table) -> dict[str, str]:
    """Return kind of column -> its name, for the columns that are used."""
    chosen = dict(table.roles)
    if not table.header:
        return chosen | {name: name for name in table.names if name == "value"}
    free = [name for name in table.names if name not in chosen.values()]
    for kind, accepted in NAMES.items():
        matches = [
            name
            for last_part in (False, True)
            for wanted in accepted
            for name in free
            if _plain(name.rpartition(".")[2] if last_part else name) == wanted
        ]
        if matches:
            chosen[kind] = matches[0]
            if free.count(matches[0]) > 1:
                raise RecbenchError(f"{path} has the column {matches[0]!r} twice. Remove one")
    if "rank" in chosen:
        chosen.pop("score", None)
    needed = ({"item"}, {"user", "row"}, {"rank", "score"})
    if not all(kinds & chosen.keys() for kinds in needed):
        raise RecbenchError(f"{path} has the columns {', '.join(table.names)[:200]!r}. {EXPECTED}")
    return chosen


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]", "", name.lower())
