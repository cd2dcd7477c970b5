"""Outside the flow: run stored results again and compare them number by number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recbench.arguments import check_arguments, with_names_checked
from recbench.data.load import Data, text_of
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.measure import Metric, bounds_of
from recbench.evaluation.uncertainty import Value
from recbench.experiment import Experiment, Host, model_host
from recbench.external import judge_file, version_of
from recbench.given.models import with_models
from recbench.models.in_process import InProcessHost
from recbench.plugins import Plugins, current_plugins
from recbench.results.result import EXTERNAL_PLUGIN, Result, metric_of, metrics_of
from recbench.results.shown import measuring, with_shown_metrics
from recbench.spec import Spec
from recbench.store.cells import read_cells
from recbench.trial import judge
from recbench.tuning.reproduced import Reproduced, run_best_again
from recbench.verification import CellCheck, NumberCheck, Verification

EXACT = 1e-9
"""Allowed difference with the same arithmetic, where only the order of sums may differ; relative
for numbers above 1."""


@with_names_checked
def verify(
    paths: str | Path | Sequence[str | Path],
    *,
    models: Any = (),
    bound: float | None = None,
    dataset: Data | None = None,
    metrics: Any = (),
    device: str = "auto",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Verification:
    """Run stored results again, and compare every number.

    Parameters
    ----------
    paths : str, path or sequence of them
        Results folders, or JSON files of results.
    models : str, class, object, function, module or path, or several of them, default: ()
        Models that are not installed, as they were given to `run`.
    bound : float or None, default: None
        The largest difference that is allowed. None allows 1e-9 for models without a seed, and on
        the same machine with the same versions and number of threads; otherwise the standard error
        of the number, because training then adds numbers in another order.
    dataset : str, path, pandas.DataFrame, Dataset or None, default: None
        The data or where they are now, if they have moved or had no name: as for `run`.
    metrics : str, function or path, or several of them, default: ()
        Metrics that are not installed, as they were given to `run`.
    device : str, default: "auto"
        Device of models that use torch: "auto", "cpu", "cuda" or "mps". "auto" is the device that
        was asked for when the result was made.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Verification
        A sequence with one CellCheck per stored result. Failed results are left out, and so are
        outdated ones: of the results of one model and seed on the same data, only the newest is run
        again.

    Raises
    ------
    UsageError
        If there are no results to run again.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(["popular"], "synthetic", results=folder, in_process=True)
    ...     [check.holds for check in recbench.verify(folder)]
    [True]
    """
    if bound is not None and not bound >= 0:
        raise UsageError(f"--bound must be 0 or more, not {bound}")
    check_arguments(device=device)
    plugins, _ = with_models(current_plugins(plugins), models)
    plugins, _ = with_shown_metrics(plugins, metrics)
    chosen = [paths] if isinstance(paths, (str, Path)) else list(paths)
    for path in chosen:
        if not isinstance(path, (str, Path)):
            kind = type(path).__name__
            raise UsageError(f"verify takes paths of stored results, such as 'results', not {kind}")
    cells = read_cells(chosen, plugins)
    found = [cell for _, cell in cells if isinstance(cell, Result)]
    stored = [key for cell in found for key in cell.values]
    stored += [cell.tuned.metric for cell in found if cell.tuned is not None and cell.tuned.metric]
    plugins = measuring(plugins, map(Spec.parse, metrics_of(stored)))
    experiments: dict[Any, Experiment | str] = {}
    checks = []
    with model_host(plugins) as host:
        for path, cell in cells:
            if isinstance(cell, str):
                checks.append(CellCheck(path, None, reason=cell))
                continue
            key = cell.setting.comparison_key
            if key not in experiments:
                experiments[key] = experiment_of(plugins, cell, dataset, data_dir)
            experiment = experiments[key]
            if isinstance(experiment, str):
                checks.append(CellCheck(path, cell, reason=experiment))
                continue
            try:
                own_host = host if cell.isolated else InProcessHost(plugins)
                now = _run_again(experiment, cell, own_host, device)
                tuned = None
                if cell.tuned is not None and cell.tuned.study:
                    tuned = run_best_again(experiment, path, cell, own_host, device)
            except RecbenchError as error:
                checks.append(CellCheck(path, cell, reason=describe_error(error)))
                continue
            checks.append(_checked(path, cell, now, bound, experiment.metrics, tuned))
    return Verification(checks)


def experiment_of(
    plugins: Plugins,
    cell: Result,
    dataset: Data | None = None,
    data_dir: str | None = None,
    hint: str = ". If the data have moved, name their place with --dataset",
) -> Experiment | str:
    """Return the data and split of a cell, or why there are none.

    hint: what to do if the data cannot be loaded.
    """
    then = cell.setting
    data, is_given = dataset, dataset is not None
    if not is_given:
        data = cell.provenance.get("dataset") or then.dataset
    name = text_of(data) or then.dataset
    split = cell.provenance.get("split") or then.split
    try:
        experiment = Experiment.prepare(plugins, data, split, data_dir, then.candidates or None)
    except RecbenchError as error:
        return f"{describe_error(error)}{'' if is_given else hint}"
    now = experiment.setting
    if now.protocol != then.protocol:
        return (
            f"evaluated under version {then.protocol} of the evaluation rules; the current version "
            f"is {now.protocol}"
        )
    for changed, before, after in (
        (f"the content of {name}", then.dataset_sha256, now.dataset_sha256),
        (f"the split {then.split} of {name}", then.split_sha256, now.split_sha256),
        ("the sample of candidates", then.candidates_sha256, now.candidates_sha256),
    ):
        if before != after:
            return f"{changed} has changed since this result was stored"
    return experiment


def _run_again(experiment: Experiment, cell: Result, host: Host, device: str) -> Result:
    """Run the cell again. Raises RecbenchError if it cannot be run or fails."""
    ks = sorted(cell.ks)
    if cell.plugin == EXTERNAL_PLUGIN:
        file = cell.provenance.get("file")
        if not file:
            raise RecbenchError("its recommendations were a DataFrame, which is not stored")
        path = Path(file)
        if not path.is_file() or version_of(path.read_bytes()) != cell.model_version:
            raise RecbenchError(
                f"its file {path} is missing or has changed. Evaluate the current file with "
                "recbench run --recs"
            )
        now, _ = judge_file(experiment, cell.model, path, ks)
    else:
        try:
            experiment.plugins.find("models", Spec.parse(cell.model).name)
        except UsageError as error:
            missing = describe_error(error)
            raise RecbenchError(
                f"{missing if missing.endswith('?') else f'{missing}.'} If it was given as an "
                "object or a file, give it again: models=..., or --models FILE"
            ) from error
        device = cell.device if device == "auto" and cell.device else device
        again = experiment.cell(cell.model, cell.seed or 0, device, isolated=cell.isolated)
        now = judge(experiment, again, host, ks)
    if not now.ok:
        raise RecbenchError(now.status)
    return now


def _checked(
    path: Path,
    cell: Result,
    now: Result,
    bound: float | None,
    metrics: Mapping[str, Metric],
    tuned: Reproduced | None,
) -> CellCheck:
    """Compare every number of a result. tuned: the best trial of its study, which was run again."""
    same_arithmetic = _same_arithmetic(cell.provenance, now.provenance)
    numbers = []
    for key, old in cell.values.items():
        new = now.values.get(key, Value())
        metric = metrics.get(metric_of(key))
        low, high = (-math.inf, math.inf) if metric is None else bounds_of(metric)
        old = old._replace(low=max(old.low, low), high=min(old.high, high))  # noqa: PLW2901  old files
        noise = 0.0 if cell.seed is None or same_arithmetic else old.stderr
        for field_name, stored, again in zip(Value._fields, old, new, strict=True):
            name = key if field_name == "mean" else f"{key} {field_name}"
            allowed = _default_bound(stored, noise) if bound is None else bound
            numbers.append(NumberCheck(name, stored, again, allowed))
    if tuned is not None and cell.tuned is not None:
        noise = 0.0 if cell.seed is None or same_arithmetic else tuned.now.stderr
        value = cell.tuned.value
        allowed = _default_bound(value, noise) if bound is None else bound
        name = f"validation {cell.tuned.metric}"
        numbers.append(NumberCheck(name, value, tuned.now.mean, allowed))
    notes = []
    if tuned is not None and tuned.study is None:
        notes.append("the trials that found its options are not stored beside it")
    if now.model_version != cell.model_version:
        notes.append("the plugin's code has changed since it was stored")
    elif not same_arithmetic:
        notes.append("the machine, versions or number of threads differ")
    gone = sorted(metrics_of(cell.values.keys() - now.values.keys()))
    if gone:
        notes.append(
            f"no longer measured: {', '.join(gone)}, so give a metric of an object or a file "
            "again: metrics=..., or --metrics FILE"
        )
    return CellCheck(path, cell, numbers, "; ".join(notes))


def _default_bound(stored: float, noise: float) -> float:
    """Return the allowed difference. noise: the effect of training on it; NaN if unknown."""
    exact = EXACT * max(1.0, abs(stored)) if math.isfinite(stored) else EXACT
    return exact if math.isnan(noise) else max(noise, exact)


def _same_arithmetic(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two cells had the same machine, versions and threads, as far as both record them."""
    versions = then.get("versions", {}), now.get("versions", {})
    both = versions[0].keys() & versions[1].keys()
    return all(versions[0][name] == versions[1][name] for name in both) and all(
        then.get(key) == now.get(key) for key in ("machine", "threads")
    )
