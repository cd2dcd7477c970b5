"""Steps 1 to 4: what is computed from interactions: counts, a matrix, a DataFrame, a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recbench.data.arrays import Array, as_type, to_array
from recbench.data.metadata import WithMetadata, content
from recbench.data.sorting import sort_distinct

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse


class Derived(WithMetadata):
    """The part of `Interactions` that is computed from its columns."""

    users: Array
    items: Array
    offsets: Array
    n_users: int
    n_items: int
    times: Array | None
    ratings: Array | None
    time_unit: str
    parts: Array | None
    features: Mapping[str, Array]

    def __len__(self) -> int:
        """The number of sequences (rows)."""
        return len(self.users)

    @property
    def n_interactions(self) -> int:
        """Number of interactions in all sequences."""
        return len(self.items)

    @property
    def lengths(self) -> Array:
        """Number of interactions of each sequence, an int64 array of shape (n_rows,)."""
        return np.diff(self.offsets)

    @property
    def popularity(self) -> Array:
        """Number of interactions of each item, an int64 array of shape (n_items,)."""
        return np.bincount(self.items, minlength=self.n_items)

    def matrix(self, values: npt.ArrayLike | None = None) -> sparse.csr_matrix:
        """Return the interactions as a sparse matrix with one row per sequence.

        Parameters
        ----------
        values : array_like of shape (n_interactions,), optional
            A number for each interaction, such as its rating; 1 by default.

        Returns
        -------
        scipy.sparse.csr_matrix of shape (n_rows, n_items), float32
            Entry [r, i] is the sum of the values of the interactions of row r with item i. The
            matrix has its own memory, so it can be changed.

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[0, 0, 1], items=[1, 2, 2])
        >>> log.matrix().toarray()
        array([[0., 1., 1.],
               [0., 0., 1.]], dtype=float32)
        """
        from scipy import sparse

        data = np.ones(self.n_interactions, dtype=np.float32)
        if values is not None:
            given = as_type("values", to_array("values", values), np.float32)
            if given.shape != data.shape:
                raise ValueError(f"values has shape {given.shape}; it must be {data.shape}")
            data = given.copy()
        shape = len(self), self.n_items
        matrix = sparse.csr_matrix((data, self.items.copy(), self.offsets.copy()), shape=shape)
        matrix.sum_duplicates()
        return matrix

    def to_frame(self) -> pd.DataFrame:
        """Return the interactions as a table.

        Returns
        -------
        pandas.DataFrame
            One row per interaction, one sequence after the other, oldest first in each. The columns
            are user and item (ids of the source, or numbers if there are no ids), time (in UTC) and
            rating, if there are any, then the features by name, unless a column before them has the
            same name. A user who is not in the dataset is a missing value.

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(
        ...     users=[0, 0, 1], items=[1, 2, 2], times=[60, 0, 0], features={"price": [9, 5, 6]}
        ... )
        >>> log.to_frame()
           user  item                      time  price
        0     0     2 1970-01-01 00:00:00+00:00      5
        1     0     1 1970-01-01 00:01:00+00:00      9
        2     1     2 1970-01-01 00:00:00+00:00      6
        """
        import pandas as pd

        columns: dict[str, Any] = {
            "user": _ids(self.user_ids, np.repeat(self.users, self.lengths), self.n_users),
            "item": _ids(self.item_ids, self.items, self.n_items),
        }
        if self.times is not None:
            times = pd.DatetimeIndex(self.times.view(f"datetime64[{self.time_unit}]"))
            columns["time"] = times.tz_localize("UTC")
        if self.ratings is not None:
            columns["rating"] = self.ratings
        return pd.DataFrame({**columns, **self.features, **columns})

    def pairs(self) -> Array:
        """Return the distinct pairs of row and item, as one number each.

        Returns
        -------
        numpy.ndarray of shape (n_pairs,), int64
            row * n_items + item, ascending.

        Examples
        --------
        >>> import recbench
        >>> log = recbench.Interactions.from_log(users=[0, 0, 1], items=[2, 2, 0], n_items=10)
        >>> log.pairs()
        array([ 2, 10])
        """
        row = np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)
        return sort_distinct(row * self.n_items + self.items)

    def fingerprint(self) -> str:
        """Return a hash of the content.

        Returns
        -------
        str
            A sha256 hash (hex), equal for equal interactions.

        Examples
        --------
        >>> import recbench
        >>> len(recbench.Interactions.from_log(users=[0], items=[1]).fingerprint())
        64
        """
        digest = hashlib.sha256(f"{self.n_users} {self.n_items}".encode())
        for name in ("users", "items", "offsets", "times", "ratings"):
            column = getattr(self, name)
            digest.update(name.encode())
            if column is not None:
                digest.update(np.ascontiguousarray(column).data)
        if self.times is not None and self.time_unit != "s":
            digest.update(self.time_unit.encode())
        if self.parts is not None:
            digest.update(b"parts" + np.ascontiguousarray(self.parts).data)
        for name, values in self.features.items():
            digest.update(f"feature {name}".encode() + content(values))
        return digest.hexdigest()


def _ids(ids: Array | None, numbers: Array, n: int) -> Any:
    """Return the ids with these numbers, missing for -1; the numbers themselves without ids."""
    import pandas as pd

    known = np.arange(n) if ids is None else np.asarray(ids)
    if known.dtype.kind not in "iu":
        known = known.astype(object)
    has_unknown = bool((numbers < 0).any())
    if has_unknown and known.dtype != object:
        known = pd.array(known)  # integers of pandas, as those of numpy cannot be missing
    return pd.api.extensions.take(known, numbers, allow_fill=has_unknown)
