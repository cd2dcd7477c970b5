"""Outside the flow: recommend items to one user, with one model."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from recbench.arguments import check_arguments
from recbench.data.dataset import Dataset, quoted
from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Experiment, Host, model_host
from recbench.models import checkpoint
from recbench.models.answers import AnswerCheck
from recbench.models.protocols import ModelHandle, Traits
from recbench.plugins import Plugins, current_plugins
from recbench.progress import log
from recbench.results.result import Result
from recbench.source import has_source
from recbench.spec import Spec
from recbench.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Recommendation:
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

    def _frame(self, items: Array) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(
            {
                "rank": np.arange(1, len(items) + 1),
                "item": [self.dataset.item_ids[item] for item in items],
                "title": [self.dataset.title(item) for item in items],
            }
        )


@dataclass(frozen=True)
class Query:
    """The arguments of `recommend` and `explain`, declared once."""

    model: str
    _: KW_ONLY
    user: str | int | None = None
    items: str | Sequence[str | int] | None = None
    k: int = 10
    dataset: str | Path = "ml-100k"
    split: str = "leave-last-out"
    seed: int = 0
    device: str = "auto"
    results: str | Path | None = "results"
    data_dir: str | None = None
    timeout: float | None = None
    memory: int | None = None
    in_process: bool = False
    plugins: Plugins | None = None

    @contextlib.contextmanager
    def prepared(self) -> Iterator[PreparedQuery]:
        """Load and split the data, and start what runs models, until the context ends.

        Raises UsageError for unknown names and ids.
        """
        items = self.items
        if isinstance(items, str):
            try:
                items = [text.strip() for text in next(csv.reader([items])) if text.strip()]
            except csv.Error:
                raise UsageError(
                    f"--items {quoted(items)} cannot be read; write ids on one line, separated by "
                    "commas"
                ) from None
        if (self.user is None) == (items is None) or (items is not None and not items):
            both = self.user is not None and items is not None
            raise UsageError(
                'name a user (--user ID) or a history (--items "ID,ID,ID")'
                f"{', but not both' if both else ''}"
            )
        check_arguments([self.k], [self.seed], self.device, self.timeout, self.memory)
        plugins = current_plugins(self.plugins)
        plugins.check("models", Spec.parse(self.model))
        with model_host(plugins, self.timeout, self.memory, in_process=self.in_process) as host:
            experiment = Experiment.prepare(plugins, str(self.dataset), self.split, self.data_dir)
            if items is None:
                history = _history_of(experiment.dataset, str(self.user))
            else:
                history = _typed_history(experiment.dataset, [str(item) for item in items])
            cell = experiment.cell(
                self.model, self.seed, self.device, isolated=host.isolates(self.model)
            )
            yield PreparedQuery(self, experiment, cell, history, host)


def takes(arguments: Callable[P, T]) -> Callable[[Callable[[T], R]], Callable[P, R]]:
    """Turn a function of one object into a function of the arguments that make the object."""

    def decorate(function: Callable[[T], R]) -> Callable[P, R]:
        signature = inspect.signature(arguments)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            signature.bind(*args, **kwargs)  # raises the usual TypeError for wrong arguments
            return function(arguments(*args, **kwargs))

        returned = inspect.signature(function).return_annotation
        call.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
        return call

    return decorate


@takes(Query)
def recommend(query: Query) -> Recommendation:
    """Recommend items to a user of the dataset, or for a given history.

    The model is loaded from the results folder if `run` or an earlier call has stored it there.
    Otherwise it is trained now, and stored if it can be saved.

    Parameters
    ----------
    model : str
        A model with options, such as "transformer" or "transformer:dim=128,layers=2".
    user : str, int or None, default: None
        The user's id in the dataset. The whole sequence of the user is the history.
    items : str, sequence of str or int, or None, default: None
        A history instead of a user: item ids of the dataset, oldest first, as a sequence or as
        "ID,ID,ID".
    k : int, default: 10
        How many items to recommend.
    dataset : str or path, default: "ml-100k"
        A dataset, or the path of a log, with options: "log.csv:user=customer,item=product".
    split : str, default: "leave-last-out"
        The splitter that decides what the model is trained on.
    seed : int, default: 0
        Random seed, for a model that has one.
    device : str, default: "auto"
        Device of models that use torch: "auto", "cpu", "cuda" or "mps".
    results : str, path or None, default: "results"
        Folder of stored results and models. None neither reads nor stores a model.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    timeout : float or None, default: None
        Time limit for the model, in seconds.
    memory : int or None, default: None
        Memory limit for the model, in megabytes. None allows 90% of the memory that is free.
    in_process : bool, default: False
        Run the model in this process, for a debugger. There are then no limits.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Recommendation
        At most k items. Items of the history are left out if the dataset's option `repeats` is
        "first", the default.

    Raises
    ------
    UsageError
        If a name, an option, the user or an item is unknown.
    RecbenchError
        If the model fails.

    Examples
    --------
    >>> import recbench
    >>> found = recbench.recommend("popular", user=7, k=3, dataset="synthetic", results=None)
    >>> list(found.to_frame())
    ['rank', 'item', 'title', 'score']
    """
    with query.prepared() as prepared:
        return prepared.answer(PreparedQuery.recommendation)


@dataclass(frozen=True, eq=False)
class PreparedQuery:
    """A query with its data.

    cell: identifies the model. history: one row, never empty. host: runs the model.
    """

    query: Query
    experiment: Experiment
    cell: Result
    history: Interactions
    host: Host

    @property
    def model_name(self) -> str:
        """The model and its plugin, for errors."""
        return f"{self.cell.model} (plugin {self.cell.plugin})"

    def answer(
        self,
        question: Callable[[PreparedQuery, ModelHandle, str], T],
        check: Callable[[PreparedQuery, Traits], None] = lambda *_: None,
    ) -> T:
        """Call `question` with the fitted model and a text that says where it is from.

        The model is the stored one or, if there is none, one that is trained now.

        check: called with what the model can do before any long work; raises if that is too little.
        """
        name = f"{self.cell.model} (split {self.cell.setting.split})"
        store = None if self.query.results is None else Store(self.query.results)
        is_known = has_source(self.cell.model_version)  # else nothing is used again
        metadata, folder = self.experiment.dataset.metadata, None
        if store is not None and is_known:
            folder = store.find_model(self.cell, metadata)
        loaded = False
        if folder is not None:
            try:
                with self._model(check) as model:
                    model.load(folder)
                    loaded = True
                    return question(self, model, f"{name}, loaded from the results folder")
            except RecbenchError as error:
                if loaded or isinstance(error, UsageError):
                    raise
                log.warning(
                    "the stored model cannot be loaded: %s. Training it again",
                    describe_error(error),
                )
        self.host.share(self.experiment.split.train)
        with self._model(check) as model:
            log.info("there is no stored model: training %s", name)
            place = store.checkpoint(self.cell) if store is not None and is_known else None
            seconds = model.fit(self.experiment.split.train, place).seconds
            answer = question(self, model, f"{name}, trained now in {seconds:.1f} s")
            if store is not None and is_known and model.traits.storable:
                reads = metadata.digests(model.reads)
                store.keep_model(dataclasses.replace(self.cell, reads=reads), model.save)
        if place is not None:
            checkpoint.remove(place)
        return answer

    @contextlib.contextmanager
    def _model(self, check: Callable[[PreparedQuery, Traits], None]) -> Iterator[ModelHandle]:
        """Start the model, for as long as the context. Errors name it."""
        filled = {"seed": self.cell.seed, "device": self.query.device}
        try:
            with self.host.cell(self.cell.model, filled) as model:
                check(self, model.traits)
                yield model
        except UsageError:
            raise
        except (Exception, SystemExit) as error:
            reason = describe_error(error)
            if reason.startswith(self.model_name):
                raise
            raise RecbenchError(f"{self.model_name} failed: {reason}") from error

    def recommendation(self, model: ModelHandle, origin: str) -> Recommendation:
        """Return what a fitted model recommends."""
        user, k = self.query.user, min(self.query.k, self.history.n_items)
        items, scores = self._best(model, k)
        return Recommendation(
            self.experiment.dataset,
            "the given history" if user is None else f"user {user}",
            self.history.items,
            items,
            scores,
            origin,
        )

    def _best(self, model: ModelHandle, k: int) -> tuple[Array, Array | None]:
        """Return the k best items and their scores. Equal scores are ordered by item number."""
        leave_out = self.experiment.setting.repeats == "first"
        check = AnswerCheck(self.model_name, self.history, self.experiment.dataset.user_ids)
        if not model.traits.scores:
            with check.naming_the_user():
                lists = model.recommend(self.history, k)
            items = check.lists(lists, k, leave_out)[0]
            return items[items >= 0], None
        with check.naming_the_user():
            answer = model.score(self.history)
        scores = check.scores(answer)[0].astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(scores))
        if len(bad):
            raise check.not_finite(scores[bad[0]], int(bad[0]))
        if leave_out:
            scores[self.history.items] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        best = best[scores[best] > -np.inf]
        return best, scores[best]


def _history_of(dataset: Dataset, user: str) -> Interactions:
    """Return one row: the sequence of a user."""
    interactions = dataset.interactions
    rows = np.flatnonzero(interactions.users == dataset.user(user))
    if not len(rows):
        raise UsageError(f"user {user} has no interactions in {dataset.name}")
    return dataclasses.replace(interactions.take(rows[:1]), parts=None)


def _typed_history(dataset: Dataset, items: Sequence[str]) -> Interactions:
    """Return one row: the given items, of an unknown user (-1)."""
    return Interactions(
        users=np.array([-1]),
        items=np.array([dataset.item(item) for item in items]),
        offsets=np.array([0, len(items)]),
        n_users=dataset.interactions.n_users,
        n_items=dataset.interactions.n_items,
    )
