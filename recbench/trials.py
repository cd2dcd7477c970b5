"""Outside the flow: the trials of stored studies."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recbench.arguments import with_names_checked
from recbench.data.load import Data, find_dataset
from recbench.errors import RecbenchError, UsageError
from recbench.given.models import with_models
from recbench.given.splitters import with_splitter
from recbench.plugins import Plugins, current_plugins
from recbench.results.result import Setting, distinguished
from recbench.store.store import Store
from recbench.store.versions import installed_versions
from recbench.stored import as_stored, is_wanted, names_of_dataset, names_of_models, of_missing
from recbench.tuning.records import read_studies
from recbench.tuning.study import Study
from recbench.tuning.trial_list import Trials


@with_names_checked
def trials(
    models: Any = (),
    *,
    dataset: Data | None = None,
    split: str | None = None,
    metric: str | None = None,
    results: str | Path = "results",
    plugins: Plugins | None = None,
) -> Trials:
    """Return the trials of stored studies, which `tune` has run.

    Parameters
    ----------
    models : str, class, object, function, module or path, or several of them, default: ()
        Only studies of these models, given as for `tune`. An empty list takes all.
    dataset : str, path, pandas.DataFrame, Dataset or None, default: None
        Only studies on this dataset, given as for `run` or named as in a table. None takes all.
    split : str or None, default: None
        Only studies of this split, named as for `run` or as in a table. None takes all.
    metric : str or None, default: None
        Only studies with this metric, such as "ndcg@10". None takes all.
    results : str or path, default: "results"
        Folder of stored results.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Trials
        A sequence with one Study per model, dataset, split, search space and metric.

    Raises
    ------
    UsageError
        If there are no such studies.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.tune(["recent-popular"], "synthetic", trials=2, results=folder)
    ...     (study,) = recbench.trials("recent-popular", results=folder)
    >>> [trial.number for trial in study.trials]
    [0, 1]
    """
    plugins = current_plugins(plugins)
    plugins, texts = with_models(plugins, models)
    stored = read_studies(results)
    plain = {study.key: study.setting for study in stored}
    settings = distinguished([study.setting for study in stored])
    stored = [
        dataclasses.replace(study, setting=setting)
        for study, setting in zip(stored, settings, strict=True)
    ]
    wanted: Sequence[str] = [as_stored(plugins, "models", text) for text in texts]
    if split is not None:
        plugins, split = with_splitter(plugins, split)
        split = as_stored(plugins, "splitters", split)
    chosen = [
        study
        for study in stored
        if is_wanted(study.model, wanted)
        and (split is None or split in (study.setting.split, plain[study.key].split))
        and (metric is None or metric.lower() in (study.metric, study.label.lower()))
    ]
    if dataset is not None:
        names = names_of_dataset(plugins, dataset)
        chosen = [
            study for study in chosen if names & (_names(study.setting) | _names(plain[study.key]))
        ]
        chosen = _of_content(plugins, dataset, chosen)
    if not chosen:
        missing = of_missing(wanted, names_of_models(study.model for study in stored))
        like = " like these" if stored and not missing else ""
        tuned = " ".join(texts) or "MODEL"
        raise UsageError(
            f"{results} has no trials{missing}{like}. To run some: recbench tune {tuned}"
        )
    installed = installed_versions(chosen, plugins)
    outdated = {
        study.key
        for study in chosen
        if study.model_version != installed.get(study.model, study.model_version)
    }
    return Trials(chosen, Store(results).all(plugins), outdated)


def _of_content(plugins: Plugins, dataset: Data, studies: list[Study]) -> list[Study]:
    """Return the studies on the content of a dataset, if there are studies on several contents.

    studies: on data with the names of the dataset. All are returned if none is on its content.
    """
    if len({study.setting.dataset_sha256 for study in studies}) > 1:
        with contextlib.suppress(RecbenchError):  # the data may be gone
            content = find_dataset(plugins, dataset).load().fingerprint()
            same = [study for study in studies if study.setting.dataset_sha256 == content]
            return same or studies
    return studies


def _names(setting: Setting) -> set[str]:
    """Return what the dataset of a setting may be called: its name, its title or its hash."""
    return {setting.dataset, setting.dataset_title, setting.dataset_sha256}
