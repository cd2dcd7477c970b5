"""Tuning: what all models of one call have in common, and the study of each."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from dataclasses import dataclass

from recbench.cell import Task
from recbench.code.source import has_source
from recbench.errors import RecbenchError, describe_error
from recbench.experiment import Host
from recbench.offers import Offer
from recbench.progress import log
from recbench.space import Space, default_of, spaces_text
from recbench.spec import Spec
from recbench.store.layout import Layout
from recbench.store.provenance import provenance
from recbench.tuning.held_out import HeldOut
from recbench.tuning.optuna_study import known_defaults
from recbench.tuning.records import others, path_of, read_study, why_new
from recbench.tuning.search import Search
from recbench.tuning.study import FAILED, Study, StudyTrial


@dataclass(frozen=True)
class Budget:
    """What each model of one call may use. One of the two is None."""

    trials: int | None
    seconds: float | None


@dataclass(frozen=True)
class Plan:
    """How all models of one call are tuned.

    metric: with its cut-off. better: which values of it are better. seed: of the search, and of
    models in trials. device: the one that is asked for. timeout, memory: the limits of a trial.
    """

    held_out: HeldOut
    host: Host
    device: str
    metric: str
    better: str
    seed: int
    budget: Budget
    timeout: float | None = None
    memory: int | None = None

    def search(self, store: Layout, model: str, ranges: Space) -> Search:
        """Return the search for the best options of a model, with the trials that are stored.

        If trials of another study of the model are stored, the log says why they are not used.
        """
        offer = self._offer(model)
        defaults = {name: default_of(name, offer.factory) for name in ranges}
        study = self._study(model, ranges)
        path = path_of(store, study)
        if path.exists():
            try:
                stored = read_study(path)
            except RecbenchError as error:
                log.warning("%s. It is written again", describe_error(error))
            else:
                study = dataclasses.replace(study, trials=stored.trials)
        elif before := others(store, study):
            fewest = min((why_new(study, other) for other in reversed(before)), key=len)
            if fewest:
                log.info("%s: tuning starts from the beginning: %s", study.model, "; ".join(fewest))
        return Search(store, study, ranges, known_defaults(ranges, defaults))

    def stored(self, store: Layout, model: str, ranges: Space) -> Study | None:
        """Return the study of a model with its trials; None if none are stored."""
        study = self._study(model, ranges)
        with contextlib.suppress(RecbenchError):
            return dataclasses.replace(study, trials=read_study(path_of(store, study)).trials)
        return None

    def task(self, model: str) -> Task:
        """Return the trial of a model with its default options, which is not run."""
        validation = self.held_out.validation
        return Task(validation, validation.cell(model, self.seed, self.device))

    def _offer(self, model: str) -> Offer:
        return self.held_out.validation.plugins.check("models", Spec.parse(model))

    def missing(self, model: str, why: str) -> Study:
        """Return the study of a model that a broken plugin should offer, with one failed trial."""
        log.error("%s", why)
        reason = why.removeprefix(f"{model}: ")
        return Study(
            key="",
            model=model,
            model_version="",
            plugin="",
            setting=self.held_out.test,
            validation_sha256=self.held_out.validation.setting.split_sha256,
            n_cases=self.held_out.validation.setting.n_cases,
            metric=self.metric,
            better=self.better,
            space={},
            seed=self.seed,
            trials=(StudyTrial(0, model, {}, FAILED, seconds=0, reason=reason),),
            max_trials=self.budget.trials,
            max_seconds=self.budget.seconds,
        )

    def _study(self, model: str, ranges: Space) -> Study:
        """Return the study of a model, without trials."""
        offer = self._offer(model)
        experiment, test = self.held_out.validation, self.held_out.test
        isolated = self.host.isolates(model)
        cell = experiment.cell(model, self.seed, self.device, isolated=isolated)
        study = Study(
            key="",
            model=cell.model,
            model_version=cell.model_version,
            plugin=cell.plugin,
            setting=test,
            validation_sha256=experiment.setting.split_sha256,
            n_cases=experiment.setting.n_cases,
            metric=self.metric,
            better=self.better,
            space=spaces_text(ranges),
            seed=self.seed,
            max_trials=self.budget.trials,
            max_seconds=self.budget.seconds,
            device=cell.device,
            timeout=self.timeout,
            memory=self.memory,
            isolated=isolated,
            provenance=provenance(offer),
        )
        kinds = {name: type(values).__name__ for name, values in ranges.items()}
        identity = [*map(str, test.comparison_key), test.repeats, study.validation_sha256]
        identity += [study.model, study.model_version, study.metric, str(study.seed), study.device]
        identity += [json.dumps([study.space, kinds], sort_keys=True), str(isolated)]
        limits = {"timeout": self.timeout, "memory": self.memory}
        identity += [f"{name}={value}" for name, value in limits.items() if value is not None]
        identity += [] if has_source(study.model_version) else [experiment.unknown]
        key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        return dataclasses.replace(study, key=key)
