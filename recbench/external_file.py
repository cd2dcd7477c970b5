"""Steps 3 and 4 for work done elsewhere: a file with a line for each recommended item."""

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
"""What columns may be called, in any case; the first one counts. A rank counts before a score."""

WANTED = "wanted user (or row), item, and rank or score, with a header"


class Table(Protocol):
    """What `open_table(file, content)` of the dataset `file` gives: a table with named columns.

    names: of all columns, in the file's order. It raises RecbenchError, which names file and line,
    for what is no table or broken.
    """

    names: Sequence[str]

    def read(self, ids: Collection[str], numbers: Collection[str]) -> Mapping[str, Any]:
        """The columns of these names, one of ids at least.

        Of ids a pair: (lines,) int codes, -1 where the id is missing, and the texts they index.
        Of numbers: (lines,) float64, NaN for what is no number.
        """
        ...

    def locate(self, name: str, row: int) -> tuple[str, str]:
        """Where a line stands, such as `recs.csv line 7`, and what the column holds there."""
        ...


@dataclass(frozen=True, eq=False)
class Lines:
    """What a file says of judged cases.

    case: (lines,) the judged case, from 0. item: the item's number. value: the score, or the rank
    where `ranked`. where: the place in the file, such as `recs.csv line 7`, of a line by its number
    here.
    """

    case: Array
    item: Array
    value: Array
    ranked: bool
    where: Callable[[int], str]


def read_lines(experiment: Experiment, path: Path, content: bytes) -> Lines:
    """The lines of a file's content that concern judged cases, in the file's order.

    Raises RecbenchError, naming file and line, for whatever is wrong with it.
    """
    file = File.read(experiment.plugins, path, content)
    cases = _cases(experiment, file)
    judged = np.flatnonzero(cases >= 0)
    if not len(judged):
        raise RecbenchError(f"{path} has no line for any judged user of {experiment.dataset.name}")
    if len(judged) < len(cases):
        log.info("%s: %d lines are of users who are not judged", path, len(cases) - len(judged))
    items = file.numbers("item", experiment.dataset.item_ids, experiment.dataset.name)
    kind = "rank" if "rank" in file.columns else "score"
    values = file.columns[kind]
    file.check(
        np.isfinite(values) | (cases < 0),
        lambda line: f"{kind} {file.text(kind, line)!r} is no finite number",
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
    """(lines,) which judged case each line is for, -1 where its user is not judged."""
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
                f"there is no row {file.text('row', line)!r}; the judged rows are those of "
                "history and targets of recbench export-split"
            ),
        )
        rows = given.astype(np.int64)
        if user_of_line is not None:
            file.check(
                users[rows] == user_of_line,
                lambda line: f"row {rows[line]} is not of user {file.text('user', line)!r}",
            )
        case_of_row = np.full(len(users), -1)
        case_of_row[judged] = np.arange(len(judged))
        return np.asarray(case_of_row[rows])
    judged_users = users[judged]
    if len(np.unique(judged_users)) < len(judged_users):
        raise RecbenchError(
            f"{file.path}: under {experiment.setting.split} a user has several rows; add a column "
            "`row` with the row that recbench export-split gives each history"
        )
    case_of_user = np.full(experiment.setting.n_users, -1)
    known = judged_users >= 0
    case_of_user[judged_users[known]] = np.flatnonzero(known)
    return np.asarray(case_of_user[user_of_line])


@dataclass(frozen=True, eq=False)
class File:
    """The columns of a file that count.

    names: what a column is about, a key of NAMES -> how it is called there.
    columns: the same -> what `Table.read` gives for it.
    """

    path: Path
    table: Table
    names: Mapping[str, str]
    columns: Mapping[str, Any]

    @classmethod
    def read(cls, plugins: Plugins, path: Path, content: bytes) -> File:
        """Read them. Raises RecbenchError for a file that is broken or has no such columns."""
        table = _open_table(plugins, path, content)
        names = _choose_columns(path, table.names)
        ids = [name for kind, name in names.items() if kind in ("user", "item")]
        numbers = [name for kind, name in names.items() if kind not in ("user", "item")]
        with _say_what_is_wanted(path):
            columns = table.read(ids, numbers)
        return cls(path, table, names, {kind: columns[name] for kind, name in names.items()})

    def where(self, line: int) -> str:
        """`recs.csv line 7`."""
        return self.table.locate(self.names["item"], line)[0]

    def text(self, kind: str, line: int) -> str:
        """What stands there."""
        return self.table.locate(self.names[kind], line)[1].strip()

    def check(self, good: Array, problem: Callable[[int], str]) -> None:
        """Raise the error for the first line that is not good.

        good: (lines,) bool. problem: says for a line what is wrong with it.
        """
        if not good.all():
            line = int(np.argmin(good))
            raise RecbenchError(f"{self.where(line)}: {problem(line)}")

    def numbers(self, kind: str, ids: Array, dataset: str) -> Array:
        """(lines,) the numbers of outside ids; 7.0, which pandas makes of 7 beside a gap, is 7."""
        codes, texts = self.columns[kind]
        self.check(codes >= 0, lambda _: f"{kind} is missing")
        known = {str(outside): number for number, outside in enumerate(np.asarray(ids).tolist())}
        words = [text.strip() for text in texts]
        numbers = np.array(
            [known.get(word, known.get(word.removesuffix(".0"), -1)) for word in words], np.int64
        )[codes]
        self.check(
            numbers >= 0,
            lambda line: (
                f"no {kind} {self.text(kind, line)!r} in {dataset}; its {kind} ids look "
                f"like: {', '.join(list(known)[:5])}"
            ),
        )
        return np.asarray(numbers)


def _open_table(plugins: Plugins, path: Path, content: bytes) -> Table:
    """The table, by the plugin that reads files. Raises RecbenchError where it is missing."""
    try:
        offer = plugins.find("datasets", "file")
    except UsageError as error:
        raise RecbenchError(f"--recs are read by the plugin of dataset file: {error}") from error
    open_table = getattr(offer.factory, "open_table", None)
    if open_table is None:
        raise RecbenchError(
            f"--recs are read by {offer.what}, and that of plugin {offer.plugin} has no "
            "`open_table`; uninstall it"
        )
    with _say_what_is_wanted(path):
        table: Table = open_table(str(path), content)
    return table


@contextlib.contextmanager
def _say_what_is_wanted(path: Path) -> Iterator[None]:
    """Whatever fails meanwhile becomes a RecbenchError that says what a file should hold."""
    try:
        yield
    except Exception as error:
        problem = describe_error(error)
        if not isinstance(error, RecbenchError):
            problem = f"{path} cannot be read as CSV or Parquet ({problem[:200]})"
        raise RecbenchError(f"{problem}; {WANTED}") from error


def _choose_columns(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """What each column is about that counts -> its name."""
    by_lower_name = {column.strip().lower(): column for column in reversed(columns)}
    chosen = {}
    for kind, names in NAMES.items():
        matches = [by_lower_name[name] for name in names if name in by_lower_name]
        if matches:
            chosen[kind] = matches[0]
    needed = ({"item"}, {"user", "row"}, {"rank", "score"})
    if not all(kinds & chosen.keys() for kinds in needed):
        raise RecbenchError(f"{path} has the columns {', '.join(columns)[:200]!r}; {WANTED}")
    if "rank" in chosen:
        chosen.pop("score", None)
    twice = [name for name in chosen.values() if columns.count(name) > 1]
    if twice:
        raise RecbenchError(f"{path} has the column {twice[0]!r} twice; leave one out")
    return chosen
