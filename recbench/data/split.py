"""Step 2, split: what a model learns from, what it is shown, and what it must predict."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from recbench.data.arrays import check_range, freeze_arrays, offsets_of
from recbench.data.interactions import Array, Interactions
from recbench.errors import counted


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A split: training data, histories and held-out targets. Splitters return it.

    A row of `history` that has at least one target is a case: it is judged.

    Parameters
    ----------
    train : Interactions
        The data that models are trained on.
    history : Interactions
        What models see when they recommend: one row per possible case, oldest item first. A row
        with a target must not be empty.
    targets : numpy.ndarray of shape (n_rows,) or (n_targets,), int32
        Held-out items. Without `offsets`, one per row of `history`, or -1 if the row is not
        judged. With `offsets`, the targets of all rows, row after row.
    times : numpy.ndarray of the same shape as targets, int64, optional
        When each target happened, in the unit of train (`train.time_unit`).
    offsets : numpy.ndarray of shape (n_rows + 1,), int64, optional
        For several targets per row: those of row r are targets[offsets[r]:offsets[r + 1]] and must
        differ. A row without targets is not judged.
    notes : tuple of str, optional
        Which users are not judged or are left out, and why, one sentence each, for table footers.
    ordered : bool, default: True
        Whether the order of a user's interactions decides which of them are targets. False for
        targets that are drawn at random or given.

    Raises
    ------
    ValueError
        If the parts do not fit together, or an array is masked, or holds what is not a number or
        does not fit the type.

    Examples
    --------
    >>> import recbench
    >>> train = recbench.Interactions.from_log(users=[0, 0, 1], items=[0, 1, 2], n_items=4)
    >>> split = recbench.Split(train, history=train, targets=[3, -1])  # user 1 is not judged
    >>> split.judged
    array([0])
    """

    train: Interactions
    history: Interactions
    targets: Array
    times: Array | None = None
    offsets: Array | None = None
    notes: tuple[str, ...] = ()
    ordered: bool = True

    def __post_init__(self) -> None:
        freeze_arrays(self, targets=np.int32, times=np.int64, offsets=np.int64)
        n_rows, n_items = len(self.history), self.train.n_items
        n = n_rows
        if self.offsets is not None:
            n = len(self.targets)
            rises = self.offsets.shape == (n_rows + 1,) and (np.diff(self.offsets) >= 0).all()
            if not rises or self.offsets[0] != 0 or self.offsets[-1] != n:
                raise ValueError(
                    f"offsets must have {n_rows + 1} values and rise from 0 to {n}, the number of "
                    "targets"
                )
        for name in ("targets", "times"):
            array = getattr(self, name)
            if array is not None and array.shape != (n,):
                raise ValueError(f"{name} has shape {array.shape}; it must be ({n},)")
        if self.history.n_items != n_items:
            raise ValueError(
                f"train has n_items={n_items}, but history has {self.history.n_items}; they must "
                "be equal"
            )
        units = {part.time_unit for part in (self.train, self.history) if part.times is not None}
        if len(units) > 1:
            raise ValueError(
                f"train has times in {self.train.time_unit}, but history in "
                f"{self.history.time_unit}; they must be equal"
            )
        lowest = -1 if self.offsets is None else 0
        check_range("targets", self.targets, lowest, n_items)
        empty = self.judged[self.history.lengths[self.judged] == 0]
        if len(empty):
            raise ValueError(f"row {empty[0]} of history has a target but no items")
        if self.offsets is not None:
            pairs = np.sort(self.target_pairs)
            repeated = pairs[1:][pairs[1:] == pairs[:-1]]
            if len(repeated):
                row = self.judged[repeated[0] // n_items]
                raise ValueError(f"row {row} of history has the same target twice")

    def __repr__(self) -> str:
        return f"Split({counted(len(self.judged), 'case')}, train={self.train!r})"

    @cached_property
    def judged(self) -> Array:
        """Rows of history that have a target (the cases), an int64 array of shape (n_cases,)."""
        if self.offsets is None:
            return np.flatnonzero(self.targets >= 0)
        return np.flatnonzero(np.diff(self.offsets))

    @cached_property
    def judged_targets(self) -> tuple[Array, Array]:
        """Targets of the cases, shape (n_targets,), and their offsets, shape (n_cases + 1,)."""
        if self.offsets is None:
            return self.targets[self.judged], np.arange(len(self.judged) + 1, dtype=np.int64)
        return self.targets, offsets_of(np.diff(self.offsets)[self.judged])

    @property
    def judged_target_times(self) -> Array | None:
        """Times of `judged_targets`, in the unit of train, shape (n_targets,), or None."""
        if self.times is None or self.offsets is not None:
            return self.times
        return self.times[self.judged]

    @property
    def case_of_target(self) -> Array:
        """Case of each of the `judged_targets`, an int64 array of shape (n_targets,)."""
        return np.repeat(
            np.arange(len(self.judged), dtype=np.int64), np.diff(self.judged_targets[1])
        )

    @property
    def target_pairs(self) -> Array:
        """Pairs of case and target as case * n_items + target, int64, shape (n_targets,)."""
        return self.case_of_target * self.train.n_items + self.judged_targets[0]

    def fingerprint(self) -> str:
        """Return a hash of train, history and targets, which identifies the split of a result.

        Returns
        -------
        str
            A sha256 hash (hex). Times of targets and notes do not affect it.

        Examples
        --------
        >>> import recbench
        >>> train = recbench.Interactions.from_log(users=[0, 0], items=[0, 1], n_items=4)
        >>> first, other = (recbench.Split(train, train, [target]) for target in (2, 3))
        >>> first.fingerprint() == other.fingerprint()
        False
        """
        digest = hashlib.sha256(self.train.fingerprint().encode())
        if self.history is not self.train:
            digest.update(self.history.fingerprint().encode())
        digest.update(self.targets.tobytes())
        if self.offsets is not None:
            digest.update(self.offsets.tobytes())
        return digest.hexdigest()


class Splitter(Protocol):
    """A splitter, as the factories of `recbench_splitters` return it.

    It may also have a method `validation_split(interactions) -> Split`, which holds out validation
    targets instead of the targets of `split`, for `recbench tune`. Without it, `split` is applied
    again to the training data.
    """

    def split(self, interactions: Interactions) -> Split:
        """Split all interactions, which have one sequence per user."""
        ...
