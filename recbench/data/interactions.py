"""Data in memory, for every step: who consumed what, in which order."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

Column = Array | tuple[Array, Array]
"""(rows,) numbers or strings; (rows, n) numbers; or (flat, offsets): row r has the numbers
flat[offsets[r]:offsets[r + 1]], offsets being (rows + 1,) int64."""

Columns = Mapping[str, Column]
"""Name -> column, as stored: all have the same rows."""


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Sequences of items, stored column by column; every array is read-only.

    users: (rows,) int32, whose sequence each row is; a splitter that cuts windows may repeat
        a user, and -1 is somebody who is not in the training data.
    items: (interactions,) int32 in [0, n_items), oldest first inside a sequence.
    offsets: (rows + 1,) int64; row r is items[offsets[r]:offsets[r + 1]].
    n_users, n_items: sizes of the whole dataset's numbering, not of this part of it.
    times: (interactions,) int64 in seconds, or None.
    ratings: (interactions,) float32, or None.

    Raises ValueError where the arrays do not fit together.
    """

    users: Array
    items: Array
    offsets: Array
    n_users: int
    n_items: int
    times: Array | None = None
    ratings: Array | None = None

    def __post_init__(self) -> None:
        freeze_arrays(
            self,
            users=np.int32,
            items=np.int32,
            offsets=np.int64,
            times=np.int64,
            ratings=np.float32,
        )
        for name in ("users", "items", "offsets", "times", "ratings"):
            array = getattr(self, name)
            if array is not None and array.ndim != 1:
                raise ValueError(f"{name} must have one dimension, not {array.ndim}")
        n, offsets = self.n_interactions, self.offsets
        if len(offsets) != len(self.users) + 1:
            raise ValueError(f"{len(self.users)} users need {len(self.users) + 1} offsets")
        if offsets[0] != 0 or offsets[-1] != n or (np.diff(offsets) < 0).any():
            raise ValueError(f"offsets must rise from 0 to the number of events, {n}")
        for name in ("times", "ratings"):
            array = getattr(self, name)
            if array is not None and len(array) != n:
                raise ValueError(f"{len(array)} {name} for {n} items")
        _check_range("items", self.items, 0, self.n_items)
        _check_range("users", self.users, -1, self.n_users)

    def __len__(self) -> int:
        """The number of sequences (rows)."""
        return len(self.users)

    def __repr__(self) -> str:
        return (
            f"Interactions({len(self)} sequences, {self.n_interactions} events, "
            f"{self.n_users} users, {self.n_items} items)"
        )

    @property
    def n_interactions(self) -> int:
        """The number of events over all sequences."""
        return len(self.items)

    @property
    def lengths(self) -> Array:
        """(rows,) int64: how many events each sequence has."""
        return np.diff(self.offsets)

    def pairs(self) -> Array:
        """Every (row, item) there is, as row * n_items + item: (pairs,) int64, ascending."""
        row = np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)
        return sort_distinct(row * self.n_items + self.items)

    def sequences(self) -> Iterator[Array]:
        """Each row's items, oldest first, as a read-only view."""
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.items[start:stop]

    def batches(self, rows: int) -> Iterator[Interactions]:
        """Consecutive parts of at most `rows` sequences each, as views of the same memory."""
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
        """The sequences of the given rows, in the given order, as a copy."""
        rows = np.asarray(rows, dtype=np.int64)
        return self.cut(rows, self.offsets[rows], self.lengths[rows])

    def cut(self, rows: Array, starts: Array, lengths: Array) -> Interactions:
        """A row for each stretch of events, as a copy: windows, say.

        rows: (stretches,) which row each is of. starts: its first event's place in `items`.
        lengths: how many events it has.
        """
        return dataclasses.replace(
            self,
            users=self.users[rows],
            offsets=offsets_of(lengths),
            **self._select(slices(starts, lengths)),
        )

    def keep(self, mask: Array) -> Interactions:
        """The interactions where a mask is true; every row stays, if only an empty one.

        mask: (interactions,) bool.
        """
        kept_before = offsets_of(mask)  # for each interaction, how many are kept of those before it
        return dataclasses.replace(self, offsets=kept_before[self.offsets], **self._select(mask))

    def _select(self, events: Any) -> dict[str, Any]:
        """The columns that have one entry an event, for some events: a slice, mask or places."""
        columns = {"items": self.items, "times": self.times, "ratings": self.ratings}
        return {
            name: None if column is None else column[events] for name, column in columns.items()
        }

    @property
    def popularity(self) -> Array:
        """(n_items,) int64: how many events each item has."""
        return np.bincount(self.items, minlength=self.n_items)

    def fingerprint(self) -> str:
        """sha256 (hex) of the content: equal for equal sequences, wherever they came from."""
        digest = hashlib.sha256(f"{self.n_users} {self.n_items}".encode())
        for name in ("users", "items", "offsets", "times", "ratings"):
            column = getattr(self, name)
            digest.update(name.encode())
            if column is not None:
                digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()

    @classmethod
    def from_log(
        cls,
        users: npt.ArrayLike,
        items: npt.ArrayLike,
        times: npt.ArrayLike | None = None,
        ratings: npt.ArrayLike | None = None,
        *,
        n_users: int | None = None,
        n_items: int | None = None,
    ) -> Interactions:
        """Sequences out of a log with a line an event, by recbench's order rule.

        The rule: a stable sort by (user, time); equal times keep the order of the log's lines.

        users, items: (interactions,) integers from 0.
        times: (interactions,) seconds, whole or fractional; without times the log's order stands.
        ratings: (interactions,) numbers.
        n_users, n_items: sizes of the numbering; by default the highest number plus one.
        """
        users, items = np.asarray(users), np.asarray(items)
        if not len(users) == len(items):
            raise ValueError(f"{len(users)} users for {len(items)} items")
        n_users = int(users.max(initial=-1)) + 1 if n_users is None else n_users
        n_items = int(items.max(initial=-1)) + 1 if n_items is None else n_items
        _check_range("users", users, 0, n_users)
        order = _stable_order(users, None if times is None else np.asarray(times))
        lengths = np.bincount(users, minlength=n_users)
        present = np.flatnonzero(lengths)
        seconds = None if times is None else np.asarray(times)[order]
        if seconds is not None and seconds.dtype.kind == "f":
            seconds = np.floor(seconds)
        return cls(
            users=present,
            items=items[order],
            offsets=offsets_of(lengths[present]),
            n_users=n_users,
            n_items=n_items,
            times=seconds,
            ratings=None if ratings is None else np.asarray(ratings)[order],
        )


def offsets_of(lengths: Array) -> Array:
    """(rows + 1,) int64 offsets of rows of the given lengths."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def slices(starts: Array, lengths: Array) -> Array:
    """The positions starts[0], starts[0]+1, ... of every slice, one slice after the other."""
    shifts = np.repeat(starts - offsets_of(lengths)[:-1], lengths)
    return shifts + np.arange(len(shifts), dtype=np.int64)


def sort_distinct(values: Array) -> Array:
    """The different ones of some numbers, ascending; faster than numpy.unique."""
    values = np.sort(values)
    return np.asarray(values[np.append(True, values[1:] != values[:-1])[: len(values)]])


def freeze_arrays(instance: Any, **dtypes: npt.DTypeLike | None) -> None:
    """Make arrays of a frozen dataclass read-only views, of these types or, by None, their own.

    An array that is not there (None) stays so.
    """
    for name, dtype in dtypes.items():
        given = getattr(instance, name)
        if given is not None:
            array = np.asarray(given, dtype=dtype).view()
            array.flags.writeable = False
            object.__setattr__(instance, name, array)


def _stable_order(users: Array, times: Array | None) -> Array:
    """The stable order by (user, time), skipping the sorts that the log already satisfies."""
    order = np.arange(len(users))
    keys = None if times is None else _joint_keys(users, times)
    if keys is None:
        keys = users
        if times is not None and (times[1:] < times[:-1]).any():
            order = np.argsort(times, kind="stable")
            keys = users[order]
    if (keys[1:] < keys[:-1]).any():
        order = order[np.argsort(keys, kind="stable")]
    return order


def _joint_keys(users: Array, times: Array) -> Array | None:
    """One int64 an event that orders as (user, time) does, where 63 bits have room for both.

    One sort in place of two; and a log that is sorted by user, as most are, sorts in a tenth
    of the time, because the stable sort merges what is in order already.
    """
    if not np.can_cast(times.dtype, np.int64) or not len(times):
        return None
    first, last = int(times.min()), int(times.max())
    span = last - first + 1
    if (int(users.max()) + 1) * span >= 2**63:
        return None
    keys: Array = users.astype(np.int64)
    keys *= span
    keys += times.astype(np.int64, copy=False) - first
    return keys


def _check_range(name: str, values: Array, low: int, high: int) -> None:
    if len(values) and (values.min() < low or values.max() >= high):
        wrong = values[(values < low) | (values >= high)][0]
        raise ValueError(f"{name} must be in [{low}, {high}), found {wrong}")
