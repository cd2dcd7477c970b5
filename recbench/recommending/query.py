"""Outside the flow: a question to one model, with its data, as `recommend` and `explain` ask."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from recbench.arguments import check_arguments, with_names_checked
from recbench.code.source import has_source
from recbench.data.dataset import Dataset
from recbench.data.interactions import Array, Interactions
from recbench.data.load import Data
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Experiment, Host, load_and_log, model_host
from recbench.given.models import with_model
from recbench.models import checkpoint
from recbench.models.answers import BYTES_PER_SCORE, MEMORY, AnswerCheck
from recbench.models.protocols import ModelHandle, Traits
from recbench.plugins import Plugins, current_plugins
from recbench.progress import Bar, log
from recbench.recommending.fit_all import fitted_on_all
from recbench.recommending.histories import (
    Histories,
    history_of_items,
    history_of_user,
    parse_ids,
)
from recbench.recommending.recommendations import Recommendation
from recbench.results.result import Result
from recbench.spec import Spec
from recbench.store.store import Store

BATCH = MEMORY // 4
"""The most memory, in bytes, for the scores of one batch of users."""

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Query:
    """The arguments of `explain` and `attention`, declared once; `recommend` has more."""

    model: Any
    dataset: Data = "ml-100k"
    _: KW_ONLY
    user: str | int | None = None
    items: str | Sequence[str | int] | None = None
    k: int = 10
    split: Any = "leave-last-out"
    fit: str = "split"
    seed: int = 0
    device: str = "auto"
    timeout: float | None = None
    memory: int | None = None
    in_process: bool = False
    results: str | Path | None = "results"
    data_dir: str | None = None
    plugins: Plugins | None = None

    @contextlib.contextmanager
    def prepared(self) -> Iterator[PreparedQuery]:
        """Load and split the data, and start what runs models, until the context ends.

        Raises UsageError for unknown names and ids.
        """
        self.check()
        if self.items is not None:
            self._item_ids()
        if self.fit not in ("split", "all"):
            raise UsageError(f"--fit {self.fit} is neither split nor all; choose one of them")
        check_arguments([self.k], [self.seed], self.device, self.timeout, self.memory)
        plugins, model = with_model(current_plugins(self.plugins), self.model)
        plugins.check("models", Spec.parse(model))
        with model_host(plugins, self.timeout, self.memory, in_process=self.in_process) as host:
            if self.fit == "all":
                data = load_and_log(plugins, self.dataset, self.data_dir, log_notes=True)
                experiment = fitted_on_all(plugins, data)
            else:
                experiment = Experiment.prepare(plugins, self.dataset, self.split, self.data_dir)
            histories = self.histories(plugins, experiment.dataset)
            isolated = host.isolates(model)
            cell = experiment.cell(model, self.seed, self.device, isolated=isolated)
            yield PreparedQuery(self, experiment, cell, histories, host)

    def check(self) -> None:
        """Raise UsageError unless there is either a user or a history."""
        given = [value for value in (self.user, self.items) if value is not None]
        if len(given) != 1:
            raise UsageError(
                'name a user (--user ID) or a history (--items "ID,ID,ID")'
                f"{', but not both' if given else ''}"
            )

    def histories(self, plugins: Plugins, dataset: Dataset) -> Histories:  # noqa: ARG002
        """Return the histories that the model is asked about."""
        if self.items is None:
            return history_of_user(dataset, str(self.user), dataset)
        return history_of_items(dataset, self._item_ids())

    def _item_ids(self) -> list[str]:
        """Return the given items. Raises UsageError if there are none."""
        items = parse_ids("--items", self.items)
        if not items:
            raise UsageError('name at least one item of the history: --items "ID,ID,ID"')
        return items


def takes(arguments: Callable[P, T]) -> Callable[[Callable[[T], R]], Callable[P, R]]:
    """Turn a function of one object into a function of the arguments that make the object."""

    def decorate(function: Callable[[T], R]) -> Callable[P, R]:
        signature = inspect.signature(arguments)
        ordered = sorted(signature.parameters.values(), key=lambda each: each.name == "plugins")

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:  # it does not tell the function
                raise TypeError(f"recbench.{function.__name__}: {error}") from None
            return function(arguments(*args, **kwargs))

        returned = inspect.signature(function).return_annotation
        call.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=ordered, return_annotation=returned
        )
        return with_names_checked(call)

    return decorate


@dataclass(frozen=True, eq=False)
class PreparedQuery:
    """A query with its data.

    cell: identifies the model. histories: what it is asked about. host: runs it.
    """

    query: Query
    experiment: Experiment
    cell: Result
    histories: Histories
    host: Host

    @property
    def history(self) -> Interactions:
        """One sequence for each list to make, never empty."""
        return self.histories.rows

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
        fitted = f"split {self.cell.setting.split}"
        if self.query.fit == "all":
            fitted = "fitted on all interactions, so no number of a table belongs to it"
        name = f"{self.cell.model} ({fitted})"
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
        kept = store if store is not None and is_known else None
        return self._train(question, check, name, kept)

    def _train(
        self,
        question: Callable[[PreparedQuery, ModelHandle, str], T],
        check: Callable[[PreparedQuery, Traits], None],
        name: str,
        store: Store | None,
    ) -> T:
        """Train the model, save it, and then call `question`, which may be interrupted.

        name: of the model, as `question` gets it. store: None saves nothing.
        """
        train, metadata = self.experiment.split.train, self.experiment.dataset.metadata
        self.host.share(train)
        with self._model(check) as model:
            log.info("there is no stored model: training %s", name)
            place = None if store is None else store.checkpoint(self.cell)
            seconds = model.fit(train, place).seconds
            if store is not None and model.traits.storable:
                reads = metadata.digests(model.reads)
                store.keep_model(dataclasses.replace(self.cell, reads=reads), model.save)
            if model.peak_memory is None:  # it still runs
                answer = question(self, model, f"{name}, trained now in {seconds:.1f} s")
                if place is not None:
                    checkpoint.remove(place)
                return answer
        return self._train(question, check, name, None)  # saving has ended its process

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
        """Return what a fitted model recommends for the only history."""
        items, scores = self.lists(model)
        listed = items[0][items[0] >= 0]
        users = self.histories.users
        user = None if users is None else users.tolist()[0]
        return Recommendation(
            self.experiment.dataset,
            "the given history" if user is None else f"user {user}",
            self.history.items,
            listed,
            None if scores is None else scores[0, : len(listed)],
            origin,
            user,
            self.histories.notes,
        )

    def lists(self, model: ModelHandle) -> tuple[Array, Array | None]:
        """Return (rows, k) item numbers, -1 at the end of short lists, and their scores.

        The model is asked batch by batch, and what it returns is checked as the referee does.
        """
        n_rows, n_items = len(self.history), self.history.n_items
        k = min(self.query.k, n_items)
        items = np.empty((n_rows, k), dtype=np.int32)
        scores = np.empty((n_rows, k)) if model.traits.scores else None
        start, size = 0, max(1, BATCH // (BYTES_PER_SCORE * n_items))
        with Bar(self.cell.model, total=n_rows, unit="user") as bar:
            for batch in self.history.batches(size):
                part = slice(start, start + len(batch))
                items[part], best = self._lists_of(model, batch, part, k)
                if scores is not None:
                    scores[part] = best
                bar.step(len(batch))
                start += len(batch)
        return items, scores

    def _lists_of(
        self, model: ModelHandle, batch: Interactions, part: slice, k: int
    ) -> tuple[Array, Array | None]:
        """Return the lists of a batch, and their scores; equal scores by item number."""
        leave_out, ids = self.experiment.setting.repeats == "first", self.histories.users
        named = batch
        if ids is not None:  # also for users that the dataset does not have
            named = dataclasses.replace(batch, users=np.arange(len(batch)), n_users=len(batch))
        check = AnswerCheck(self.model_name, named, None if ids is None else ids[part])
        with check.naming_the_user():
            if model.traits.scores:
                numbers, scores = model.top(batch, k, leave_out=leave_out)
            else:
                numbers, scores = model.recommend(batch, k), None
        if scores is not None:
            numbers = np.nan_to_num(numbers, nan=-2).astype(np.int64)  # -2 is refused below
            for row, place in np.argwhere((numbers >= 0) & ~np.isfinite(scores))[:1].tolist():
                raise check.not_finite(scores[row, place], int(numbers[row, place]), row)
        return check.lists(numbers, k, leave_out), scores
