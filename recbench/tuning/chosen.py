"""Tuning: the best options that stored studies have found, for models that are run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from recbench.errors import UsageError
from recbench.experiment import Experiment
from recbench.given.collect import as_typed
from recbench.progress import log
from recbench.results.result import Result, Tuned
from recbench.space import space_of
from recbench.spec import Spec
from recbench.tuning.records import read_studies
from recbench.tuning.study import Study

Best = Mapping[str, Tuned]
"""A model with its best options -> how they were found."""


def best_options(
    experiment: Experiment,
    models: Sequence[str],
    tuned: bool | Sequence[Study],
    results: str | Path | None,
) -> tuple[Sequence[str], Best]:
    """Return models with the best options of their studies, and how these were found.

    tuned: whether to look for studies in the folder `results`, or the studies.

    Raises UsageError if a model was not tuned on these data and this split, or with other code.
    """
    if tuned is False:
        return models, {}
    if tuned is True and results is None:
        raise UsageError("tuned=True needs a folder of results, in which the studies are stored")
    studies = read_studies(results or "", experiment.setting) if tuned is True else tuned
    best = dict(_best(experiment, studies, model) for model in models)
    return list(best), best


def _best(experiment: Experiment, studies: Sequence[Study], model: str) -> tuple[str, Tuned]:
    """Return a model with the best options that were found, and how they were found.

    A model without a search space that was never tuned is returned as it is.
    """
    spec, setting = Spec.parse(model), experiment.setting
    offer = experiment.plugins.check("models", spec)
    base, version = str(offer.spec(spec.options)), offer.source_version()
    of_model = [
        study
        for study in studies
        if study.model == base and study.setting.comparison_key == setting.comparison_key
    ]
    current = [study for study in of_model if study.model_version == version]
    for study in sorted(current, key=lambda study: study.changed, reverse=True):
        if study.best is not None and study.tuned is not None:
            if len(current) > 1:
                log.info(
                    "%s: using the latest of %d studies: %s, by %s, of %s",
                    *(base, len(current), study.tuned, study.label, study.space),
                )
            return study.best.model, study.tuned
    if not of_model and not space_of(offer.factory):
        return base, Tuned()
    why = "is not tuned"
    if of_model:
        why = "has no trial that succeeded"
        if not current:
            why = f"was tuned with another version of the code of plugin {offer.plugin}"
    raise UsageError(
        f"{base} {why} on {setting.dataset}, {setting.split}; run: recbench tune "
        f"{as_typed(experiment.plugins, 'models', base)} --dataset "
        f"{experiment.dataset_text or setting.dataset} --split {experiment.split_text}"
    )


def with_best(cells: Sequence[Result], best: Best) -> list[Result]:
    """Return cells that record how their options were found."""
    return [dataclasses.replace(cell, tuned=best.get(cell.model)) for cell in cells]
