"""Steps 1 to 4: interactions in memory, as one sequence of items per user, oldest first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import (
    MAX_COUNT,
    as_count,
    as_mask,
    as_rows,
    check_range,
    freeze_arrays,
    offsets_of,
    read_only,
    slices,
)
from recbench.data.checks import check_columns, log_columns
from recbench.data.derived import Derived
from recbench.data.metadata import Features, Metadata, feature
from recbench.data.sorting import stable_order
from recbench.data.times import to_integers

Array = npt.NDArray[Any]

Column = Array | tuple[Array, Array]
"""(rows,) numbers or strings; (rows, n) numbers; or (flat, offsets), where row r has the numbers
flat[offsets[r]:offsets[r + 1]] and offsets is (rows + 1,) int64."""

Columns = Mapping[str, Column]
"""Name -> column, as stored; all have the same number of rows."""


@dataclass(frozen=True, eq=False, repr=False)
class Interactions(Derived):
    """Sequences of interactions, stored as read-only columns.

    Users and items are numbers from 0. `len(interactions)` is the number of sequences (rows).
    Arrays that their owner could still change are copied.

    Parameters
    ----------
    users : numpy.ndarray of shape (n_rows,), int32
        User number of each row. A splitter that cuts windows may repeat a user; -1 is a user who
        is not in the dataset.
    items : numpy.ndarray of shape (n_interactions,), int32
        Item numbers of all rows, one row after the other, oldest first in each.
    offsets : numpy.ndarray of shape (n_rows + 1,), int64
        Where each row starts: row r is items[offsets[r]:offsets[r + 1]].
    n_users : int
        Number of users in the whole dataset, of which these rows may be a part.
    n_items : int
        Number of items in the whole dataset (the size of the catalogue).
    times : numpy.ndarray of shape (n_interactions,), int64, optional
        Times since 1970 (UTC), in `time_unit`.
    ratings : numpy.ndarray of shape (n_interactions,), float32, optional
        Ratings.
    time_unit : {"s", "ms", "us", "ns"}, default: "s"
        Unit of `times`: seconds, milli-, micro- or nanoseconds.
    parts : numpy.ndarray of shape (n_interactions,), int8, optional
        Part of a split that the source of the data prescribes: 0 is train, 1 valid and 2 test. Only
        splitters see it.
    features : mapping of str to numpy.ndarray of shape (n_interactions,), optional
        Further columns of the log that were asked for: numbers (int64, or float64 with NaN where
        unknown) or strings ("" where unknown).
    metadata : Metadata, optional
        What is known of users and items: the source of the properties `user_ids`, `item_ids`,
        `titles`, `user_features` and `item_features`. recbench sets it; plugins do not.

    Raises
    ------
    ValueError
        If the arrays do not fit together or are masked, or a value is not of the type.

    Examples
    --------
    >>> import recbench
    >>> log = recbench.Interactions([0, 1], [5, 2, 4, 2], offsets=[0, 3, 4], n_users=2, n_items=6)
    >>> log
    Interactions(2 sequences, 4 interactions, 2 users, 6 items)
    >>> [items.tolist() for items in log.sequences()]
    [[5, 2, 4], [2]]
    """

    users: Array
    items: Array
    offsets: Array
    n_users: int
    n_items: int
    times: Array | None = None
    ratings: Array | None = None
    time_unit: str = "s"
    parts: Array | None = None
    features: Mapping[str, Array] = field(default_factory=dict)
    metadata: Metadata | None = None

    def __post_init__(self) -> None:
        freeze_arrays(
            self, users="i4", items="i4", offsets="i8", times="i8", ratings="f4", parts="i1"
        )
        for name in ("n_users", "n_items"):
            object.__setattr__(self, name, as_count(name, getattr(self, name)))
        if not isinstance(self.features, Features):
            own = {
                str(name): feature(f"feature {name!r}", values, len(self.items))
                for name, values in self.features.items()
            }
            object.__setattr__(self, "features", Features.of("interaction", own))
        columns = {**vars(self)}
        del columns["features"], columns["metadata"]
        check_columns(**columns)

    def __repr__(self) -> str:
        return (
            f"Interactions({len(self)} sequences, {self.n_interactions} interactions, "
            f"{self.n_users} users, {self.n_items} items)"
        )

    def sequences(self) -> Iterator[Array]:
        """Iterate over the rows: the items of each, oldest first.

        Yields
        ------
        numpy.ndarray of shape (n_items_of_row,), int32
            Item numbers, as a read-only view.

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[1, 0, 1], items=[4, 2, 3])
        >>> [items.tolist() for items in log.sequences()]
        [[2], [4, 3]]
        """
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.items[start:stop]

    def batches(self, rows: int) -> Iterator[Interactions]:
        """Iterate over consecutive parts, which are views of the same memory.

        Parameters
        ----------
        rows : int
            Number of rows per part; the last part may have fewer.

        Yields
        ------
        Interactions

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[0, 1, 2], items=[0, 1, 0])
        >>> [len(part) for part in log.batches(2)]
        [2, 1]
        """
        for start in range(0, len(self), rows):
            stop = min(start + rows, len(self))
            first, last = self.offsets[start], self.offsets[stop]
            yield dataclasses.replace(
                self,
                users=self.users[start:stop],
                offsets=self.offsets[start : stop + 1] - first,
                **self._select(slice(first, last)),
            )

    def take(self, rows: npt.ArrayLike) -> Interactions:
        """Return a copy with some of the rows.

        Parameters
        ----------
        rows : array_like of int
            Row numbers, in any order; a row may be taken several times.

        Returns
        -------
        Interactions
            The rows in the given order; `n_users` and `n_items` stay the same.

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[0, 1, 1, 2], items=[0, 1, 2, 0])
        >>> [items.tolist() for items in log.take([2, 1]).sequences()]
        [[0], [1, 2]]
        """
        rows = as_rows("rows", rows, len(self))
        return self.cut(rows, self.offsets[rows], self.lengths[rows])

    def cut(self, rows: Array, starts: Array, lengths: Array) -> Interactions:
        """Return a copy whose rows are slices of these rows, such as windows.

        Parameters
        ----------
        rows : numpy.ndarray of shape (n_slices,), int
            The row that each slice is cut from.
        starts : numpy.ndarray of shape (n_slices,), int
            Position in `items` of the first interaction of each slice.
        lengths : numpy.ndarray of shape (n_slices,), int
            Number of interactions of each slice.

        Returns
        -------
        Interactions
            One row per slice.

        Examples
        --------
        >>> import numpy as np
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[0, 0, 0], items=[7, 8, 9])
        >>> windows = log.cut(np.array([0, 0]), starts=np.array([0, 1]), lengths=np.array([2, 2]))
        >>> [items.tolist() for items in windows.sequences()]
        [[7, 8], [8, 9]]
        """
        return dataclasses.replace(
            self,
            users=self.users[rows],
            offsets=offsets_of(lengths),
            **self._select(slices(starts, lengths)),
        )

    def keep(self, mask: Array) -> Interactions:
        """Return the interactions where a mask is true. No row is dropped, but some may be empty.

        Parameters
        ----------
        mask : numpy.ndarray of shape (n_interactions,), bool
            Whether to keep each interaction.

        Returns
        -------
        Interactions

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[0, 0, 1], items=[7, 8, 9])
        >>> [items.tolist() for items in log.keep(log.items == 8).sequences()]
        [[8], []]
        """
        mask = as_mask("mask", mask, self.n_interactions)
        kept_before = offsets_of(mask)  # how many of the interactions before each one are kept
        return dataclasses.replace(self, offsets=kept_before[self.offsets], **self._select(mask))

    def _select(self, where: Any) -> dict[str, Any]:
        """The columns of some interactions: a slice, a mask or positions."""
        columns = {name: getattr(self, name) for name in ("items", "times", "ratings", "parts")}
        selected: dict[str, Any] = {
            name: None if column is None else read_only(column[where])
            for name, column in columns.items()
        }
        if self.features:
            features = {name: read_only(values[where]) for name, values in self.features.items()}
            selected["features"] = Features.of("interaction", features)
        return selected

    @classmethod
    def from_log(
        cls,
        users: npt.ArrayLike,
        items: npt.ArrayLike,
        times: npt.ArrayLike | None = None,
        ratings: npt.ArrayLike | None = None,
        *,
        time_unit: str = "s",
        parts: npt.ArrayLike | None = None,
        features: Mapping[str, npt.ArrayLike] | None = None,
        n_users: int | None = None,
        n_items: int | None = None,
    ) -> Interactions:
        """Create sequences from a log with one interaction per entry.

        Interactions are sorted by user and time. The sort is stable: interactions of a user with
        equal times, or without times, keep the order of the log.

        Parameters
        ----------
        users : array_like of shape (n_interactions,), int
            User numbers, from 0.
        items : array_like of shape (n_interactions,), int
            Item numbers, from 0.
        times : array_like of shape (n_interactions,), optional
            Times since 1970, integers or floats in `time_unit`, or datetime64 in any unit. They
            are stored in the coarsest unit, from seconds to nanoseconds, that keeps each of them
            exact.
        ratings : array_like of shape (n_interactions,), optional
            Ratings.
        time_unit : {"s", "ms", "us", "ns"}, default: "s"
            Unit of the given times, unless they are datetime64.
        parts : array_like of shape (n_interactions,), optional
            Part of a split that the source of the data prescribes: 0 is train, 1 valid and 2 test.
        features : mapping of str to array_like of shape (n_interactions,), optional
            Further columns of the log: numbers or strings.
        n_users : int, default: the highest user number plus 1
            Number of users.
        n_items : int, default: the highest item number plus 1
            Number of items.

        Returns
        -------
        Interactions
            One row per user who has interactions, in the order of user numbers.

        Raises
        ------
        ValueError
            If the arrays do not fit together or are masked, a value is not a number or does not fit
            its type, or a user or an item is negative, too high or not a whole number.

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(
        ...     users=[1, 0, 1, 1], items=[3, 2, 0, 1], times=[20, 10, 10, 20]
        ... )
        >>> [items.tolist() for items in log.sequences()]
        [[2], [0, 3, 1]]
        >>> log.times.tolist(), log.time_unit
        ([10, 10, 20, 20], 's')
        >>> log = recbench.Interactions.from_log(users=[0, 0], items=[1, 2], times=[10.25, 10])
        >>> log.times.tolist(), log.time_unit
        ([10000, 10250], 'ms')
        """
        columns = log_columns(users=users, items=items, times=times, ratings=ratings, parts=parts)
        described = {
            name: feature(f"feature {name!r}", values, len(columns["users"]))
            for name, values in (features or {}).items()
        }
        users = columns.pop("users")
        if n_items is None:
            n_items = int(columns["items"].max(initial=-1)) + 1
        most = MAX_COUNT if n_users is None else as_count("n_users", n_users)
        check_range("users", users, 0, most)
        n_users = int(users.max(initial=-1)) + 1 if n_users is None else most
        keys = columns.get("times")
        if keys is not None:
            columns["times"], time_unit = to_integers(keys, time_unit)
            keys = keys if keys.dtype.kind == "f" else columns["times"]
        order = stable_order(users, keys)
        lengths = np.bincount(users, minlength=n_users)
        present = np.flatnonzero(lengths)
        sorted_columns: dict[str, Any] = {
            name: read_only(column[order]) for name, column in columns.items()
        }
        return cls(
            users=present,
            offsets=offsets_of(lengths[present]),
            n_users=n_users,
            n_items=n_items,
            time_unit=time_unit,
            features={name: read_only(values[order]) for name, values in described.items()},
            **sorted_columns,
        )
