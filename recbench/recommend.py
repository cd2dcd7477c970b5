"""Outside the flow: recommend items to one user, to many, or for a given history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from recbench.data.dataset import Dataset, numbers_of_ids
from recbench.data.load import Data, paths_in
from recbench.errors import UsageError, counted
from recbench.files import check_not_read
from recbench.models.protocols import ModelHandle
from recbench.plugins import Plugins
from recbench.recommending.histories import (
    Histories,
    histories_of_users,
    history_of_user,
    parse_ids,
    read_users,
)
from recbench.recommending.lists_file import lists_file
from recbench.recommending.newer import load_newer, with_newer
from recbench.recommending.query import PreparedQuery, Query, takes
from recbench.recommending.recommendations import Recommendation, Recommendations
from recbench.spec import Spec

ALL = "all"
"""What stands for all users."""


@dataclass(frozen=True)
class RecommendQuery(Query):
    """The arguments of `recommend`: those of `explain`, and whose lists are written where."""

    _: KW_ONLY
    users: str | Iterable[str | int] | None = None
    users_file: str | Path | None = None
    new: Data | None = None
    output: str | Path | None = None

    def check(self) -> None:
        """Raise UsageError unless there is one way to tell whose lists are wanted."""
        ways = (self.user, self.items, self.users, self.users_file)
        given = [way for way in ways if way is not None]
        if len(given) > 1 or not (given or self.new is not None):
            raise UsageError(
                "name a user (--user ID), users (--users all, --users ID,ID or --users-file FILE) "
                'or a history (--items "ID,ID,ID")'
                f"{', but not both' if len(given) == 2 else ''}"
            )
        if self.new is not None and self.items is not None:
            raise UsageError("--new adds to the histories of users; leave out --items, or --new")
        if not isinstance(self.users_file, (str, Path, NoneType)):
            raise UsageError(
                f"users_file {type(self.users_file).__name__} is not a path; give ids as users"
            )
        if self.output is not None:
            lists_file(self.output)
            inputs = {"--dataset": paths_in(self.dataset), "--new": paths_in(self.new)}
            check_not_read(self.output, {**inputs, "--users-file": [str(self.users_file)]})

    def histories(self, plugins: Plugins, dataset: Dataset) -> Histories:
        """Return the histories that the model is asked about, with newer interactions."""
        if self.items is not None:
            return super().histories(plugins, dataset)
        known, recent, notes = dataset, list[str](), list[str]()
        if self.new is not None:
            newer = load_newer(plugins, self.new, dataset, self.data_dir)
            dataset, recent, notes = with_newer(dataset, newer)
        if self.user == ALL and numbers_of_ids([ALL], dataset.user_ids)[0] < 0:
            raise UsageError("no user 'all'; for the lists of all users, write --users all")
        if self.user is not None:
            made = history_of_user(dataset, str(self.user), known)
            return replace(made, notes=notes)
        users = self._chosen_users(plugins, known)
        users = recent if users is None else users
        return histories_of_users(dataset, None if users == ALL else users, known, notes)

    def _chosen_users(self, plugins: Plugins, dataset: Dataset) -> Any:
        """Return the ids of users, "all", or None if only a newer log tells whose lists to make."""
        if self.users_file is not None:
            column = Spec.parse(dataset.name).options.get("user", "")
            return read_users(plugins, Path(self.users_file), column)
        if self.users is None or (isinstance(self.users, str) and self.users == ALL):
            return self.users
        return parse_ids("--users", self.users)


@takes(RecommendQuery)
def recommend(query: RecommendQuery) -> Recommendation | Recommendations:
    """Recommend items to users of the dataset, or for a given history.

    The model is loaded from the results folder if `run` or an earlier call has stored it there.
    Otherwise it is trained now, and stored if it can be saved.

    Parameters
    ----------
    model : str, class, object, function, module or path
        A model: a name with options, such as "transformer:dim=128,layers=2", a class, an object
        such as Mine(dim=32), a function that builds one, a module, or the path of a .py file.
    dataset : str, path, pandas.DataFrame or Dataset, default: "ml-100k"
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned.
    user : str, int or None, default: None
        The user's id, as in the data. The whole sequence of the user is the history.
    items : str, sequence of str or int, or None, default: None
        A history instead of a user: item ids, oldest first, as a sequence or as "ID,ID,ID".
    k : int, default: 10
        Number of items to recommend.
    split : str, path, class, object or function, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, a class or object with `split`, or a function of (interactions).
    fit : {"split", "all"}, default: "split"
        Train on the training part of the split, or on all interactions of the dataset. The latter
        model is stored apart from those that `run` judges.
    seed : int, default: 0
        Random seed, for models that have one.
    device : str, default: "auto"
        Device of models that use torch: "auto", "cpu", "cuda" or "mps".
    timeout : float or None, default: None
        Time limit per model and seed, in seconds, for training and answers together.
    memory : int or None, default: None
        Memory limit per model, in megabytes. None allows 90% of the memory that is free.
    in_process : bool, default: False
        Run models in this process, without limits, to debug them.
    results : str, path or None, default: "results"
        Folder of stored results. Models that it holds are not trained again. None stores nothing.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    users : str, sequence of str or int, or None, default: None
        Many users: "all", or their ids, as a sequence or as "ID,ID,ID". Ids that the dataset does
        not have are left out and counted. The histories are whole sequences, with the targets of
        the split, so these lists cannot be evaluated as `recs` of `run`.
    users_file : str, path or None, default: None
        A file with the ids of many users: one per line, or a table with a column of users.
    new : str, path, pandas.DataFrame, Dataset or None, default: None
        A log with interactions that came after those of the dataset. They are added to the
        histories, also those of users that the dataset does not have. Without `user`, `users` and
        `users_file`, the lists are for the users of this log. It is read with the options of the
        dataset, unless it has options of its own: "more.csv:user=customer".
    output : str, path or None, default: None
        File to write the lists to: .csv, .parquet or .json.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Recommendation or Recommendations
        At most k items for one user or history, or for each of many users. Items of the history are
        left out if the dataset's option `repeats` is "first", the default.

    Raises
    ------
    UsageError
        If a name, an option, the user, an item or all of many users are unknown.
    RecbenchError
        If the model fails, or the file cannot be written.

    Examples
    --------
    >>> import recbench
    >>> found = recbench.recommend("popular", user=7, k=3, dataset="synthetic", results=None)
    >>> list(found.to_frame())
    ['rank', 'item', 'title', 'score']
    >>> found = recbench.recommend(
    ...     "popular", users="all", fit="all", k=3, dataset="synthetic", results=None
    ... )
    >>> len(found), len(found.to_frame())
    (1000, 3000)
    """
    is_one = query.user is not None or query.items is not None
    with query.prepared() as prepared:
        found: Recommendation | Recommendations
        if is_one:
            found = prepared.answer(PreparedQuery.recommendation)
        else:
            found = prepared.answer(_for_many)
    if query.output is not None:
        found.write(query.output)
        if isinstance(found, Recommendations):
            found = replace(found, written=str(query.output))
    return found


def _for_many(prepared: PreparedQuery, model: ModelHandle, origin: str) -> Recommendations:
    items, scores = prepared.lists(model)
    histories, k = prepared.histories, prepared.query.k
    notes, lengths = list(histories.notes), (items >= 0).sum(axis=1)
    n_short, n_empty = int((lengths < k).sum()), int((lengths == 0).sum())
    if n_short:
        none = f", and {n_empty:,} of them no item" if n_empty else ""
        has = "has" if n_short == 1 else "have"
        notes.append(f"{counted(n_short, 'user')} {has} fewer than {counted(k, 'item')}{none}")
    dataset, users = prepared.experiment.dataset, np.asarray(histories.users)
    return Recommendations(dataset, users, items, scores, origin, notes)
