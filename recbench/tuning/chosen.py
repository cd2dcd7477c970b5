"""Tuning: the best options that stored studies have found, for models that are run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from recbench.errors import UsageError
from recbench.experiment import Experiment
from recbench.given.collect import as_typed
from recbench.progress import log
from recbench.results.result import OBJECTIVE, Result, Setting, Tuned
from recbench.space import space_of
from recbench.spec import Spec
from recbench.tuning.records import read_studies
from recbench.tuning.study import Study

Best = Mapping[str, Tuned]
"""A model with its best options -> how they were found."""


def studies_for(
    tuned: bool | Sequence[Study], results: str | Path | None
) -> Sequence[Study] | None:
    """Return the studies that models take their best options from; None for untuned models.

    tuned: whether to read those that are stored in the folder `results`, or the studies.
    """
    if not isinstance(tuned, bool):
        return tuned
    if tuned and results is None:
        raise UsageError("tuned=True needs a folder of results, in which the studies are stored")
    return read_studies(results or "") if tuned else None


def best_options(
    experiment: Experiment,
    models: Sequence[str],
    studies: Sequence[Study] | None,
    results: str | Path | None = None,
) -> tuple[Sequence[str], Best]:
    """Return models with the best options of their studies, and how these were found.

    studies: as `studies_for` returns them. With None, models are returned as they are. results: the
    folder in which studies are stored, for errors.

    Raises UsageError if a model was not tuned on these data and this split, or with other code.
    """
    if studies is None:
        return models, {}
    best = dict(_best(experiment, studies, results, model) for model in models)
    return list(best), best


def _best(
    experiment: Experiment, studies: Sequence[Study], results: str | Path | None, model: str
) -> tuple[str, Tuned]:
    """Return a model with the best options that were found, and how they were found.

    A model without a search space that was never tuned is returned as it is.
    """
    spec, setting = Spec.parse(model), experiment.setting
    offer = experiment.plugins.check("models", spec)
    base, version = str(offer.spec(spec.options)), offer.source_version()
    of_model = [
        study for study in studies if study.model == base and is_of(study, experiment.setting)
    ]
    current = [study for study in of_model if study.model_version == version]
    best = best_of(current)
    if best is not None and best.best is not None and best.tuned is not None:
        if len(current) > 1:
            space = f"search space: {best.space_text}" if best.space else "without a search space"
            log.info(
                "%s: using the best of %d studies, by %s (%s; %s)",
                *(base, len(current), best.label, best.tuned, space),
            )
        return best.best.model, best.tuned
    if not of_model and not space_of(offer.factory):
        return base, Tuned()
    why = "is not tuned"
    if of_model:
        why = "has no trial that succeeded"
        if not current:
            why = f"was tuned with another version of the code of plugin {offer.plugin}"
            if all(study.plugin != offer.plugin for study in of_model):
                why = f"was tuned as a model of {of_model[-1].plugin}, not of {offer.plugin}"
    typed = as_typed(experiment.plugins, "models", base)
    hint = "call recbench.tune first"
    if experiment.dataset_text:
        data = f"--dataset {experiment.dataset_text} --split {experiment.split_text}"
        place = "" if str(results) in ("None", "results") else f" --results {results}"
        hint = f"run: recbench tune {typed} {data}{place}"
    raise UsageError(f"{base} {why} on {setting.dataset}, {setting.split}; {hint}")


def is_of(study: Study, setting: Setting) -> bool:
    """Whether a study is on the data and the split of a setting, whatever its candidates.

    Studies rank targets among all items.
    """
    full = dataclasses.replace(setting, candidates="", candidates_sha256="")
    return study.setting.comparison_key == full.comparison_key


def best_of(studies: Sequence[Study]) -> Study | None:
    """Return the study to take the best options from; None if no study has any.

    If they are by several metrics, it is one by the default metric or, if there is none, by the
    metric of the latest. Of these, it is the one with the best value on the latest validation
    targets, and the first of those that are equal.
    """
    found = sorted(
        (study for study in studies if study.best is not None), key=lambda study: study.changed
    )
    if not found:
        return None
    metrics = {study.metric for study in found}
    metric = OBJECTIVE if OBJECTIVE in metrics else found[-1].metric
    found = [study for study in found if study.metric == metric]
    found = [study for study in found if study.validation_sha256 == found[-1].validation_sha256]
    return max(found, key=lambda study: study.sign * (study.best.value if study.best else math.nan))


def with_best(cells: Sequence[Result], best: Best) -> list[Result]:
    """Return cells that record how their options were found."""
    return [dataclasses.replace(cell, tuned=best.get(cell.model)) for cell in cells]
