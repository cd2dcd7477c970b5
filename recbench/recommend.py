"""Beside the flow: what one person should consume next, by one model."""

from __future__ import annotations

import contextlib
import csv
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Experiment, keep_model
from recbench.models.answers import AnswerCheck, checked_lists, checked_scores
from recbench.models.checkpoint import fit, forget
from recbench.models.in_process import build
from recbench.models.protocols import Scorer, Storable
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.results.result import Result
from recbench.spec import Spec
from recbench.store.store import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What `recommend` found.

    history: item numbers that the model was shown, oldest first. items: recommended, best first.
    scores: the scores of `items`, or None where the model gives lists. origin: which model it was.
    """

    dataset: Dataset
    who: str
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


def recommend(
    model: str,
    *,
    user: str | int | None = None,
    items: str | Sequence[str | int] | None = None,
    k: int = 10,
    dataset: str | Path = "ml-100k",
    split: str = "leave-last-out",
    seed: int = 0,
    device: str = "auto",
    results: str | Path | None = "results",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Recommendation:
    """The k best items for a user of the dataset, or for a history given by hand.

    user: an outside id. items: outside ids, oldest first, in a list or with commas between,
        instead of a user.

    Where repeats are merged, items of the history are left out. The other arguments are those of
    `run`; the model is the one that `run` stored for them, or else it is trained now (and stored,
    if it can be).

    Raises UsageError for unknown names and ids, RecbenchError where the model fails.
    """
    query = Query.of(model, user, items, k, str(dataset), split, seed, data_dir, plugins)
    with query.named():
        fitted, origin = query.fitted(device, results)
        return query.recommendation(fitted, origin)


@dataclass(frozen=True, eq=False)
class Query:
    """What is asked of which model about whom, with the data that it takes.

    who: the person, for people to read. history: one row, never empty. k: how many items.
    """

    experiment: Experiment
    cell: Result
    who: str
    history: Interactions
    k: int

    @classmethod
    def of(
        cls,
        model: str,
        user: str | int | None,
        items: str | Sequence[str | int] | None,
        k: int,
        dataset: str,
        split: str,
        seed: int,
        data_dir: str | None,
        plugins: Plugins | None,
    ) -> Query:
        """The arguments of `recommend`, read and checked; the data are loaded and split here."""
        if isinstance(items, str):
            items = [one.strip() for one in next(csv.reader([items])) if one.strip()]
        if (user is None) == (items is None) or (items is not None and not items):
            raise UsageError(
                'name a user (--user ID) or a history (--items "ID,ID,ID"), one of them'
            )
        if k < 1:
            raise UsageError(f"k must be a whole number from 1, not {k}")
        plugins = plugins or load_plugins()
        plugins.check("models", Spec.parse(model))
        experiment = Experiment.prepare(plugins, dataset, split, data_dir)
        history = _history(experiment.dataset, user, items)
        who = f"user {user}" if items is None else "a history typed by hand"
        return cls(experiment, experiment.cell(model, seed), who, history, k)

    @property
    def name(self) -> str:
        """The model and its plugin, for errors."""
        return f"{self.cell.model} (plugin {self.cell.plugin})"

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Whatever the model raises in here becomes a RecbenchError that names it."""
        try:
            yield
        except RecbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise RecbenchError(f"{self.name} failed: {describe_error(error)}") from error

    def fitted(
        self,
        device: str,
        results: str | Path | None,
        able: Callable[[Any], None] = lambda _: None,
    ) -> tuple[Any, str]:
        """The stored model, or one that is trained now, and which of the two it is.

        able: is shown the model before anything long is done, and raises if it is of no use.
        """
        experiment, cell = self.experiment, self.cell
        store = None if results is None else Store(results)
        of = f"{cell.model} on {cell.setting.dataset}, {cell.setting.split}"
        filled = {"seed": cell.seed, "device": device}
        model = build(experiment.plugins, cell.model, filled)
        able(model)
        if store is not None and store.model_folder(cell).is_dir():
            try:
                return model.load(store.model_folder(cell)), f"the stored model {of}"
            except Exception as error:  # a damaged model costs time, not the answer
                why = describe_error(error)
                log.warning("the stored model cannot be read (%s); it is trained again", why)
            model = build(experiment.plugins, cell.model, filled)
        log.info("no stored model: training %s", of)
        place = None if store is None else store.checkpoint(cell)
        began = time.perf_counter()
        try:
            fit(model, experiment.split.train, place)
        except RecbenchError as error:
            raise RecbenchError(f"{self.name} failed: {describe_error(error)}") from error
        seconds = time.perf_counter() - began
        if store is not None and isinstance(model, Storable):
            keep_model(cell, store.write_model, model.save)
        if place is not None:
            forget(place)
        return model, f"a model trained now ({seconds:.1f} s), {of}"

    def recommendation(self, model: Any, origin: str) -> Recommendation:
        """What a fitted model recommends."""
        leave_out = self.experiment.setting.repeats == "first"
        best, scores = _best(model, self.history, self.k, leave_out, self.cell.model)
        return Recommendation(
            self.experiment.dataset, self.who, self.history.items, best, scores, origin
        )


def _history(
    dataset: Dataset, user: str | int | None, items: Sequence[str | int] | None
) -> Interactions:
    """One row: all that the user consumed, or the typed items of somebody unknown (-1)."""
    log_ = dataset.interactions
    if items is None:
        rows = np.flatnonzero(log_.users == dataset.user(str(user)))
        if not len(rows):
            raise UsageError(f"user {user} has no events in {dataset.name}")
        return log_.take(rows[:1])
    typed = [dataset.item(str(one)) for one in items]
    return Interactions(
        users=np.array([-1]),
        items=np.array(typed),
        offsets=np.array([0, len(typed)]),
        n_users=log_.n_users,
        n_items=log_.n_items,
    )


def _best(
    model: Any, history: Interactions, k: int, leave_out: bool, name: str
) -> tuple[Array, Array | None]:
    """The k best items and their scores; equal scores go by item number."""
    k = min(k, history.n_items)
    rules = AnswerCheck(name, history, None)
    if not isinstance(model, Scorer):
        listed = checked_lists(model.recommend(history, k), k, leave_out, rules)[0]
        return listed[listed >= 0], None
    scores = checked_scores(model.score(history), rules)[0].astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise rules.broken(f"score {scores[bad[0]]} for item number {bad[0]}")
    if leave_out:
        scores[history.items] = -np.inf
    best = np.argsort(-scores, kind="stable")[:k]
    best = best[scores[best] > -np.inf]
    return best, scores[best]
