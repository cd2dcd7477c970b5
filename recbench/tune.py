"""Outside the flow: look for the best options of models, then judge them on the test targets."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from recbench.arguments import (
    MOST_K,
    check_arguments,
    check_seed,
    check_whole,
    plain_numbers,
    with_names_checked,
)
from recbench.data.load import Data
from recbench.data.metadata import UnknownFeatureError
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.contract import reads_ranks
from recbench.evaluation.made_up import MadeUp
from recbench.evaluation.measure import Metric, better_of
from recbench.experiment import model_host
from recbench.files import locked
from recbench.given.models import with_models
from recbench.given.splitters import with_splitter
from recbench.jobs.engines import Where
from recbench.plugins import Plugins, current_plugins
from recbench.progress import log
from recbench.results.result import OBJECTIVE, metric_and_k, metric_of
from recbench.results.section import RANKED_BY
from recbench.results.shown import ALL, with_shown_metrics
from recbench.run import KS, Request, run
from recbench.spec import Spec
from recbench.store.store import Store
from recbench.tuning.gains import gains_of
from recbench.tuning.held_out import prepare
from recbench.tuning.optuna_study import quiet_optuna
from recbench.tuning.plan import Budget, Plan
from recbench.tuning.records import path_of
from recbench.tuning.side_by_side import ModelTuner
from recbench.tuning.spaces import spaces_of
from recbench.tuning.study import Study
from recbench.tuning.tuning import Tuning

TRIALS = 30
"""The trials of each model, if no budget is given."""

MOST_TRIALS, MOST_MINUTES = 10_000, 1_000_000

PATIENCE = 7 * 24 * 3600.0
"""Seconds to wait for another process that judges the same models on the test targets."""


class TuningInterrupted(KeyboardInterrupt):
    """Ctrl-C while models were tuned. `tuning` has what is known so far.

    Parameters
    ----------
    tuning : Tuning
        The studies so far, without results.
    """

    def __init__(self, tuning: Tuning) -> None:
        super().__init__("interrupted; trials that have ended are stored")
        self.tuning = tuning


@with_names_checked
def tune(
    models: Any,
    dataset: Data = "ml-100k",
    *,
    split: Any = "leave-last-out",
    trials: int | None = None,
    minutes: float | None = None,
    metric: str = OBJECTIVE,
    space: Mapping[str, Mapping[str, Any]] | Sequence[str] = (),
    tuning_seed: int = 0,
    ks: int | Sequence[int] = KS,
    seed: int | Sequence[int] = 0,
    metrics: Any = (RANKED_BY,),
    defaults: bool = False,
    device: str = "auto",
    timeout: float | None = None,
    memory: int | None = None,
    in_process: bool = False,
    jobs: int | str = 1,
    results: str | Path = "results",
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Tuning:
    """Look for the best options of each model on validation targets, then judge them once.

    Parameters
    ----------
    models : str, class, object, function, module or path, or several of them
        Models, given as for `run`. Options that are set after a name are not tuned: "ease:decay=1".
    dataset : str, path, pandas.DataFrame or Dataset, default: "ml-100k"
        A dataset or the path of a log, given as for `run`.
    split : str, class, object, function or path, default: "leave-last-out"
        How to hold out targets, given as for `run`. The validation targets are held out from the
        training data in the same way.
    trials : int or None, default: None
        Number of trials per model; 30 if `minutes` is None too. The first has the default options.
    minutes : float or None, default: None
        Time for the trials of each model, instead of their number. Trials of several processes
        count together. The trial of the default options is never cut short.
    metric : str, default: "ndcg@10"
        The metric and cut-off that trials are compared by.
    space : mapping or sequence of str, default: ()
        Ranges of options that replace those of the models or add to them: {"ease": {"l2":
        recbench.Float(1, 5000, log=True)}}, or texts such as "ease:l2=1..5000:log".
    tuning_seed : int, default: 0
        Random seed of the search, and of models in trials.
    ks : int or sequence of int, default: (3, 5, 10)
        Cut-offs of the table of the results on the test targets.
    seed : int or sequence of int, default: 0
        Random seed, for models that have one, on the test targets. With several, each such model
        runs once per seed.
    metrics : str, function or path, or several of them, default: ("ndcg",)
        Metrics that the table of the results shows, given as for `run`.
    defaults : bool, default: False
        Also judge each model with its default options, and test the difference.
    device : str, default: "auto"
        Device of models that use torch: "auto", "cpu", "cuda" or "mps".
    timeout : float or None, default: None
        Time limit per model and seed, in seconds, for training and answers together. It also holds
        for each trial.
    memory : int or None, default: None
        Memory limit per model, in megabytes. None allows 90% of the memory that is free.
    in_process : bool, default: False
        Run models in this process, without limits, to debug them.
    jobs : int or "auto", default: 1
        How many models run side by side on this machine, each with its share of the cores and of
        the free memory. With more jobs than models, several jobs share the trials of a model;
        which options are tried then depends on how long trials take. "auto" tunes as many models
        at the same time as there are cores, but one at a time if they share a GPU. Linux only.
    results : str or path, default: "results"
        Folder of stored results. Trials that it holds are not run again. Several processes may tune
        the same models in the same folder, and share the trials.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Tuning
        One study per model, and the results of the best options on the test targets.

    Raises
    ------
    UsageError
        If a name or an option is wrong. It is raised before anything is computed.
    RecbenchError
        If the data cannot be loaded or split, the results folder cannot be written, or optuna is
        not installed.
    TuningInterrupted
        After Ctrl-C; its attribute `tuning` has what is known so far.

    Notes
    -----
    The sampler is the tree-structured Parzen estimator (Bergstra et al., "Algorithms for
    hyper-parameter optimization", NeurIPS 2011) of optuna. For models that report validation values
    while they train (`report_validation`), a trial is pruned if its best value so far is below the
    median of the others at the same step.

    Trials run as in `run`: each in a separate process, and judged by the same code. On Linux, the
    process that runs them has only the training part of the split. The test targets are loaded
    after the last trial, to judge the best options.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tuning = recbench.tune("recent-popular", "synthetic", trials=3, results=folder)
    >>> [trial.state for trial in tuning.studies[0].trials]
    ['ok', 'ok', 'ok']
    """
    with quiet_optuna():  # which raises an error if optuna is missing
        plugins, texts = with_models(current_plugins(plugins), models)
    plugins, split = with_splitter(plugins, split)
    plugins, objective, better = _objective(plugins, metric)
    plugins, shown = _shown(plugins, metrics, metric_of(objective))
    ks = sorted({*plain_numbers(ks), metric_and_k(objective)[1]})
    request = Request.of(texts, dataset, [split], ks, seed, None, None)
    check_arguments(request.ks, request.seeds, device, timeout, memory)
    check_seed(tuning_seed, "--tuning-seed")
    budget = _budget(trials, minutes)
    plugins, where = Where(jobs, None, False).checked(plugins, results, in_process=in_process)
    request.check(plugins)
    request = dataclasses.replace(request, models=_each_once(plugins, request.models))
    whys = {model: plugins.why_missing(Spec.parse(model).name) for model in request.models}
    spaces = spaces_of(plugins, [model for model in request.models if not whys[model]], space)
    held_out = prepare(plugins, dataset, split, data_dir, metric_of(objective))
    if metric_of(objective) not in held_out.validation.metrics:
        raise RecbenchError(
            f"--metric {objective}: {metric_of(objective)} cannot be measured on these data; the "
            "log says why"
        )
    store = Store(results).ready()
    with contextlib.ExitStack() as open_host:
        host = model_host(plugins, timeout, memory, in_process=in_process)
        open_host.enter_context(host)
        request.check_model_options(plugins, host, device)
        plan = Plan(held_out, host, device, objective, better, tuning_seed, budget, timeout, memory)
        studies = {model: plan.missing(model, whys[model]) for model in whys if whys[model]}
        models = [model for model in request.models if model not in studies]
        tuner = ModelTuner(plan, store, spaces, lambda: model_host(plugins, timeout, memory))
        try:
            n_jobs = where.n_jobs(plan.task(model) for model in models)
            if n_jobs > 1:
                open_host.close()
                studies |= tuner.side_by_side(models, n_jobs)
            else:
                for model in models:
                    studies[model] = tuner.tune(model, host)
        except KeyboardInterrupt as stop:
            studies |= tuner.stored(models)
            known = [studies[model] for model in request.models if model in studies]
            tuning = Tuning([study.within_budget for study in known])
            raise TuningInterrupted(tuning) from stop
    tuned = [studies[model].within_budget for model in request.models]
    arguments = {
        "split": split,
        "ks": ks,
        "seed": seed,
        "metrics": shown,
        "device": device,
        "timeout": timeout,
        "memory": memory,
        "in_process": in_process,
        "jobs": jobs,
        "results": results,
        "data_dir": data_dir,
        "plugins": plugins,
    }
    try:
        return _judged(store, tuned, dataset, arguments, defaults=defaults)
    except RecbenchError as error:
        log.error("the best options were not judged on the test targets: %s", describe_error(error))
        return Tuning(tuned)
    except KeyboardInterrupt as stop:
        raise TuningInterrupted(Tuning(tuned)) from stop


def _each_once(plugins: Plugins, models: Sequence[str]) -> list[str]:
    """Return models without those that repeat another one with other names of its options."""
    found: dict[str, str] = {}
    for model in models:
        spec = Spec.parse(model)
        if not plugins.why_missing(spec.name):
            spec = plugins.find("models", spec.name).spec(spec.options)
        found.setdefault(str(spec), model)
    return list(found.values())


def _judged(
    store: Store,
    studies: Sequence[Study],
    dataset: Data,
    arguments: Mapping[str, Any],
    *,
    defaults: bool,
) -> Tuning:
    """Run the best options of each study on the test targets.

    Only one process at a time does so; others use what it has stored.
    arguments: those of `run`. defaults: whether to run the default options too.
    """
    found = [study for study in studies if study.best is not None]
    if not found:
        return Tuning(studies)
    place = path_of(store, found[0]).parent / "judging"
    place.mkdir(exist_ok=True)
    with _alone(place):
        judged = run([study.model for study in found], dataset, tuned=found, **arguments)
        if not defaults:
            return Tuning(studies, judged)
        plain = run([study.model for study in found], dataset, **arguments)
        judged = judged.joined(plain)
        return Tuning(studies, judged, gains_of(found, judged))


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Wait until no other process holds the lock of a folder, and hold it in this block."""
    with contextlib.ExitStack() as held:
        if not held.enter_context(locked(place, patience=0)):
            log.info("waiting for another process, which is judging models on the test targets")
            held.enter_context(locked(place, patience=PATIENCE))
        yield


def _budget(trials: int | None, minutes: float | None) -> Budget:
    """Return the budget of each model. Raises UsageError if it makes no sense."""
    if minutes is None:
        trials = TRIALS if trials is None else trials
        check_whole("--trials", trials, 1, MOST_TRIALS)
        return Budget(int(trials), None)
    if trials is not None:
        raise UsageError("give --trials or --minutes, not both")
    is_number = isinstance(minutes, Real) and not isinstance(minutes, bool)
    if not is_number or not 0 < minutes <= MOST_MINUTES:
        raise UsageError(f"--minutes must be above 0 and at most {MOST_MINUTES:,}, not {minutes}")
    return Budget(None, float(minutes) * 60)


def _objective(plugins: Plugins, metric: str) -> tuple[Plugins, str, str]:
    """Return plugins that measure a metric, its name with cut-off, and which values are better.

    Raises UsageError for what is not a metric with a cut-off, and if it does not say which values
    are better.
    """
    name, at, k = str(metric).rpartition("@")
    if not at or not k.isdecimal() or not 1 <= int(k) <= MOST_K:
        raise UsageError(
            f"--metric {metric}: write a metric and a cut-off, such as ndcg@10 or mrr@5"
        )
    plugins, known = with_shown_metrics(plugins, name)
    if len(known) != 1:
        raise UsageError(f"--metric {metric}: name a single metric, such as ndcg@10")
    ((name, function),) = known.items()
    better = better_of(function) or ("higher" if _reads_ranks(function) else "")
    if not better:
        raise UsageError(
            f"--metric {metric}: {name} does not state whether higher or lower values are better; "
            "name another metric, such as ndcg@10, or set the attribute `better` of your own"
        )
    return plugins, f"{name}@{int(k)}", better


def _reads_ranks(metric: Metric) -> bool:
    """Whether a metric depends on the ranks of targets. If so, higher values are better."""
    try:
        return reads_ranks(metric, MadeUp(None))
    except UnknownFeatureError:
        return False
    except Exception:  # measuring it on the data fails too, and says why
        return True


def _shown(plugins: Plugins, metrics: Any, objective: str) -> tuple[Plugins, list[str]]:
    """Return plugins that measure all metrics, and these as `run` takes them.

    metrics: those that the table shows. objective: the one that trials are compared by.
    """
    plugins, shown = with_shown_metrics(plugins, metrics)
    named = [name for name in shown if name in plugins.asked]
    texts = [*([] if len(named) == len(shown) else [ALL]), *dict.fromkeys([*named, objective])]
    return with_shown_metrics(plugins, texts)[0], texts
