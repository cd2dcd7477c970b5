"""Steps 3 to 5 for one cell: fit a model, score with it and evaluate it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from recbench.code.source import has_source
from recbench.data.interactions import Columns
from recbench.errors import RecbenchError, counted, describe_error
from recbench.evaluation.referee import rank_answers
from recbench.experiment import Experiment, Host
from recbench.models.answers import Answers
from recbench.models.checkpoint import CURVES
from recbench.models.protocols import FitReport, ModelHandle
from recbench.progress import announce, log
from recbench.reported import VALIDATION, Receive
from recbench.results.recorder import Recorder
from recbench.results.result import Result
from recbench.spec import Spec
from recbench.store.store import Store

OnValidation = Callable[[float, int], None]
"""Takes a validation value and its step. It may raise RecbenchError to end the training."""

MOST_PARAMETERS = 2**63 - 1
"""A larger number of parameters cannot be stored."""


def judge(
    experiment: Experiment,
    cell: Result,
    host: Host,
    ks: Sequence[int],
    on_validation: OnValidation | None = None,
    *,
    quiet: bool = False,
) -> Result:
    """Run a cell, and store nothing. on_validation: as for `Trial.fit`. quiet: as for `Trial`."""
    with Trial(experiment, cell, host, ks, quiet=quiet) as trial:
        trial.fit(on_validation=on_validation)
        trial.score()
        trial.evaluate()
    return trial.result


class Trial:
    """The run of one cell: `fit`, `score` and `evaluate`, in that order.

    Use as a context manager. The model lives until the context ends, where the host runs it. Errors
    in the context are not raised: they become the status of the result.

    on_values: receives the values that the model reports, unless there are too many. quiet: whether
    the log does not say what is done.
    result: the result, as soon as `evaluate` has ended. The end of the context adds what only the
    end of the model shows. columns: one row per case, for the store.
    """

    result: Result
    columns: Columns

    def __init__(
        self,
        experiment: Experiment,
        cell: Result,
        host: Host,
        ks: Sequence[int],
        on_values: Receive | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        self.experiment, self.cell, self.host, self.ks = experiment, cell, host, ks
        self._announce = log.debug if quiet else announce
        self._name = f"{cell.model} (plugin {cell.plugin})"
        self._on_values, self._recorder = on_values, Recorder()
        self._open = contextlib.ExitStack()
        self._model: ModelHandle
        self._report: FitReport
        self._answers: Answers
        self._is_saving = False

    def __enter__(self) -> Self:
        return self

    def fit(
        self, checkpoint: Path | None = None, on_validation: OnValidation | None = None
    ) -> None:
        """Start the model, and train it.

        checkpoint: the folder for a checkpoint, from which a later run can resume. on_validation:
        receives the validation values that the model reports, and may raise to end the training.
        """
        why_missing = self.experiment.plugins.why_missing(Spec.parse(self.cell.model).name)
        if why_missing:
            raise RecbenchError(why_missing)
        self._announce("%s: fitting on %s", self.cell.label, self.cell.setting.dataset_title)
        options = {"seed": self.cell.seed, "device": self.cell.device or "auto"}
        self.host.share(self.experiment.split.train)
        self._model = self._open.enter_context(self.host.cell(self.cell.model, options))
        self.experiment.check_source(self.cell)
        self._recorder = Recorder(None if checkpoint is None else checkpoint / CURVES)
        self._model.on_values = self._receiver(time.perf_counter(), on_validation)
        self._report = self._model.fit(self.experiment.split.train, checkpoint)

    def _receiver(self, began: float, on_validation: OnValidation | None) -> Receive:
        """Return what receives the values that the model reports. began: when the training did."""

        def receive(step: int, values: Mapping[str, float]) -> None:
            is_kept = self._recorder.record(step, time.perf_counter() - began, values)
            if is_kept and self._on_values is not None:
                self._on_values(step, values)
            if on_validation is not None and VALIDATION in values:
                on_validation(values[VALIDATION], step)

        return receive

    def score(self) -> None:
        """Prepare the model's answers, which `evaluate` requests batch by batch."""
        setting, split = self.cell.setting, self.experiment.split
        self._announce("%s: scoring %s", self.cell.label, counted(setting.n_cases, "case"))
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
        """Rank the targets by the model's answers, and measure every metric."""
        experiment = self.experiment
        evaluation = rank_answers(self._answers, experiment.pool, experiment.n_ranked)
        resumed = self._report.resumed  # the time of the earlier runs is unknown
        self.result, self.columns = self.experiment.measure(
            self.cell,
            evaluation.ranking,
            self.ks,
            depth=evaluation.depth,
            fit_seconds=math.nan if resumed else _seconds(self._report.seconds),
            score_seconds=_seconds(evaluation.score_seconds),
            parameters=self._n_parameters(),
            reads=self._reads(),
            curves=self._recorder.curves,
        )

    def _reads(self) -> dict[str, str]:
        """Return the titles and features that the model has asked for, with their hashes."""
        return self.experiment.dataset.metadata.digests(self._model.reads)

    def keep_model(self, store: Store | None) -> None:
        """Store the fitted model, if it can save itself and its code can be recognised later."""
        if store is None or not self._model.traits.storable:
            return
        if has_source(self.cell.model_version):
            store.keep_model(dataclasses.replace(self.cell, reads=self._reads()), self._save)

    def _save(self, folder: Path) -> None:
        self._is_saving = True
        self._model.save(folder)
        self._is_saving = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """End the model, which may show a further failure, and complete the result.

        If the model could not be saved, its process may be gone already, which is not a failure.
        """
        try:
            self._open.__exit__(kind, error, trace)
            if error is not None:
                raise error  # noqa: TRY301  handled like a failure of the end
        except (Exception, SystemExit) as failure:
            log.debug("%s failed", self.cell.model, exc_info=True)
            if error is not None or not self._is_saving:
                reason = describe_error(failure)
                if self.cell.plugin and not reason.startswith(self._name):
                    reason = f"{self._name}: {reason}"
                failed = self.experiment.failed(self.cell, reason, self.ks)
                self.result = dataclasses.replace(failed, curves=self._recorder.curves)
                self.columns = {}
                return True
        self.result = dataclasses.replace(self.result, peak_memory=self._model.peak_memory)
        return True

    def _n_parameters(self) -> int | None:
        number = self._report.n_parameters
        if number is None or 0 <= number <= MOST_PARAMETERS:
            return number
        log.warning(
            "%s: its number of parameters is left out, because it is not between 0 and 2**63 - 1",
            self.cell.label,
        )
        return None


def _seconds(value: float) -> float:
    """Return a duration; NaN if it cannot be one, because a clock was wrong."""
    return value if math.isfinite(value) and value >= 0 else math.nan
