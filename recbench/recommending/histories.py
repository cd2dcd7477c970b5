"""Outside the flow: the histories of users, of a newer log, or of given items, for `recommend`."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recbench.data.dataset import Dataset, examples, numbers_of_ids, outside_ids, quoted
from recbench.data.interactions import Array, Interactions
from recbench.data.load import FILE
from recbench.errors import RecbenchError, UsageError, counted, describe_error
from recbench.plugins import Plugins

PARQUET = b"PAR1"
"""How a Parquet file begins."""


@dataclass(frozen=True, eq=False)
class Histories:
    """What a model is asked about.

    rows: one sequence for each list to make, never empty. users: (rows,) the own ids of their
    users; None for a history that is no user's. notes: on users and interactions that are left out.
    """

    rows: Interactions
    users: Array | None = None
    notes: Sequence[str] = ()


def history_of_user(dataset: Dataset, user: str, known: Dataset) -> Histories:
    """Return the whole sequence of a user. known: as in `histories_of_users`."""
    number = np.array([dataset.user(user)])
    rows = _rows(dataset, number, known)
    if not len(rows):
        raise UsageError(
            f"user {quoted(user)} has no interaction with an item of {known.name}; choose another"
        )
    return Histories(rows, outside_ids(dataset.user_ids, number))


def history_of_items(dataset: Dataset, items: Sequence[str]) -> Histories:
    """Return the given items as the history of an unknown user, -1."""
    history = Interactions(
        users=np.array([-1]),
        items=np.array([dataset.item(item) for item in items]),
        offsets=np.array([0, len(items)]),
        n_users=dataset.interactions.n_users,
        n_items=dataset.interactions.n_items,
    )
    return Histories(dataset.describe(history))


def histories_of_users(
    dataset: Dataset, users: Sequence[str] | None, known: Dataset, notes: Sequence[str] = ()
) -> Histories:
    """Return the whole sequences of users, in the given order; None for all users.

    known: the dataset that the model is fitted on; users whom only `dataset` has get the number -1.
    notes: on how the dataset was made. Ids that it does not have are left out, with a note.

    Raises UsageError if no user is left.
    """
    numbers, notes = np.arange(len(dataset.user_ids)), list(notes)
    if users is not None:
        users = list(dict.fromkeys(users))
        numbers = np.array(numbers_of_ids(users, dataset.user_ids), dtype=np.int64)
        missing = [user for user, number in zip(users, numbers, strict=True) if number < 0]
        if not users:
            raise UsageError("there is no user in the given list; name at least one, or all")
        if len(missing) == len(users):
            raise UsageError(
                f"none of the {counted(len(users), 'user')} is in {dataset.short_name}: "
                f"{examples(missing)}; its user ids look like: {examples(dataset.user_ids)}"
            )
        if missing:
            notes.append(
                f"{len(missing):,} of {counted(len(users), 'user')} "
                f"{_are(len(missing))} not in {dataset.short_name}, such as {quoted(missing[0])}, "
                "and got no list"
            )
        numbers = np.array(list(dict.fromkeys(numbers[numbers >= 0].tolist())), dtype=np.int64)
    interactions = dataset.interactions
    has_items = np.zeros(interactions.n_users, dtype=bool)
    has_items[interactions.users[interactions.lengths > 0]] = True
    empty = numbers[~has_items[numbers]]
    numbers = numbers[has_items[numbers]]
    if not len(numbers):
        raise UsageError(f"none of the users has an interaction with an item of {known.name}")
    if len(empty):
        notes.append(
            f"{counted(len(empty), 'user')} {'has' if len(empty) == 1 else 'have'} no interaction "
            f"with an item of {known.short_name}, such as {quoted(dataset.user_ids[empty[0]])}, "
            "and got no list"
        )
    return Histories(_rows(dataset, numbers, known), outside_ids(dataset.user_ids, numbers), notes)


def _rows(dataset: Dataset, numbers: Array, known: Dataset) -> Interactions:
    """Return the sequences of users, without empty ones; unknown users have the number -1."""
    interactions, n_users = dataset.interactions, known.interactions.n_users
    row_of_user = np.full(interactions.n_users, -1)
    row_of_user[interactions.users] = np.where(
        interactions.lengths > 0, np.arange(len(interactions)), -1
    )
    rows = row_of_user[numbers]
    taken = interactions.take(rows[rows >= 0])
    users = np.where(taken.users < n_users, taken.users, -1)
    return known.describe(dataclasses.replace(taken, users=users, n_users=n_users, parts=None))


def parse_ids(option: str, given: Any) -> list[str]:
    """Return the ids of a text such as `12,"a, b",007`, of a sequence, an array or a Series.

    option: for errors, such as --items.
    """
    if hasattr(given, "columns"):
        raise UsageError(f"{option}: a table is not a list of ids; give one of its columns")
    if not isinstance(given, Iterable):
        return [str(given)]
    if not isinstance(given, str):
        return [str(each) for each in (given.tolist() if hasattr(given, "tolist") else given)]
    try:
        fields = next(csv.reader([given], skipinitialspace=True), [])
        return [field.strip() for field in fields if field.strip()]
    except csv.Error:
        raise UsageError(
            f"{option} {quoted(given)} cannot be read; write ids on one line, separated by commas"
        ) from None


def read_users(plugins: Plugins, path: Path, column: str) -> list[str]:
    """Return the ids in a file: one id per line, or a table with a column of users.

    column: the dataset's own name of that column, if known; usual names are found anyway.

    Raises UsageError if the file cannot be read or has no such column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--users-file {path}: {error.strerror or error}") from error
    try:
        factory: Any = plugins.find("datasets", FILE).factory
        table = factory.open_table(str(path), content)
        names = {name: name for name in table.names} | {"": table.roles.get("user", "")}
        name = names.get(column, names[""]) if table.header else ""
        if name:
            codes, texts = table.read([name], [])[name]
            return [texts[code] for code in codes if code >= 0]
    except RecbenchError as error:  # not a table
        if content.startswith(PARQUET):
            raise UsageError(f"--users-file {describe_error(error)}") from error
    if content.startswith(PARQUET):
        raise UsageError(
            f"--users-file {path}: no column has a usual name for users; call it user. Its columns "
            f"are: {', '.join(table.names)}"
        )
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"--users-file {path} is not in UTF-8; convert it") from error
    return [_unquoted(line.strip()) for line in lines if line.strip()]


def _unquoted(line: str) -> str:
    """Return an id without the quotes around it, as in a CSV file."""
    quoted_id = re.fullmatch(r'"((?:[^"]|"")*)"', line)
    return quoted_id[1].replace('""', '"') if quoted_id else line


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
