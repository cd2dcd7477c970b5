"""Steps 1 to 4 for one cell: a prepared dataset and split, and the trial of a model on it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from recbench.data.candidates import draw_candidates
from recbench.data.dataset import Dataset, outside_ids
from recbench.data.interactions import Array, Column, Columns
from recbench.data.leakage import leakage, n_unjudged_users
from recbench.data.load import load_dataset
from recbench.data.split import Split, make_split
from recbench.errors import RecbenchError, counted, describe_error
from recbench.evaluation.metrics import measure_all, no_values, valid_metrics
from recbench.evaluation.ranking import Metric, Ranking
from recbench.evaluation.referee import PROTOCOL, Evaluation, rank_answers
from recbench.isolation.runner import AVAILABLE, IsolatedHost
from recbench.models.answers import Answers
from recbench.models.in_process import InProcessHost
from recbench.models.protocols import FitReport, ModelHandle
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.results.result import Result, Setting
from recbench.results.segments import popularity_segment
from recbench.spec import Spec, seed_of
from recbench.store.provenance import provenance
from recbench.store.store import Store

Host = IsolatedHost | InProcessHost
"""What runs models: in a separate process each, or in this one."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """A dataset and a split of it, the same for every model of a comparison.

    pool: (cases, n) the candidates; None if targets are ranked among all items.
    dataset_text: the dataset as the user named it.
    """

    plugins: Plugins
    dataset: Dataset
    split: Split
    setting: Setting
    pool: Array | None = None
    dataset_text: str = ""

    @classmethod
    def prepare(
        cls,
        plugins: Plugins,
        dataset: str,
        split: str,
        data_dir: str | None = None,
        candidates: str | None = None,
    ) -> Self:
        """Load a dataset, log the notes on how it was read, and split it.

        Raises UsageError for wrong names and RecbenchError for broken data.
        """
        data = load_and_log(plugins, dataset, data_dir, log_notes=True)
        return cls.of(plugins, data, split, candidates, dataset)

    @classmethod
    def of(
        cls,
        plugins: Plugins,
        dataset: Dataset,
        split_text: str,
        candidates: str | None = None,
        dataset_text: str = "",
    ) -> Self:
        """Split a dataset that is already loaded. Raises as `prepare` does."""
        split_name, split = make_split(plugins, dataset, split_text)
        judged = split.judged
        if not len(judged):
            raise RecbenchError(
                f"{dataset.name}, {split_name}: there is no case to judge, because the users' "
                "sequences are too short. Use more data or another --split"
            )
        pool, candidates_name = None, ""
        if candidates:
            mask_seen = dataset.repeats == "first"
            candidates_name, pool = draw_candidates(candidates, split, mask_seen)
        users = split.history.users[judged]
        interactions = dataset.interactions
        setting = Setting(
            dataset=dataset.name,
            dataset_sha256=dataset.fingerprint(),
            split=split_name,
            split_sha256=split.fingerprint(),
            protocol=PROTOCOL,
            repeats=dataset.repeats,
            n_users=interactions.n_users,
            n_items=interactions.n_items,
            n_interactions=interactions.n_interactions,
            n_judged_users=len(np.unique(users[users >= 0])) + int(np.count_nonzero(users < 0)),
            n_cases=len(judged),
            order=dataset.order,
            source=dataset.source,
            licence=dataset.licence,
            citation=dataset.citation,
            notes=(*dataset.notes, *split.notes),
            candidates=candidates_name,
            candidates_sha256="" if pool is None else hashlib.sha256(pool.tobytes()).hexdigest(),
            n_unjudged_users=n_unjudged_users(interactions, split),
            **dataclasses.asdict(leakage(interactions, split)),
        )
        return cls(plugins, dataset, split, setting, pool, dataset_text)

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Every metric that meets the contract; the log names the others once."""
        return valid_metrics(self.plugins)

    @cached_property
    def users(self) -> Array:
        """(cases,) the dataset's own id of each case's user, "" for an unknown user."""
        return outside_ids(self.dataset.user_ids, self.split.history.users[self.split.judged])

    def cells(self, models: Sequence[str], seeds: Sequence[int]) -> list[Result]:
        """Return a cell for each model and seed, and a single one for a model without a seed."""
        cells = [self.cell(model, seed) for model in models for seed in seeds]
        return list({cell.key: cell for cell in cells}.values())

    def cell(self, model: str, seed: int) -> Result:
        """Return the cell of a model and seed, before it is run."""
        spec = Spec.parse(model)
        if self.plugins.why_missing(spec.name):
            return self.blank(str(spec), "", "", None)
        offer = self.plugins.check("models", spec)
        own_seed = seed_of(offer.factory, spec, seed)
        name = str(Spec(offer.name, spec.options))
        return self.blank(name, offer.source_version(), offer.plugin, own_seed)

    def blank(self, model: str, version: str, plugin: str, seed: int | None) -> Result:
        """Return a cell of this comparison without numbers."""
        key = self.setting.comparison_key
        identity = (*map(str, key), self.setting.repeats, model, version, seed)
        return Result(
            key=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
            model=model,
            model_version=version,
            plugin=plugin,
            seed=seed,
            setting=self.setting,
            status="failed: not run yet",
            values={},
        )

    def judge(self, cell: Result, host: Host, ks: Sequence[int], device: str) -> Result:
        """Run a cell, and store nothing."""
        with Trial(self, cell, host, ks, device) as trial:
            trial.fit()
            trial.score()
            trial.evaluate()
        return trial.result

    def measure(
        self, cell: Result, ranking: Ranking, ks: Sequence[int], **costs: Any
    ) -> tuple[Result, Columns]:
        """Return the result of a ranking, and its columns for the store."""
        values, measured = measure_all(self.metrics, ranking, ks, self.users, cell.values)
        columns = {"user": self.users, **self._segments, **ranking.columns(), **measured}
        values = {**cell.values, **values}
        return self.finished(cell, status="ok", values=values, **costs), columns

    def failed(self, cell: Result, reason: str, ks: Sequence[int]) -> Result:
        """Return the result of a cell that failed."""
        return self.finished(cell, status=f"failed: {reason}", values=no_values(self.metrics, ks))

    def ranking(self, stored: Ranking) -> Ranking:
        """Return a stored ranking with the popularity of items, which metrics may need."""
        return dataclasses.replace(stored, popularity=self.split.train.popularity)

    def finished(self, cell: Result, **found: Any) -> Result:
        """Return the cell with its numbers or failure, its provenance and the time."""
        name = Spec.parse(cell.model).name
        offer = next(
            (
                offer
                for offer in self.plugins.offers("models")
                if (offer.name, offer.plugin) == (name, cell.plugin)
            ),
            None,
        )
        return dataclasses.replace(
            cell,
            provenance={**provenance(offer), "dataset": self.dataset_text or self.dataset.name},
            finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
            **found,
        )

    @property
    def _segments(self) -> dict[str, Column]:
        """Return columns for segments: the length of each history, how popular each target is."""
        targets, offsets = self.split.judged_targets
        segment = popularity_segment(self.split.train.popularity, targets)
        return {
            "history": self.split.history.lengths[self.split.judged],
            "segment": segment if self.split.offsets is None else (segment, offsets),
        }


class Trial:
    """The run of one cell: `fit`, `score` and `evaluate`, in that order.

    Use as a context manager. The model lives until the context ends, where the host runs it. Errors
    in the context are not raised: they become the status of the result.

    result: the result, once the context has ended. columns: one row per case, for the store.
    """

    result: Result
    columns: Columns

    def __init__(
        self, experiment: Experiment, cell: Result, host: Host, ks: Sequence[int], device: str
    ) -> None:
        self.experiment, self.cell, self.host = experiment, cell, host
        self.ks, self.device = ks, device
        self._name = f"{cell.model} (plugin {cell.plugin})"
        self._open = contextlib.ExitStack()
        self._model: ModelHandle
        self._report: FitReport
        self._fit_seconds = math.nan
        self._answers: Answers
        self._evaluation: Evaluation

    def __enter__(self) -> Self:
        return self

    def fit(self, checkpoint: Path | None = None) -> None:
        """Start the model, and train it.

        checkpoint: the folder for a checkpoint, from which a later run can resume.
        """
        why_missing = self.experiment.plugins.why_missing(Spec.parse(self.cell.model).name)
        if why_missing:
            raise RecbenchError(why_missing)
        log.info("%s: fitting on %s", self.cell.label, self.cell.setting.dataset_title)
        options = {"seed": self.cell.seed, "device": self.device}
        self.host.share(self.experiment.split.train)
        self._model = self._open.enter_context(self.host.cell(self.cell.model, options))
        began = time.perf_counter()
        self._report = self._model.fit(self.experiment.split.train, checkpoint)
        if not self._report.resumed:  # the time of the earlier runs is unknown
            self._fit_seconds = time.perf_counter() - began

    def score(self) -> None:
        """Prepare the model's answers, which `evaluate` requests batch by batch."""
        setting, split = self.cell.setting, self.experiment.split
        log.info("%s: scoring %s", self.cell.label, counted(setting.n_cases, "case"))
        self._answers = Answers(
            self._model,
            split,
            mask_seen=setting.repeats == "first",
            depth=min(max(self.ks), setting.n_items),
            ask_again=True,
            name=self._name,
            user_ids=self.experiment.dataset.user_ids,
        )

    def evaluate(self) -> None:
        """Rank the targets by the model's answers."""
        self._evaluation = rank_answers(self._answers, self.experiment.pool)

    def keep_model(self, store: Store | None) -> None:
        """Store the fitted model, if it can save itself."""
        if store is not None and self._model.storable:
            store.keep_model(self.cell, self._model.save)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """End the model, which may show a further failure, and make the result."""
        try:
            self._open.__exit__(kind, error, trace)
            if error is not None:
                raise error  # noqa: TRY301  handled like a failure of the end
        except (Exception, SystemExit) as failure:
            log.debug("%s failed", self.cell.model, exc_info=True)
            reason = describe_error(failure)
            if self.cell.plugin and not reason.startswith(self._name):
                reason = f"{self._name}: {reason}"
            self.result = self.experiment.failed(self.cell, reason, self.ks)
            self.columns = {}
        else:
            self.result, self.columns = self._measure()
        return True

    def _measure(self) -> tuple[Result, Columns]:
        return self.experiment.measure(
            self.cell,
            self._evaluation.ranking,
            self.ks,
            depth=self._evaluation.depth,
            fit_seconds=self._fit_seconds,
            score_seconds=self._evaluation.score_seconds,
            peak_memory=self._model.peak_memory,
            parameters=self._report.n_parameters,
        )


def load_and_log(
    plugins: Plugins, text: str, data_dir: str | None = None, *, log_notes: bool
) -> Dataset:
    """Load a dataset, and log its size and the notes on it.

    log_notes: False if the notes are shown with the results; then only their number is logged.
    """
    dataset = load_dataset(text, data_dir, plugins)
    name, data, notes = dataset.short_name, dataset.interactions, dataset.notes
    size = f"{data.n_users:,} users, {data.n_items:,} items, {data.n_interactions:,} interactions"
    if log_notes or not notes:
        log.info("%s: %s", name, size)
    elif len(notes) == 1:
        log.info("%s: %s; 1 note on the data (--verbose shows it)", name, size)
    else:
        log.info("%s: %s; %d notes on the data (--verbose shows them)", name, size, len(notes))
    for note in notes if log_notes else ():
        log.info("%s: %s", name, note)
    return dataset


def model_host(
    plugins: Plugins,
    timeout: float | None = None,
    memory: int | None = None,
    *,
    in_process: bool = False,
) -> Host:
    """Return the host that runs models: in separate processes where the system allows it.

    timeout, memory: the limits of one cell, in seconds and megabytes.
    """
    if AVAILABLE and not in_process:
        return IsolatedHost(plugins, timeout, None if memory is None else memory * 2**20)
    if not in_process:
        log.warning(
            "models run in this process, without limits on time and memory: isolating them needs "
            "Linux"
        )
    elif timeout is not None or memory is not None:
        log.warning("--timeout and --memory have no effect on models that run in this process")
    return InProcessHost(plugins)
