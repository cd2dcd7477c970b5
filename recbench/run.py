"""The whole flow: load, split, fit, score, evaluate, store, show."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from recbench.arguments import check_arguments, plain_numbers, with_names_checked
from recbench.cell import Task
from recbench.data.candidates import read_candidates
from recbench.data.load import Data, find_dataset, text_of
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.measure import Metric
from recbench.experiment import Experiment, Host, load_and_log, model_host
from recbench.external import check_lists, check_name, judge_file
from recbench.given.models import with_models
from recbench.given.splitters import with_splitters
from recbench.jobs.engines import Engine, Where
from recbench.keeper import Keeper
from recbench.offers import NAME
from recbench.plugins import Plugins, current_plugins
from recbench.progress import Bar, log
from recbench.results.groups import CaseFacts, check_columns, names_of
from recbench.results.result import Result
from recbench.results.results import Results
from recbench.results.section import RANKED_BY
from recbench.results.shown import with_shown_metrics, without_unmeasured
from recbench.spec import Spec, seed_of
from recbench.store.store import Store
from recbench.tracking import check_trackers, tracked
from recbench.tuning.chosen import best_options, studies_for, with_best
from recbench.tuning.study import Study

KS = (3, 5, 10)


@with_names_checked
def run(
    models: Any,
    dataset: Data | Sequence[Data] | Mapping[str, Data] = "ml-100k",
    *,
    split: Any = "leave-last-out",
    ks: int | Sequence[int] = KS,
    seed: int | Sequence[int] = 0,
    metrics: Any = (RANKED_BY,),
    by: str | Sequence[str] = (),
    candidates: str | int | None = None,
    recs: Mapping[str, Any] | None = None,
    tuned: bool | Sequence[Study] = False,
    device: str = "auto",
    timeout: float | None = None,
    memory: int | None = None,
    in_process: bool = False,
    jobs: int | str = 1,
    executor: Any = None,
    shared_results: bool = False,
    track: Any = (),
    results: str | Path | None = "results",
    data_dir: str | None = None,
    force: bool = False,
    plugins: Plugins | None = None,
) -> Results:
    """Train and evaluate models on the same splits, and return results that can be compared.

    Parameters
    ----------
    models : str, class, object, function, module or path, or several of them
        A model: a name with options, such as "transformer:dim=128,layers=2", a class, an object
        such as Mine(dim=32), a function that builds one, a module, or the path of a .py file, as in
        "mine.py" or "mine.py:Mine:dim=32". Several are given as a list, or as a mapping from names
        for the table to models. Several values of an option, "rules:decay=0.5|0.9", are a model
        each; a value with the character | itself has ||.
    dataset : str, path, pandas.DataFrame or Dataset, or several of them, default: "ml-100k"
        A dataset or the path of a log, with options, as in "log.csv:user=customer,item=sku", a log
        as a DataFrame, or what `load_dataset` returned. Several are given as a list or as a mapping
        from names. Each is evaluated separately. All are loaded before the first model is trained.
    split : str, class, object, function or path, or several of them, default: "leave-last-out"
        How to hold out targets: a splitter with options, such as "temporal:share=0.9", the path of
        a .py file, a class or object with `split`, or a function of (interactions). Each of several
        splitters is evaluated separately.
    ks : int or sequence of int, default: (3, 5, 10)
        Cut-offs, of 1 or more. Every metric is computed at each of them.
    seed : int or sequence of int, default: 0
        Random seed, for models that have one. With several, each such model runs once per seed.
    metrics : str, function or path, or several of them, default: ("ndcg",)
        Metrics that tables show, or "all": names with options, "rbp:persistence=0.9", functions of
        (ranking, k), or paths of .py files. All metrics are computed and stored.
    by : str or sequence of str, default: ()
        Also show each metric by groups: by columns of users or items, by "history" (its length) or
        by "popularity" (of the target). By columns of items, the groups are those of the targets.
    candidates : str, int or None, default: None
        Rank each target among this many sampled items, as older papers did: 100 or
        "100:by=popularity,seed=0". None ranks it among all items. Results of the two kinds cannot
        be compared.
    recs : mapping of str to path or pandas.DataFrame, or None, default: None
        Recommendations made elsewhere: a name for the table -> a CSV or Parquet file, or a
        DataFrame with the same columns.
    tuned : bool or sequence of Study, default: False
        True uses the best options that `tune` has found for each model on the same data and split,
        and stored in the folder `results`. Studies that are given here are used in place of stored
        ones. Rows of the table say so.
    device : str, default: "auto"
        Device of models that use torch: "auto", "cpu", "cuda" or "mps".
    timeout : float or None, default: None
        Time limit per model and seed, in seconds, for training and answers together.
    memory : int or None, default: None
        Memory limit per model, in megabytes. None allows 90% of the memory that is free.
    in_process : bool, default: False
        Run models in this process, without limits, to debug them.
    jobs : int or "auto", default: 1
        How many models run side by side on this machine, each with its share of the cores and of
        the free memory. "auto" runs as many as there are cores, but one at a time if that is
        faster: if there is little to do, or if the models share a GPU. Linux only.
    executor : str, concurrent.futures.Executor or None, default: None
        Run models in other processes, perhaps on other machines: the name of an executor with
        options, such as "dask:workers=2" or "slurm:partition=gpu,minutes=120", or the path of a .py
        file. recbench, the plugins and the data must be the same there.
    shared_results : bool, default: False
        Have the processes of the executor store results, fitted models and checkpoints in the
        folder `results`, which they must share. Otherwise they return results and models.
    track : str or object, or several of them, default: ()
        Trackers that are told of what models report while they train, and of each new result: names
        with options, such as "mlflow:experiment=mine", objects with methods for the event hooks, or
        paths of .py files.
    results : str, path or None, default: "results"
        Folder of stored results. Results that it holds are not computed again. None stores nothing.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    force : bool, default: False
        Run models again even if their results are stored.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Results
        One result per dataset, split, model and seed, in the order of the arguments. A model that
        fails has a result whose `status` gives the reason, and the other models still run.

    Raises
    ------
    UsageError
        If a name or an option is wrong. It is raised before anything is computed.
    RecbenchError
        If the data cannot be loaded or split, or the results folder cannot be written.

    Notes
    -----
    Each model runs in a separate process, which never has access to the targets.

    Examples
    --------
    >>> import recbench
    >>> results = recbench.run(["popular", "random"], "synthetic", ks=10, results=None)
    >>> [(result.model, result.status) for result in results]
    [('popular', 'ok'), ('random', 'ok')]
    >>> results[0].value("ndcg", 10).mean > results[1].value("ndcg", 10).mean
    True
    """
    plugins, texts = with_models(current_plugins(plugins), models)
    plugins, splits = with_splitters(plugins, split)
    request = Request.of(texts, dataset, splits, ks, seed, candidates, recs)
    check_arguments(request.ks, request.seeds, device, timeout, memory)
    request.check(plugins)
    plugins, shown = with_shown_metrics(plugins, metrics)
    where = Where(jobs, executor, shared_results)
    plugins, where = where.checked(plugins, results, in_process=in_process)
    plugins, trackers = check_trackers(plugins, track)
    groups = names_of(by)
    keeper = Keeper(None if results is None else Store(results), request.ks, list(shown), force)
    with contextlib.ExitStack() as open_host:
        host = model_host(plugins, timeout, memory, in_process=in_process)
        open_host.enter_context(host)
        request.check_model_options(plugins, host, device)
        experiments, loaded = {}, {}
        for name, given in request.datasets:
            data = load_and_log(plugins, given, data_dir, log_notes=False)  # load
            data = dataclasses.replace(data, name=name) if name else data
            for split_text in request.splits:
                experiment = Experiment.of(  # split
                    plugins, data, split_text, request.candidates, text_of(given)
                )
                _ = experiment.metrics  # metrics that refuse their options end the command here
                key = experiment.setting.comparison_key
                experiments[key], loaded[key] = experiment, (name, given)
        facts = {key: experiment.case_facts for key, experiment in experiments.items()}
        check_columns(groups, [known.metadata for known in facts.values()])
        studies = studies_for(tuned, results)
        planned = [
            (experiment, with_best(experiment.cells(models, request.seeds, host, device), best))
            for experiment in experiments.values()
            for models, best in [best_options(experiment, request.models, studies, results)]
        ]
        engine = Engine(where, host, open_host.close, keeper, timeout, memory, loaded, data_dir)
        made = Made(planned, request.recs, keeper, plugins, shown, groups, facts)
        with made.tracked(trackers), Bar("models", len(made.places), "model") as bar:
            tasks = []
            for experiment, cells in planned:
                for cell in cells:
                    stored = keeper.find(experiment, cell)
                    if stored is None:
                        tasks.append(Task(experiment, cell))
                    else:
                        made.add(cell.key, stored, bar)
            for task, result in engine.run(tasks, bar):  # fit, score, evaluate, store
                made.add(task.cell.key, result, bar)
            for experiment, _ in planned:
                for name, lists in request.recs.items():
                    bar.step(0, name)
                    keeper.prepare(experiment)
                    result, columns = judge_file(experiment, name, lists, request.ks)
                    result = keeper.show(experiment, keeper.keep(result, columns), columns)
                    made.add((experiment, name), result, bar)
    return made.results()  # show


@dataclass(eq=False)
class Made:
    """The results of a run so far, in the order of its arguments.

    planned: the cells of each experiment. recs: as in `Request`. shown: the metrics of the table.
    groups: columns. facts: comparison key -> what is known of the cases.
    """

    planned: Sequence[tuple[Experiment, Sequence[Result]]]
    recs: Mapping[str, Any]
    keeper: Keeper
    plugins: Plugins
    shown: Mapping[str, Metric]
    groups: Sequence[str]
    facts: Mapping[Any, CaseFacts]
    _found: dict[Any, Result] = field(default_factory=dict)

    @cached_property
    def places(self) -> list[Any]:
        """What `add` calls each result."""
        return [
            place
            for experiment, cells in self.planned
            for places in ([cell.key for cell in cells], [(experiment, name) for name in self.recs])
            for place in places
        ]

    def add(self, place: Any, result: Result, bar: Bar) -> None:
        """Add a result, and count it."""
        self._found[place] = result
        bar.step()

    @contextlib.contextmanager
    def tracked(self, trackers: Sequence[Any]) -> Iterator[None]:
        """In this block, trackers are called, and at its end all are told of all results."""
        with tracked(self.plugins, trackers):
            try:
                yield
            finally:  # also after Ctrl-C
                self.plugins.notify("recbench_all_finished", results=self.results())

    def results(self) -> Results:
        """Return the results so far, to be shown."""
        found = [self._found[place] for place in self.places if place in self._found]
        made = Results(
            found,
            self.keeper.read_columns,
            list(without_unmeasured(self.plugins, self.shown, found)),
            not_stored=self.keeper.not_stored,
            reused=self.keeper.reused,
            describe=lambda result: self.facts[result.setting.comparison_key],
        )
        return made.showing(by=self.groups, plugins=self.plugins)


@dataclass(frozen=True)
class Request:
    """The arguments of `run`, with each name once, and models spelt as tables spell them.

    datasets: the name that the user has given to each, or None, and what it is loaded from.
    """

    models: Sequence[str]
    datasets: Sequence[tuple[str | None, Data]]
    splits: Sequence[str]
    ks: Sequence[int]
    seeds: Sequence[int]
    candidates: str | None
    recs: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        models: Sequence[str],
        dataset: Data | Sequence[Data] | Mapping[str, Data],
        splits: Sequence[str],
        ks: int | Sequence[int],
        seed: int | Sequence[int],
        candidates: str | int | None,
        recs: Mapping[str, Any] | None,
    ) -> Request:
        """Parse the arguments of `run` without checking them."""
        datasets = _named(dataset)
        return cls(
            models=list(dict.fromkeys(models)),
            datasets=list(
                {
                    (name, text_of(data) or id(data)): (name, data) for name, data in datasets
                }.values()
            ),
            splits=splits,
            ks=plain_numbers(ks),
            seeds=list(dict.fromkeys(plain_numbers(seed))),
            candidates=None if candidates is None else str(candidates),
            recs=recs or {},
        )

    def check(self, plugins: Plugins) -> None:
        """Raise UsageError for wrong arguments, before anything is computed."""
        if not self.models and not self.recs:
            raise UsageError("name at least one model. To list them: recbench models")
        if not self.datasets or not self.splits or not self.ks or not self.seeds:
            raise UsageError("name at least one dataset, split, cut-off (k) and seed")
        if self.recs and len(self.datasets) > 1:
            raise UsageError("--recs are recommendations for one dataset; give one --dataset")
        for name, lists in self.recs.items():
            check_name(plugins, name)
            check_lists(name, lists)
        if self.candidates is not None:
            read_candidates(self.candidates)
        for spec in map(Spec.parse, self.models):
            if not plugins.why_missing(spec.name):
                seed_of(plugins.check("models", spec).factory, spec, self.seeds[0])
        for split in self.splits:
            plugins.check("splitters", Spec.parse(split))
        plugins.find("metrics", RANKED_BY)
        for given, data in self.datasets:
            if given is not None and not NAME.fullmatch(given):
                raise UsageError(
                    f"dataset {given!r}: a name has 1 to 100 letters, digits and characters of "
                    "'-_.+', and begins with a letter or digit. Choose another"
                )
            find_dataset(plugins, data)

    def check_model_options(self, plugins: Plugins, host: Host, device: str) -> None:
        """Raise UsageError for options that a factory rejects; other errors become results."""
        for model in self.models:
            spec = Spec.parse(model)
            if plugins.why_missing(spec.name):
                continue
            try:
                with host.cell(model, {"seed": self.seeds[0], "device": device}):
                    pass
            except RecbenchError as error:
                if isinstance(error, UsageError) and spec.options:
                    raise
                log.debug("%s will fail: %s", model, describe_error(error))


def _named(dataset: Data | Sequence[Data] | Mapping[str, Data]) -> list[tuple[str | None, Data]]:
    """Return datasets with the names that the user has given to them, or None."""
    if isinstance(dataset, Mapping):
        return [(str(name), data) for name, data in dataset.items()]
    return [(None, data) for data in (dataset if isinstance(dataset, (list, tuple)) else [dataset])]
