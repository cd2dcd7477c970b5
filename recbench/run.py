"""The whole flow: load, split, fit, score, evaluate, store, show."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recbench.data.candidates import read_candidates
from recbench.data.interactions import Columns
from recbench.data.load import find_dataset
from recbench.data.split import parse_split_names
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.experiment import Experiment, Host, Trial, load_and_log, model_host
from recbench.external import check_name, judge_file
from recbench.models import checkpoint
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.results.result import Result
from recbench.results.results import Results
from recbench.results.section import RANKED_BY
from recbench.spec import Spec
from recbench.store.store import Store

KS = (3, 5, 10)


def run(
    models: str | Iterable[str],
    dataset: str | Path | Sequence[str | Path] = "ml-100k",
    *,
    split: str | Sequence[str] = "leave-last-out",
    ks: int | Sequence[int] = KS,
    seed: int | Sequence[int] = 0,
    device: str = "auto",
    results: str | Path | None = "results",
    data_dir: str | None = None,
    candidates: str | int | None = None,
    recs: Mapping[str, str | Path] | None = None,
    metrics: Sequence[str] = (RANKED_BY,),
    timeout: float | None = None,
    memory: int | None = None,
    in_process: bool = False,
    force: bool = False,
    plugins: Plugins | None = None,
) -> Results:
    """Train and evaluate models on the same splits, and return results that can be compared.

    Parameters
    ----------
    models : str or iterable of str
        Models with options, such as "popular" or "transformer:dim=128,layers=2".
    dataset : str, path or sequence of them, default: "ml-100k"
        A dataset, or the path of a log, with options: "log.csv:user=customer,item=product". Each of
        several datasets is evaluated separately. All are loaded before the first model is trained.
    split : str or sequence of str, default: "leave-last-out"
        How to hold out targets. Each of several splitters is evaluated separately.
    ks : int or sequence of int, default: (3, 5, 10)
        Cut-offs, of 1 or more. Every metric is computed at each of them.
    seed : int or sequence of int, default: 0
        Random seed. With several, each model that has a seed runs once per seed.
    device : str, default: "auto"
        Device of models that use torch: "auto", "cpu", "cuda" or "mps".
    results : str, path or None, default: "results"
        Folder of stored results. Results that it holds are not computed again. None stores nothing.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    candidates : str, int or None, default: None
        Rank each target among this many sampled items, as older papers did: 100 or
        "100:by=popularity,seed=0". None ranks it among all items. Results of the two kinds cannot
        be compared.
    recs : mapping of str to path, or None, default: None
        Recommendations made elsewhere: a name for the table -> a CSV or Parquet file.
    metrics : sequence of str, default: ("ndcg",)
        Metrics that tables show. All metrics are computed and stored.
    timeout : float or None, default: None
        Time limit per model and seed, for training and scoring together, in seconds.
    memory : int or None, default: None
        Memory limit per model and seed, in megabytes. None allows 90% of the memory that is free.
    in_process : bool, default: False
        Run models in this process, for a debugger. There are then no limits on time and memory.
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
    plugins = plugins or load_plugins()
    request = Request.of(models, dataset, split, ks, seed, candidates, recs, metrics)
    request.check(plugins)
    _check_limits(timeout, memory)
    keeper = Keeper(None if results is None else Store(results).ready(), request.ks, force)
    judged: list[Result] = []
    with model_host(plugins, timeout, memory, in_process=in_process) as host:
        request.check_model_options(plugins, host, device)
        experiments = {}
        for text in request.datasets:
            data = load_and_log(plugins, text, data_dir, log_notes=False)  # load
            for name in request.splits:
                experiment = Experiment.of(plugins, data, name, request.candidates, text)  # split
                experiments[experiment.setting.comparison_key] = experiment
        for experiment in experiments.values():
            keeper.keep_candidates(experiment)
            for cell in experiment.cells(request.models, request.seeds):
                result = keeper.find(experiment, cell)
                if result is None:
                    with Trial(experiment, cell, host, request.ks, device) as trial:
                        trial.fit(keeper.checkpoint(cell))  # fit
                        trial.score()  # score
                        trial.evaluate()  # evaluate
                        trial.keep_model(keeper.store)
                    result = keeper.keep(experiment, trial.result, trial.columns)  # store
                judged.append(result)
            for name, path in request.recs.items():
                result, columns = judge_file(experiment, name, Path(path), request.ks)
                judged.append(keeper.keep(experiment, result, columns))
    shown = [plugins.find("metrics", name).name for name in metrics]
    return Results(judged, keeper.read_columns, shown, not_stored=keeper.not_stored)  # show


def _check_limits(timeout: float | None, memory: int | None) -> None:
    """Raise UsageError for limits that no model can keep."""
    for option, limit in (("--timeout", timeout), ("--memory", memory)):
        if limit is not None and not limit > 0:
            raise UsageError(f"{option} must be above 0, not {limit:g}")


@dataclass(frozen=True)
class Request:
    """The arguments of `run`, with each name once, and models spelt as tables spell them."""

    models: Sequence[str]
    datasets: Sequence[str]
    splits: Sequence[str]
    ks: Sequence[int]
    seeds: Sequence[int]
    candidates: str | None
    recs: Mapping[str, str | Path]
    metrics: Sequence[str]

    @classmethod
    def of(
        cls,
        models: Iterable[str],
        dataset: str | Path | Sequence[str | Path],
        split: str | Sequence[str],
        ks: int | Sequence[int],
        seed: int | Sequence[int],
        candidates: str | int | None,
        recs: Mapping[str, str | Path] | None,
        metrics: Sequence[str],
    ) -> Request:
        """Parse the arguments of `run` without checking them."""
        models = [models] if isinstance(models, str) else models
        datasets = [dataset] if isinstance(dataset, (str, Path)) else dataset
        splits = parse_split_names(split) if isinstance(split, str) else split
        return cls(
            models=list(dict.fromkeys(str(Spec.parse(model)) for model in models)),
            datasets=list(dict.fromkeys(map(str, datasets))),
            splits=list(dict.fromkeys(splits)),
            ks=[ks] if isinstance(ks, int) else list(ks),
            seeds=[seed] if isinstance(seed, int) else list(dict.fromkeys(seed)),
            candidates=None if candidates is None else str(candidates),
            recs=recs or {},
            metrics=metrics,
        )

    def check(self, plugins: Plugins) -> None:
        """Raise UsageError for wrong arguments, before anything is computed."""
        if not self.models and not self.recs:
            raise UsageError("name at least one model. To list them: recbench models")
        if not self.ks or min(self.ks) < 1:
            raise UsageError(f"cut-offs (k) must be 1 or more, not {', '.join(map(str, self.ks))}")
        if not self.datasets or not self.splits or not self.seeds:
            raise UsageError("name at least one dataset, one split and one seed")
        if self.recs and len(self.datasets) > 1:
            raise UsageError("--recs are recommendations for one dataset; give one --dataset")
        for name in self.recs:
            check_name(plugins, name)
        if self.candidates is not None:
            read_candidates(self.candidates)
        for spec in map(Spec.parse, self.models):
            if not plugins.why_missing(spec.name):
                plugins.check("models", spec)
        for split in self.splits:
            plugins.check("splitters", Spec.parse(split))
        for metric in {RANKED_BY, *self.metrics}:
            plugins.find("metrics", metric)
        for dataset in self.datasets:
            find_dataset(plugins, dataset)

    def check_model_options(self, plugins: Plugins, host: Host, device: str) -> None:
        """Raise UsageError for options that a factory rejects; other errors become results."""
        for model in self.models:
            if plugins.why_missing(Spec.parse(model).name):
                continue
            try:
                with host.cell(model, {"seed": self.seeds[0], "device": device}):
                    pass
            except UsageError:
                raise
            except RecbenchError as error:
                log.debug("%s will fail: %s", model, describe_error(error))


@dataclass(eq=False)
class Keeper:
    """Finds results that are already stored, and stores new ones.

    store: None stores nothing. ks: the requested cut-offs. force: do not use stored results.
    columns: result key -> columns with one row per case. not_stored: results that could not be
    stored.
    """

    store: Store | None
    ks: Sequence[int]
    force: bool
    columns: dict[str, Columns] = field(default_factory=dict)
    not_stored: list[Result] = field(default_factory=list)

    def find(self, experiment: Experiment, cell: Result) -> Result | None:
        """Return the stored result, with all metrics computed from its ranks by today's code."""
        stored = None if self.store is None or self.force else self.store.find(cell)
        if stored is None or self.store is None:
            return None
        if stored.depth < max(self.ks) and stored.depth < stored.setting.n_items:
            return None
        ranking = experiment.ranking(self.store.ranking(stored))
        now, columns = experiment.measure(stored, ranking, self.ks)
        self.columns[stored.key] = {**self.store.case_columns(stored), **columns}
        if repr(self._at_ks(now).values) != repr(self._at_ks(stored).values):
            stored = self._store(
                self.store,
                dataclasses.replace(stored, values=now.values),
                self.columns[stored.key],
            )
        log.info("%s: using the stored result (--force runs it again)", cell.label)
        return self._at_ks(stored)

    def checkpoint(self, cell: Result) -> Path | None:
        """Return the folder for a checkpoint; with force, None while another run is using it."""
        if self.store is None:
            return None
        place = self.store.checkpoint(cell)
        return None if self.force and not checkpoint.remove(place) else place

    def keep(self, experiment: Experiment, result: Result, columns: Columns) -> Result:
        """Store a new result, notify the plugins, and return it at the requested cut-offs."""
        if not result.ok:
            log.error("%s", result.failure)
        if self.store is not None:
            result = self._store(self.store, result, columns)
            self._clear_checkpoint(self.store.checkpoint(result), result)
        self.columns[result.key] = columns
        experiment.plugins.notify(result)
        return self._at_ks(result)

    def keep_candidates(self, experiment: Experiment) -> None:
        """Store the candidates, if there are any."""
        if self.store is None or experiment.pool is None:
            return
        try:
            self.store.write_candidates(experiment.setting, experiment.pool)
        except RecbenchError as error:  # they can be drawn again
            log.error("the candidates were NOT STORED: %s", describe_error(error))

    def read_columns(self, result: Result) -> Columns:
        """Return columns with one row per case of a result; none for a failed result."""
        return self.columns.get(result.key, {})

    def _store(self, store: Store, result: Result, columns: Columns) -> Result:
        """Store a result. If that fails, log it, and go on with the other models."""
        if not result.ok and store.find(result) is not None:
            log.warning("%s: the stored result of an earlier run is kept", result.label)
            return result
        try:
            return store.write(result, columns)
        except RecbenchError as error:
            log.error("%s: the result was NOT STORED: %s", result.label, describe_error(error))
            self.not_stored.append(result)
            return result

    def _clear_checkpoint(self, place: Path, result: Result) -> None:
        """Remove an empty checkpoint; log how to resume from one of a failed training."""
        if not checkpoint.can_resume(place):
            checkpoint.remove(place)
        elif not result.ok:
            log.warning(
                "%s: its checkpoint is kept. Run the command again to resume the training, or add "
                "--force to start over",
                result.label,
            )

    def _at_ks(self, result: Result) -> Result:
        """Return the result with values at the requested cut-offs only."""
        values = {
            key: value
            for key, value in result.values.items()
            if int(key.partition("@")[2]) in self.ks
        }
        return dataclasses.replace(result, values=values)
