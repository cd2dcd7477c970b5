"""Outside the flow: the trials of stored studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recbench.arguments import with_names_checked
from recbench.compare import as_stored, names_of_dataset
from recbench.data.load import Data
from recbench.errors import UsageError, suggest
from recbench.given.models import with_models
from recbench.given.splitters import with_splitter
from recbench.plugins import Plugins, current_plugins
from recbench.spec import Spec
from recbench.store.store import Store
from recbench.tuning.records import read_studies
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
    wanted: Sequence[str] = [as_stored(plugins, "models", text) for text in texts]
    if split is not None:
        plugins, split = with_splitter(plugins, split)
        split = as_stored(plugins, "splitters", split)
    datasets = None if dataset is None else names_of_dataset(plugins, dataset)
    chosen = [
        study
        for study in stored
        if (not wanted or study.model in wanted or Spec.parse(study.model).name in wanted)
        and (split is None or study.setting.split == split)
        and (metric is None or metric.lower() in (study.metric, study.label.lower()))
        and (
            datasets is None
            or datasets
            & {study.setting.dataset, study.setting.dataset_title, study.setting.dataset_sha256}
        )
    ]
    if not chosen:
        known = {study.model for study in stored}
        missing = [name for name in wanted if name not in known]
        hint = f" of {missing[0]!r} ({suggest(missing[0], known)})" if missing and known else ""
        like = " like these" if stored and not hint else ""
        tuned = " ".join(texts) or "MODEL"
        raise UsageError(f"{results} has no trials{hint}{like}. To run some: recbench tune {tuned}")
    return Trials(chosen, Store(results).all(plugins))
