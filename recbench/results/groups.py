"""Step 6, results: groups of users or targets, by which tables break results down (`--by`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recbench.data.interactions import Array, Column, Columns
from recbench.data.metadata import Metadata
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.measure import Metric
from recbench.results.result import Result
from recbench.results.row import ReadColumns
from recbench.results.segments import POPULARITY_NAMES

STORED = {"history": "history", "popularity": "segment"}
"""What results can be grouped by without their data -> the stored column that has it."""

FEATURES = ("user_features.", "item_features.")
"""How the names of columns begin in `Metadata`: of users, and of items, which are the targets."""

UNKNOWN = "unknown"
"""The group of users or targets without a value. It is not compared with others."""

OTHERS = "others"
"""What a group is compared with if there are more than two: all other groups together."""

MOST_NUMBERS = 10
"""Numbers with more different values are cut into three groups of about equal size."""

MOST_TEXTS = 30
"""The largest groups of a column of texts; all smaller ones are one group."""


class UnknownColumnError(UsageError):
    """There is no column of this name."""


@dataclass(frozen=True, eq=False)
class CaseFacts:
    """The user and the targets of each case, and what is known of users and items.

    users: (cases,) user numbers, -1 for an unknown user. targets: (targets,) item numbers, case by
        case. offsets: (cases + 1,) where the targets of each case start.
    """

    users: Array
    targets: Array
    offsets: Array
    metadata: Metadata


Describe = Callable[[Result], CaseFacts]
"""Returns what is known of the cases of a result; raises RecbenchError if it is not known."""


@dataclass(frozen=True, eq=False)
class Group:
    """Some of the cases, or of the targets.

    chosen: (cases,) or (targets,) bool. known: False for those without a value.
    """

    name: str
    chosen: Array
    known: bool = True


@dataclass(frozen=True, eq=False)
class Grouping:
    """The groups of one column, in the order of the table.

    offsets: (cases + 1,) where the targets of each case start, if the groups are of targets and
        cases have several. A target or user with several values, as in "Action|Comedy", is in
        several groups.
    """

    by: str
    groups: Sequence[Group]
    offsets: Array | None = None

    @property
    def contrasts(self) -> dict[str, tuple[str, Array]]:
        """Group -> what it is compared with: its name, and its cases or targets.

        Of two groups, only the last is compared with the first. Unknown values are left out.
        """
        known = [group for group in self.groups if group.known]
        if len(known) < 2:
            return {}
        if len(known) == 2:
            return {known[1].name: (known[0].name, known[0].chosen)}
        compared = np.logical_or.reduce([group.chosen for group in known])
        others = {group.name: compared & ~group.chosen for group in known}
        return {name: (OTHERS, chosen) for name, chosen in others.items() if chosen.any()}

    def cases(self, chosen: Array) -> Array:
        """(n,) the numbers of the chosen cases, or of those with a chosen target."""
        if self.offsets is not None:
            chosen = np.logical_or.reduceat(chosen, self.offsets[:-1])
        return np.flatnonzero(chosen)


@dataclass(frozen=True, eq=False)
class Breakdown:
    """How tables are broken down by groups.

    by: names of columns. metrics: the shown metrics by name. groupings, missing: key of a
        comparison -> the groups of its table, and sentences on those that it cannot have.
    """

    by: tuple[str, ...] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    groupings: Mapping[Any, Sequence[Grouping]] = field(default_factory=dict)
    missing: Mapping[Any, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        by: Sequence[str],
        metrics: Mapping[str, Metric],
        results: Iterable[Result],
        read_columns: ReadColumns,
        describe: Describe,
    ) -> Breakdown:
        """Return the groups of all results.

        Raises UsageError for a column that all data lack. Otherwise, a table without it says why.
        """
        first: dict[Any, Result] = {}
        for result in (result for result in results if result.ok):
            first.setdefault(result.setting.comparison_key, result)
        groupings: dict[Any, list[Grouping]] = {key: [] for key in first}
        missing: dict[Any, list[str]] = {key: [] for key in first}
        for name in by:
            errors = []
            for key, result in first.items():
                try:
                    groupings[key].append(_grouping(name, result, read_columns, describe))
                except RecbenchError as error:
                    errors.append(error)
                    missing[key].append(f"Not by {name}: {describe_error(error)}")
            unknown = [error for error in errors if isinstance(error, UnknownColumnError)]
            if unknown and len(unknown) == len(first):
                raise unknown[0]
        return cls(tuple(by), metrics, groupings, missing)


def names_of(by: str | Sequence[str]) -> list[str]:
    """Return names of columns, which may be one text with commas, without repeats."""
    names = by.split(",") if isinstance(by, str) else by
    return list(dict.fromkeys(name for name in map(str.strip, names) if name))


def check_columns(by: Sequence[str], known: Sequence[Metadata]) -> None:
    """Raise UsageError for a column that none of the datasets has. known: what each has."""
    for name in by:
        if name not in STORED and not any(_full_name(name, metadata) for metadata in known):
            raise _unknown(name, known)


def _grouping(name: str, result: Result, read_columns: ReadColumns, describe: Describe) -> Grouping:
    """Return the groups of the cases of a result."""
    if name in STORED:
        columns = read_columns(result)
        if STORED[name] not in columns:
            raise RecbenchError("it is not stored with these results; run them again with --force")
        return _stored(name, columns)
    facts = describe(result)
    full_name = _full_name(name, facts.metadata)
    if not full_name:
        raise _unknown(name, [facts.metadata])
    of_users = full_name.startswith(FEATURES[0])
    owners = facts.users if of_users else facts.targets
    values = facts.metadata[full_name]
    named = [*_of_numbers(name, values, owners)] if values.dtype.kind in "if" else None
    groups = _of_texts(values, owners) if named is None else named
    one_each = len(facts.targets) == len(facts.users)
    return Grouping(name, groups, None if of_users or one_each else facts.offsets)


def _stored(name: str, columns: Columns) -> Grouping:
    """Return the groups of a column that is stored with results."""
    column: Column = columns[STORED[name]]
    values, offsets = column if isinstance(column, tuple) else (column, None)
    if name == "history":
        return Grouping(name, [*_of_numbers(name, values, np.arange(len(values)))], offsets)
    groups = [Group(part, values == place) for place, part in enumerate(POPULARITY_NAMES)]
    one_each = offsets is None or len(offsets) == len(values) + 1
    chosen = [group for group in groups if group.chosen.any()]
    return Grouping(name, chosen, None if one_each else offsets)


def _full_name(name: str, metadata: Metadata) -> str:
    """Return a column's name in the metadata; "" if there is none. Users' columns come first."""
    columns = [known for known in metadata.names if known.startswith(FEATURES)]
    full_names = (name, *(f"{prefix}{name}" for prefix in FEATURES))
    return next((full_name for full_name in full_names if full_name in columns), "")


def _unknown(name: str, known: Sequence[Metadata]) -> UnknownColumnError:
    """Return the error that names the columns that there are."""
    there = []
    for prefix, owners in zip(FEATURES, ("users", "items"), strict=True):
        full_names = {each for metadata in known for each in metadata.names}
        names = sorted(each[len(prefix) :] for each in full_names if each.startswith(prefix))
        there.append(f"columns of {owners}: {', '.join(names) or 'none'}")
    there.append(f"always: {', '.join(STORED)}")
    return UnknownColumnError(f"there is no column {name!r} to group by; {'; '.join(there)}")


def _of_numbers(name: str, values: Array, owners: Array) -> Iterator[Group]:
    """Yield groups of numbers: each different one, or three parts of about equal size.

    values: the number of each user or item, NaN for an unknown one. owners: the user of each case
        or the item of each target, -1 for an unknown one.
    """
    of_each = np.where(owners >= 0, values[owners], np.nan)
    is_known = ~np.isnan(of_each)
    different = np.unique(of_each[is_known])
    if len(different) <= MOST_NUMBERS:
        for number in different:
            yield Group(f"{name}={_number(number)}", of_each == number)
    else:
        low, high = np.quantile(of_each[is_known], [1 / 3, 2 / 3], method="lower")
        whole = bool((different == np.round(different)).all())
        middle = _span(low + 1, high) if whole else f"> {_number(low)} and <= {_number(high)}"
        for part, chosen in (
            (f"<= {_number(low)}", of_each <= low),
            (middle, (of_each > low) & (of_each <= high)),
            (f"> {_number(high)}", of_each > high),
        ):
            if chosen.any():
                yield Group(part, chosen)
    if not is_known.all():
        yield Group(UNKNOWN, ~is_known, known=False)


def _of_texts(values: Array, owners: Array) -> list[Group]:
    """Return a group for each text, the largest first; of two, in the order of their names."""
    texts = np.array([""] * len(owners), dtype=object)
    texts[owners >= 0] = values[owners[owners >= 0]]
    different, which = np.unique(texts, return_inverse=True)
    texts_with: dict[str, list[int]] = {}
    for place, text in enumerate(different):
        parts = {part.strip() for part in text.split("|")} - {"", UNKNOWN}
        for part in parts or {UNKNOWN}:
            texts_with.setdefault(part, []).append(place)
    unknown = texts_with.pop(UNKNOWN, [])
    groups = [Group(name, np.isin(which, places)) for name, places in texts_with.items()]
    sizes = {group.name: int(group.chosen.sum()) for group in groups}
    two = len(groups) == 2
    groups.sort(key=lambda group: (0 if two else -sizes[group.name], group.name))
    if len(groups) > MOST_TEXTS:
        smaller = groups[MOST_TEXTS:]
        together = np.logical_or.reduce([group.chosen for group in smaller])
        groups = [*groups[:MOST_TEXTS], Group(f"{len(smaller):,} smaller groups", together)]
    if unknown:
        groups.append(Group(UNKNOWN, np.isin(which, unknown), known=False))
    return groups


def _span(first: float, last: float) -> str:
    return _number(first) if first == last else f"{_number(first)}-{_number(last)}"


def _number(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:.6g}"
