"""Tuning: find the trial that gave a tuned result its options, and run it again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from recbench.data.make_split import with_inner_validation
from recbench.data.validation_split import make_validation_split
from recbench.errors import RecbenchError, describe_error
from recbench.evaluation.uncertainty import Value
from recbench.experiment import Experiment, Host
from recbench.results.result import Result, Tuned, metric_and_k
from recbench.store.layout import TUNING
from recbench.trial import judge
from recbench.tuning.records import FILE, read_study
from recbench.tuning.study import OK, Study


class Reproduced(NamedTuple):
    """The value of the best trial in a new run, and the study that is stored beside the result."""

    now: Value
    study: Study | None


def run_best_again(
    experiment: Experiment, path: Path, cell: Result, host: Host, device: str
) -> Reproduced:
    """Run the best trial of a tuned result again, on validation targets.

    path: the JSON file of the result. Raises RecbenchError if the trial cannot be run, or if the
    study that is stored beside the result does not have these options as its best.
    """
    tuned = cell.tuned
    assert tuned is not None  # noqa: S101  callers have checked it
    study = _study_of(path, tuned.study)
    if study is not None:
        _check_best(study, cell, tuned)
    metric, k = metric_and_k(tuned.metric)
    plugins = experiment.plugins
    name, _, held_out = make_validation_split(plugins, experiment.dataset, experiment.split_text)
    validation = Experiment.of_split(
        plugins,
        experiment.dataset,
        name,
        with_inner_validation(plugins, experiment.dataset, experiment.split_text, held_out),
        dataset_text=experiment.dataset_text,
        only=frozenset({metric}),
    )
    trial = validation.cell(cell.model, tuned.seed, device, isolated=cell.isolated)
    now = judge(validation, trial, host, [k], quiet=True)
    if not now.ok:
        raise RecbenchError(f"validation: {now.status}")
    value = now.value(metric, k)
    if math.isnan(value.mean):
        raise RecbenchError(f"validation: {metric} is not measured; give it again with --metrics")
    return Reproduced(value, study)


def _check_best(study: Study, cell: Result, tuned: Tuned) -> None:
    """Raise RecbenchError unless the options of a result are the best of its study."""
    first = study.first(tuned.n_trials)
    best, own = first.best, (cell.model, tuned.value)
    is_whole = [trial.number for trial in first.trials] == [*range(tuned.n_trials)]
    if is_whole and best is not None and (best.model, best.value) != own:
        raise RecbenchError(
            f"its study, {study.key[:8]}, found {best.model} to be the best of {tuned.n_trials} "
            "trials"
        )
    if own not in [(trial.model, trial.value) for trial in study.trials if trial.state == OK]:
        raise RecbenchError(
            f"its study, {study.key[:8]}, has no trial with these options and a value of "
            f"{tuned.value:.6g}"
        )


def _study_of(path: Path, key: str) -> Study | None:
    """Return the study with this key beside a result; None if there is none.

    Raises RecbenchError if its file is damaged.
    """
    for file in sorted(path.parent.glob(f"*-{key[:8]}{TUNING}/{FILE}")):
        try:
            study = read_study(file)
        except RecbenchError as error:
            raise RecbenchError(f"its study: {describe_error(error)}") from error
        if study.key == key:
            return study
    return None
