"""Beside the flow: what one person should consume next, by one model."""

from __future__ import annotations

import contextlib
import csv
import functools
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Experiment
from recbench.models import checkpoint
from recbench.models.answers import AnswerCheck
from recbench.models.in_process import InProcessModel, build
from recbench.models.protocols import Scorer
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.results.result import Result
from recbench.spec import Spec
from recbench.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What `recommend` found.

    recipient: whom it is for, for people to read. history: item numbers that the model was shown,
    oldest first. items: recommended, best first. scores: the scores of `items`, or None where the
    model gives lists. origin: which model it was.
    """

    dataset: Dataset
    recipient: str
    history: Array
    items: Array
    scores: Array | None
    origin: str

    def to_frame(self) -> pd.DataFrame:
        """Columns rank, item (outside id), title and score, best first."""
        return self._frame(self.items).assign(score=np.nan if self.scores is None else self.scores)

    def history_frame(self) -> pd.DataFrame:
        """Columns item (outside id) and title, oldest first."""
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
    """What `recommend` and `explain` are asked: their arguments, declared once."""

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
    plugins: Plugins | None = None

    def prepare(self) -> PreparedQuery:
        """Load and split the data. Raises UsageError for unknown names and ids."""
        items = self.items
        if isinstance(items, str):
            items = [text.strip() for text in next(csv.reader([items])) if text.strip()]
        if (self.user is None) == (items is None) or (items is not None and not items):
            raise UsageError(
                'name a user (--user ID) or a history (--items "ID,ID,ID"), one of them'
            )
        if self.k < 1:
            raise UsageError(f"k must be a whole number from 1, not {self.k}")
        plugins = self.plugins or load_plugins()
        plugins.check("models", Spec.parse(self.model))
        experiment = Experiment.prepare(plugins, str(self.dataset), self.split, self.data_dir)
        if items is None:
            history = _history_of(experiment.dataset, str(self.user))
        else:
            history = _typed_history(experiment.dataset, [str(item) for item in items])
        return PreparedQuery(self, experiment, experiment.cell(self.model, self.seed), history)


def takes(arguments: Callable[P, T]) -> Callable[[Callable[[T], R]], Callable[P, R]]:
    """Have a function of one object be called with the arguments that the object is made of."""

    def decorate(function: Callable[[T], R]) -> Callable[P, R]:
        signature = inspect.signature(arguments)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            signature.bind(*args, **kwargs)  # raises TypeError, in the words of any function
            return function(arguments(*args, **kwargs))

        returned = inspect.signature(function).return_annotation
        call.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
        return call

    return decorate


@takes(Query)
def recommend(query: Query) -> Recommendation:
    """The k best items for a user of the dataset, or for a history given by hand.

    user: an outside id. items: outside ids, oldest first, in a list or with commas between,
        instead of a user.

    Where repeats are merged, items of the history are left out. The other arguments are those of
    `run`; the model is the one that `run` stored for them, or else it is trained now (and stored,
    if it can be).

    Raises UsageError for unknown names and ids, RecbenchError where the model fails.
    """
    prepared = query.prepare()
    with prepared.naming_the_model():
        model, origin = prepared.fitted_model()
        return prepared.recommendation(model, origin)


@dataclass(frozen=True, eq=False)
class PreparedQuery:
    """A query with the data that it takes.

    cell: which model it is about. history: one row, never empty.
    """

    query: Query
    experiment: Experiment
    cell: Result
    history: Interactions

    @property
    def model_name(self) -> str:
        """The model and its plugin, for errors."""
        return f"{self.cell.model} (plugin {self.cell.plugin})"

    @contextlib.contextmanager
    def naming_the_model(self) -> Iterator[None]:
        """Whatever the model raises in here becomes a RecbenchError that names it."""
        try:
            yield
        except RecbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise RecbenchError(f"{self.model_name} failed: {describe_error(error)}") from error

    def fitted_model(self, check: Callable[[Any], None] = lambda _: None) -> tuple[Any, str]:
        """The stored model, or one that is trained now, and which of the two it is.

        check: is shown the model before anything long is done, and raises if it is of no use.
        """
        experiment, cell = self.experiment, self.cell
        store = None if self.query.results is None else Store(self.query.results)
        name = f"{cell.model} on {cell.setting.dataset}, {cell.setting.split}"
        filled = {"seed": cell.seed, "device": self.query.device}
        model = build(experiment.plugins, cell.model, filled)
        check(model)
        if store is not None and store.model_folder(cell).is_dir():
            try:
                return model.load(store.model_folder(cell)), f"the stored model {name}"
            except Exception as error:  # a damaged model costs time, not the answer
                why = describe_error(error)
                log.warning("the stored model cannot be read (%s); it is trained again", why)
            model = build(experiment.plugins, cell.model, filled)
        log.info("no stored model: training %s", name)
        place = None if store is None else store.checkpoint(cell)
        handle = InProcessModel(model)
        began = time.perf_counter()
        try:
            handle.fit(experiment.split.train, place)
        except RecbenchError as error:
            raise RecbenchError(f"{self.model_name} failed: {describe_error(error)}") from error
        seconds = time.perf_counter() - began
        if store is not None and handle.storable:
            store.keep_model(cell, handle.save)
        if place is not None:
            checkpoint.remove(place)
        return model, f"a model trained now ({seconds:.1f} s), {name}"

    def recommendation(self, model: Any, origin: str) -> Recommendation:
        """What a fitted model recommends."""
        user, k = self.query.user, min(self.query.k, self.history.n_items)
        leave_out = self.experiment.setting.repeats == "first"
        items, scores = _best(model, self.history, k, leave_out, self.cell.model)
        return Recommendation(
            self.experiment.dataset,
            "a history typed by hand" if user is None else f"user {user}",
            self.history.items,
            items,
            scores,
            origin,
        )


def _history_of(dataset: Dataset, user: str) -> Interactions:
    """One row: all that the user consumed."""
    interactions = dataset.interactions
    rows = np.flatnonzero(interactions.users == dataset.user(user))
    if not len(rows):
        raise UsageError(f"user {user} has no events in {dataset.name}")
    return interactions.take(rows[:1])


def _typed_history(dataset: Dataset, items: Sequence[str]) -> Interactions:
    """One row: the items of somebody unknown (-1)."""
    return Interactions(
        users=np.array([-1]),
        items=np.array([dataset.item(item) for item in items]),
        offsets=np.array([0, len(items)]),
        n_users=dataset.interactions.n_users,
        n_items=dataset.interactions.n_items,
    )


def _best(
    model: Any, history: Interactions, k: int, leave_out: bool, name: str
) -> tuple[Array, Array | None]:
    """The k best items and their scores; equal scores go by item number."""
    check = AnswerCheck(name, history)
    if not isinstance(model, Scorer):
        items = check.lists(check.numbers("recommend", model.recommend(history, k)), k, leave_out)[
            0
        ]
        return items[items >= 0], None
    scores = check.scores(check.numbers("score", model.score(history)))[0].astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise check.broken(f"score {scores[bad[0]]} for item number {bad[0]}")
    if leave_out:
        scores[history.items] = -np.inf
    best = np.argsort(-scores, kind="stable")[:k]
    best = best[scores[best] > -np.inf]
    return best, scores[best]
