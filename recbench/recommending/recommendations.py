"""Outside the flow: what `recommend` returns: the lists of one user, or those of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbench.data.dataset import Dataset, outside_ids
from recbench.data.interactions import Array
from recbench.errors import counted
from recbench.recommending.lists_file import how_to_read, lists_file, write_lists
from recbench.report.report import Block, Report, Table

if TYPE_CHECKING:
    import pandas as pd

N_LAST = 5
"""How many of the latest items of its history a `Recommendation` shows."""

SHOWN = 20
"""How many rows of the lists of many users are shown, but at least the list of one user."""

CHUNK = 200_000
"""How many rows are written to a file at a time."""


@dataclass(frozen=True, eq=False, repr=False)
class Recommendation(Report):
    """The items that a model recommends to one user.

    Parameters
    ----------
    dataset : Dataset
        The dataset, for item ids and titles.
    recipient : str
        The user or the history that it is for, as text.
    history : numpy.ndarray of shape (n_history,), int32
        Item numbers that the model was given, oldest first.
    items : numpy.ndarray of shape (n,), int
        Recommended item numbers, best first.
    scores : numpy.ndarray of shape (n,), float64, or None
        The scores of `items`; None for a model that returns lists.
    origin : str
        The model that made it, as text.
    user : str or int or None, default: None
        The user's own id; None for a history that is no user's.
    notes : sequence of str, default: ()
        Which newer interactions are left out.

    Examples
    --------
    >>> import recbench
    >>> found = recbench.recommend("popular", user=7, k=3, dataset="synthetic", results=None)
    >>> found.recipient, len(found.items), len(found.scores)
    ('user 7', 3, 3)
    """

    dataset: Dataset
    recipient: str
    history: Array
    items: Array
    scores: Array | None
    origin: str
    user: str | int | None = None
    notes: Sequence[str] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the recommended items, best first.

        Returns
        -------
        pandas.DataFrame
            One row per item, with the columns rank (from 1), item (the dataset's own id), title
            and score (NaN for a model that returns lists).

        Examples
        --------
        >>> import recbench
        >>> found = recbench.recommend("popular", user=7, k=2, dataset="synthetic", results=None)
        >>> found.to_frame()[["rank", "item"]].shape
        (2, 2)
        """
        return self._frame(self.items).assign(score=np.nan if self.scores is None else self.scores)

    def history_frame(self) -> pd.DataFrame:
        """Return the history that the model was given, oldest first.

        Returns
        -------
        pandas.DataFrame
            One row per item, with the columns item (the dataset's own id) and title.

        Examples
        --------
        >>> import recbench
        >>> found = recbench.recommend("popular", items=[3, 5], dataset="synthetic", results=None)
        >>> found.history_frame()["item"].astype(int).tolist()
        [3, 5]
        """
        return self._frame(self.history).drop(columns="rank")

    def write(self, path: str | Path) -> None:
        """Write the list to a file, as `Recommendations.write` does.

        Parameters
        ----------
        path : str or pathlib.Path
            The file. Its suffix decides the format: .csv, .parquet or .json.

        Raises
        ------
        UsageError
            If the suffix is another one, or the file cannot be written.
        RecbenchError
            If writing fails.
        """
        users = None if self.user is None else np.array([self.user], dtype=object)
        scores = None if self.scores is None else self.scores[None]
        _write(path, self.dataset, users, self.items[None], scores)

    def _frame(self, items: Array) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(
            {
                "rank": np.arange(1, len(items) + 1),
                "item": [self.dataset.item_ids[item] for item in items],
                "title": [self.dataset.title(item) for item in items],
            }
        )

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        history = self.history_frame()
        shown = _rows(history.tail(N_LAST))
        some = len(history) > N_LAST
        which = f"The last {len(shown)} of {len(history)} items" if some else "The items"
        yield Table(
            shown,
            caption=f"{which} of {self.recipient} in {self.dataset.short_name}, oldest first",
        )
        best = self.to_frame()
        best["score"] = _rounded(best["score"])
        yield Table(
            _rows(best),
            caption=f"{counted(len(best), 'recommendation')} by {self.origin}",
        )
        yield from self.notes


@dataclass(frozen=True, eq=False, repr=False)
class Recommendations(Report):
    """The items that a model recommends to many users.

    `len(recommendations)` is the number of users.

    Parameters
    ----------
    dataset : Dataset
        The dataset, for item ids and titles.
    users : numpy.ndarray of shape (n_users,)
        The users' own ids, as in the log.
    items : numpy.ndarray of shape (n_users, k), int32
        Recommended item numbers, best first; -1 fills the end of a short list.
    scores : numpy.ndarray of shape (n_users, k), float64, or None
        The scores of `items`, NaN where there is none; None for a model that returns lists.
    origin : str
        The model that made them, as text.
    notes : sequence of str, default: ()
        Which users and interactions are left out, and how many lists are short.
    written : str, default: ""
        The file that they are written to.

    Examples
    --------
    >>> import recbench
    >>> found = recbench.recommend("popular", users="all", k=3, dataset="synthetic", results=None)
    >>> len(found), found.items.shape
    (1000, (1000, 3))
    >>> found.to_frame().columns.tolist()
    ['user', 'item', 'rank', 'score']
    """

    dataset: Dataset
    users: Array
    items: Array
    scores: Array | None
    origin: str
    notes: Sequence[str] = ()
    written: str = ""

    def __len__(self) -> int:
        """The number of users."""
        return len(self.users)

    def to_frame(self) -> pd.DataFrame:
        """Return all lists.

        Returns
        -------
        pandas.DataFrame
            One row per user and item, best first, with the columns user and item (the dataset's own
            ids), title (if there are titles), rank (from 1), and score (if the model scores).

        Examples
        --------
        >>> import recbench
        >>> found = recbench.recommend(
        ...     "popular", users=[7, 9], k=2, dataset="synthetic", results=None
        ... )
        >>> found.to_frame()[["user", "rank"]].astype(int).to_numpy().tolist()
        [[7, 1], [7, 2], [9, 1], [9, 2]]
        """
        return _frame(self.dataset, self.users, self.items, self.scores)

    def write(self, path: str | Path) -> None:
        """Write all lists to a file, with the columns of `to_frame`, completely or not at all.

        Parameters
        ----------
        path : str or pathlib.Path
            The file. Its suffix decides the format: .csv, .parquet or .json (a list of records).

        Raises
        ------
        UsageError
            If the suffix is another one, or the file cannot be written.
        RecbenchError
            If writing fails, for example because the disk is full. The error says where the lists
            are instead, if possible.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import pandas as pd
        >>> import recbench
        >>> found = recbench.recommend("popular", users="all", dataset="synthetic", results=None)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.write(Path(folder) / "recs.csv")
        ...     pd.read_csv(Path(folder) / "recs.csv").shape
        (10000, 4)
        """
        _write(path, self.dataset, self.users, self.items, self.scores)

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        n_lists = counted(int((self.items[:, 0] >= 0).sum()), "user")
        title = f"Recommendations for {n_lists} of {self.dataset.short_name} by {self.origin}"
        if self.written:
            yield title
        else:
            n_users = max(1, SHOWN // self.items.shape[1])
            scores = None if self.scores is None else self.scores[:n_users]
            first = _frame(self.dataset, self.users[:n_users], self.items[:n_users], scores)
            if "score" in first:
                first["score"] = _rounded(first["score"])
            yield Table(_rows(first), caption=title)
            if len(self) > n_users:
                n_more = len(self) - n_users
                are = "is" if n_more == 1 else "are"
                yield (
                    f"{counted(n_more, 'more user')} {are} not shown. Write all lists with "
                    '-o recs.csv, recs.parquet or recs.json; in Python, with .write("recs.csv")'
                )
        yield from self.notes
        if self.written:
            yield f"The lists are in {self.written}"
            items = outside_ids(self.dataset.item_ids, np.unique(self.items[self.items >= 0]))
            call = how_to_read(self.written, {"user": self.users, "item": items})
            if call:
                yield f"Some ids look like numbers or missing values; {call} keeps them as they are"


def _frame(
    dataset: Dataset, users: Array | None, items: Array, scores: Array | None
) -> pd.DataFrame:
    """Return lists as rows; users is None for a list that is no user's."""
    import pandas as pd

    row, place = np.nonzero(items >= 0)
    listed = items[row, place]
    columns: dict[str, Any] = {} if users is None else {"user": _plain(users[row])}
    columns["item"] = _plain(outside_ids(dataset.item_ids, listed))
    if dataset.titles is not None:
        columns["title"] = _plain(dataset.titles[listed])
    columns["rank"] = place + 1
    if scores is not None:
        columns["score"] = scores[row, place]
    return pd.DataFrame(columns)


def _write(
    path: str | Path, dataset: Dataset, users: Array | None, items: Array, scores: Array | None
) -> None:
    """Write lists to a file, some users at a time."""
    rows = max(1, CHUNK // items.shape[1]) if items.size else 1

    def frames() -> Iterator[pd.DataFrame]:
        for start in range(0, max(1, len(items)), rows):
            part = slice(start, start + rows)
            yield _frame(
                dataset,
                None if users is None else users[part],
                items[part],
                None if scores is None else scores[part],
            )

    write_lists(lists_file(path), frames)


def _plain(values: Array) -> Array:
    """Return numbers as they are, and text as Python objects, each as long as it is."""
    return values if values.dtype.kind in "iu" else values.astype(object)


def _rounded(scores: pd.Series) -> pd.Series:
    return scores.map("{:.4g}".format, na_action="ignore").fillna("")


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in row.items()} for row in frame.to_dict("records")]
