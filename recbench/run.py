"""The flow: load, split, fit, score, evaluate, keep, show."""

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
from recbench.experiment import Experiment, Host, Trial, load_with_notes, model_host
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
    models: Iterable[str],
    dataset: str | Path = "ml-100k",
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
    """Judge every model on the same split and give the results, in the order of the models.

    models, dataset, split: names with options, as on the command line; several splits give a
        table each.
    ks: every metric is computed at each of these.
    seed, device: for models that take them and whose options do not say otherwise; with several
        seeds such a model runs once with each.
    results: the folder that keeps each cell; what it has already is not computed again unless
        `force` is set. None keeps nothing.
    data_dir: a folder with one folder a dataset, the publisher's files in it.
    candidates: `100` or `100:by=popularity,seed=0`: rank among so many sampled items only, to
        compare with older papers; such numbers cannot be compared with those of full ranking.
    recs: name -> file with lists or scores made elsewhere, judged like a model.
    metrics: those that tables for people show; all are computed.
    timeout, memory: seconds and megabytes that one cell may take.
    in_process: run models inside this process, for debuggers.
    plugins: what `load_plugins` gave; by default everything that is installed.

    Each model runs in a process of its own, which never has the targets. One that fails is a
    result with a `status` that says why; the others still run.
    Raises UsageError for wrong names and options before anything is computed.
    """
    plugins = plugins or load_plugins()
    request = Request.of(models, dataset, split, ks, seed, candidates, recs, metrics)
    request.check(plugins)
    keeper = Keeper(None if results is None else Store(results).ready(), request.ks, force)
    judged: list[Result] = []
    with model_host(plugins, timeout, memory, in_process=in_process) as host:
        request.check_model_options(plugins, host, device)
        data = load_with_notes(plugins, request.dataset, data_dir)  # load
        experiments = [
            Experiment.of(plugins, data, name, request.candidates, request.dataset)  # split
            for name in request.splits
        ]
        for experiment in experiments:
            keeper.keep_candidates(experiment)
            for cell in experiment.cells(request.models, request.seeds):
                result = keeper.find(experiment, cell)
                if result is None:
                    with Trial(experiment, cell, host, request.ks, device) as trial:
                        trial.fit(keeper.checkpoint(cell))  # fit
                        trial.score()  # score
                        trial.evaluate()  # evaluate
                        trial.keep_model(keeper.store)
                    result = keeper.keep(experiment, trial.result, trial.columns)  # keep
                judged.append(result)
            for name, path in request.recs.items():
                result, columns = judge_file(experiment, name, Path(path), request.ks)
                judged.append(keeper.keep(experiment, result, columns))
    return Results(judged, keeper.read_columns, metrics, not_stored=keeper.not_stored)  # show


@dataclass(frozen=True)
class Request:
    """What `run` is asked for, with each name once and in the form that tables have."""

    models: Sequence[str]
    dataset: str
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
        dataset: str | Path,
        split: str | Sequence[str],
        ks: int | Sequence[int],
        seed: int | Sequence[int],
        candidates: str | int | None,
        recs: Mapping[str, str | Path] | None,
        metrics: Sequence[str],
    ) -> Request:
        """The arguments of `run`, read but not checked."""
        models = [models] if isinstance(models, str) else models
        splits = parse_split_names(split) if isinstance(split, str) else split
        return cls(
            models=list(dict.fromkeys(str(Spec.parse(model)) for model in models)),
            dataset=str(dataset),
            splits=list(dict.fromkeys(splits)),
            ks=[ks] if isinstance(ks, int) else list(ks),
            seeds=[seed] if isinstance(seed, int) else list(dict.fromkeys(seed)),
            candidates=None if candidates is None else str(candidates),
            recs=recs or {},
            metrics=metrics,
        )

    def check(self, plugins: Plugins) -> None:
        """Raise UsageError for what cannot work, before anything is computed."""
        if not self.models and not self.recs:
            raise UsageError("name at least one model; see: recbench models")
        if not self.ks or min(self.ks) < 1:
            raise UsageError(f"k must be whole numbers from 1, not {list(self.ks)}")
        if not self.splits or not self.seeds:
            raise UsageError("name at least one split and one seed")
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
        find_dataset(plugins, self.dataset)

    def check_model_options(self, plugins: Plugins, host: Host, device: str) -> None:
        """Raise UsageError for options that a factory refuses; whatever else is a row later."""
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
    """Finds what is stored already, and stores what is new.

    store: None keeps nothing. ks: what was asked for. force: run again what is stored.
    columns: by key, a row for each case of a result. not_stored: what could not be stored.
    """

    store: Store | None
    ks: Sequence[int]
    force: bool
    columns: dict[str, Columns] = field(default_factory=dict)
    not_stored: list[Result] = field(default_factory=list)

    def find(self, experiment: Experiment, cell: Result) -> Result | None:
        """The stored result, with every metric and k as it is computed today from its ranks."""
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
        log.info("%s: stored already, not run again (--force runs it)", cell.label)
        return self._at_ks(stored)

    def checkpoint(self, cell: Result) -> Path | None:
        """Where a training may be kept for the next try; None while another run trains there."""
        if self.store is None:
            return None
        place = self.store.checkpoint(cell)
        return None if self.force and not checkpoint.remove(place) else place

    def keep(self, experiment: Experiment, result: Result, columns: Columns) -> Result:
        """Store a new result, tell the plugins, and give it at the ks that were asked for."""
        if not result.ok:
            log.error("%s %s", result.label, result.status)
        if self.store is not None:
            result = self._store(self.store, result, columns)
            self._clear_checkpoint(self.store.checkpoint(result), result)
        self.columns[result.key] = columns
        experiment.plugins.notify(result)
        return self._at_ks(result)

    def keep_candidates(self, experiment: Experiment) -> None:
        """Store the items that targets are ranked among, where they are sampled."""
        if self.store is None or experiment.pool is None:
            return
        try:
            self.store.write_candidates(experiment.setting, experiment.pool)
        except RecbenchError as error:  # they can be drawn again
            log.error("candidates: NOT STORED, %s", describe_error(error))

    def read_columns(self, result: Result) -> Columns:
        """A row for each case of a result; none where there are none."""
        return self.columns.get(result.key, {})

    def _store(self, store: Store, result: Result, columns: Columns) -> Result:
        """Store it; a disk that is full by now costs neither the numbers nor the other models."""
        if not result.ok and store.find(result) is not None:
            log.warning("%s: its earlier result stays stored", result.label)
            return result
        try:
            return store.write(result, columns)
        except RecbenchError as error:
            log.error("%s: NOT STORED, %s", result.label, describe_error(error))
            self.not_stored.append(result)
            return result

    def _clear_checkpoint(self, place: Path, result: Result) -> None:
        """Remove a checkpoint that holds nothing; of one that a failed training left, say so."""
        if not checkpoint.can_resume(place):
            checkpoint.remove(place)
        elif not result.ok:
            log.warning(
                "%s: its checkpoint is kept; run again, it goes on from there (--force: anew)",
                result.label,
            )

    def _at_ks(self, result: Result) -> Result:
        """The result with the values at the ks that were asked for."""
        values = {
            key: value
            for key, value in result.values.items()
            if int(key.partition("@")[2]) in self.ks
        }
        return dataclasses.replace(result, values=values)
