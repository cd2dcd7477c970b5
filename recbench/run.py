"""The flow: dataset -> split -> model.fit(train) -> model.score(history) -> evaluate -> result."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbench.data.candidates import read_candidates
from recbench.data.interactions import Array, Column
from recbench.data.load import find_dataset
from recbench.data.split import split_names
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.metrics import no_values
from recbench.experiment import Experiment, load_aloud
from recbench.external import check_name, judge_file
from recbench.isolation.runner import AVAILABLE, IsolatedHost, Limits
from recbench.models.checkpoint import forget, holds_something
from recbench.models.in_process import InProcessHost
from recbench.plugins import Plugins, load_plugins
from recbench.progress import log
from recbench.results.result import Result, Setting
from recbench.results.results import Results
from recbench.results.section import RANKED_BY
from recbench.spec import Spec
from recbench.store.store import Store


@dataclass(eq=False)
class Work:
    """What turns cells into results: from the store where they are there, else by running them.

    columns: by key, what is known of each judged row. unstored: what could not be stored.
    """

    experiment: Experiment
    store: Store | None
    home: Any
    ks: Sequence[int]
    device: str
    force: bool
    columns: dict[str, Mapping[str, Column]] = field(default_factory=dict)
    unstored: list[Result] = field(default_factory=list)

    def model(self, cell: Result) -> Result:
        """The result of a model's cell."""
        kept = self._find_stored(cell)
        if kept is not None:
            log.info("%s: stored already, not run again (--force runs it)", _called(cell))
            return self._asked(kept)
        lost = self.experiment.plugins.why_missing(Spec.parse(cell.model).name)
        if lost:
            nothing = no_values(self.experiment.metrics, self.ks)
            failed = self.experiment.finished(cell, status=f"failed: {lost}", values=nothing)
            return self._done(failed, {})
        log.info("%s: fitting on %s", _called(cell), self.experiment.setting.dataset)
        keep = None if self.store is None else self.store.write_model
        place = None if self.store is None else self.store.checkpoint(cell)
        if self.force and place is not None and not forget(place):
            place = None  # another run is training with it
        result, rows = self.experiment.judge(cell, self.ks, self.device, self.home, keep, place)
        result = self._done(result, rows)
        if place is not None and not holds_something(place):
            forget(place)
        elif place is not None and not result.ok:
            log.warning(
                "%s: its checkpoint is kept; run again, it goes on from there (--force: anew)",
                _called(cell),
            )
        return result

    def recs(self, name: str, path: str | Path) -> Result:
        """The result of lists or scores that were made elsewhere."""
        return self._done(*judge_file(self.experiment, name, Path(path), self.ks))

    def _done(self, result: Result, rows: Mapping[str, Column]) -> Result:
        if not result.ok:
            log.error("%s %s", _called(result), result.status)
        if self.store is not None:
            result = self._store(self.store, result, rows)
        self.columns[result.key] = rows
        self.experiment.plugins.notify(result)
        return self._asked(result)

    def _asked(self, result: Result) -> Result:
        """The result with the values at the ks that were asked for."""
        asked = {
            key: value
            for key, value in result.values.items()
            if int(key.partition("@")[2]) in self.ks
        }
        return dataclasses.replace(result, values=asked)

    def _store(self, store: Store, result: Result, rows: Mapping[str, Column]) -> Result:
        """Store it; a disk that is full by now costs neither the numbers nor the other models."""
        if not result.ok and store.find(result) is not None:
            log.warning("%s: its earlier result stays stored", _called(result))
            return result
        try:
            return store.write(result, rows)
        except RecbenchError as error:
            log.error("%s: NOT STORED, %s", _called(result), describe_error(error))
            self.unstored.append(result)
            return result

    def _find_stored(self, cell: Result) -> Result | None:
        """The stored result, with every metric and k as it is computed today from its ranks."""
        kept = None if self.store is None or self.force else self.store.find(cell)
        if kept is None or self.store is None:
            return None
        if kept.depth < max(self.ks) and kept.depth < kept.setting.n_items:
            return None
        ranking = self.experiment.ranking(self.store.ranking(kept))
        again, rows = self.experiment.measure(kept, ranking, self.ks)
        self.columns[kept.key] = {**self.store.case_columns(kept), **rows}
        if repr(self._asked(again).values) == repr(self._asked(kept).values):
            return kept
        return self._store(
            self.store, dataclasses.replace(kept, values=again.values), self.columns[kept.key]
        )


def _called(result: Result) -> str:
    return result.model if result.seed is None else f"{result.model}, seed {result.seed}"


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
    ks = [ks] if isinstance(ks, int) else list(ks)
    seeds = [seed] if isinstance(seed, int) else list(dict.fromkeys(seed))
    splits = list(dict.fromkeys(split_names(split) if isinstance(split, str) else split))
    dataset = str(dataset)
    specs = _names(models)
    sample = None if candidates is None else str(candidates)
    _check(plugins, specs, recs or {}, dataset, splits, ks, seeds, metrics, sample)
    store = None if results is None else Store(results).ready()
    home: IsolatedHost | InProcessHost
    if in_process or not AVAILABLE:
        if not in_process or timeout is not None or memory is not None:
            log.warning("models run inside this process: nothing bounds their time and memory")
        home = InProcessHost(plugins)
    else:
        home = IsolatedHost(plugins, Limits(timeout, None if memory is None else memory * 2**20))
    with home:
        _check_options(home, plugins, specs, seeds[0], device)
        data = load_aloud(dataset, data_dir, plugins)
        found: list[Result] = []
        columns: dict[str, Mapping[str, Column]] = {}
        unstored: list[Result] = []
        experiments = [Experiment.of(plugins, data, one, sample, dataset) for one in splits]
        for experiment in experiments:
            if store is not None and experiment.pool is not None:
                _store_candidates(store, experiment.setting, experiment.pool)
            work = Work(experiment, store, home, ks, device, force)
            found += [work.model(cell) for cell in _cells(experiment, specs, seeds)]
            found += [work.recs(name, path) for name, path in (recs or {}).items()]
            columns |= work.columns
            unstored += work.unstored
    return Results(found, lambda one: columns.get(one.key, {}), metrics, not_stored=unstored)


def _names(models: Iterable[str]) -> list[str]:
    """The models without repeats, as tables call them."""
    models = [models] if isinstance(models, str) else models
    return list(dict.fromkeys(str(Spec.parse(model)) for model in models))


def _check(
    plugins: Plugins,
    specs: Sequence[str],
    recs: Mapping[str, str | Path],
    dataset: str,
    splits: Sequence[str],
    ks: Sequence[int],
    seeds: Sequence[int],
    metrics: Sequence[str],
    candidates: str | None,
) -> None:
    """Raise UsageError for what cannot work, before anything is computed."""
    if not specs and not recs:
        raise UsageError("name at least one model; see: recbench models")
    if not ks or min(ks) < 1:
        raise UsageError(f"k must be whole numbers from 1, not {list(ks)}")
    if not splits or not seeds:
        raise UsageError("name at least one split and one seed")
    for name in recs:
        check_name(plugins, name)
    if candidates is not None:
        read_candidates(candidates)
    for spec in map(Spec.parse, specs):
        if not plugins.why_missing(spec.name):
            plugins.check("models", spec)
    for split in splits:
        plugins.check("splitters", Spec.parse(split))
    for metric in {RANKED_BY, *metrics}:
        plugins.find("metrics", metric)
    find_dataset(plugins, dataset)


def _check_options(
    home: Any, plugins: Plugins, specs: Sequence[str], seed: int, device: str
) -> None:
    """Raise UsageError for options that a model's factory refuses; whatever else is a row later."""
    for spec in specs:
        if plugins.why_missing(Spec.parse(spec).name):
            continue
        try:
            with home.cell(spec, {"seed": seed, "device": device}):
                pass
        except UsageError:
            raise
        except RecbenchError as error:
            log.debug("%s will fail: %s", spec, describe_error(error))


def _store_candidates(store: Store, setting: Setting, pool: Array) -> None:
    try:
        store.write_candidates(setting, pool)
    except RecbenchError as error:  # they can be drawn again
        log.error("candidates: NOT STORED, %s", describe_error(error))


def _cells(experiment: Experiment, specs: Sequence[str], seeds: Sequence[int]) -> list[Result]:
    """A cell for each model and seed; one only for a model that takes no seed."""
    cells = {}
    for spec in specs:
        for seed in seeds:
            cell = experiment.cell(spec, seed)
            cells[cell.key] = cell
    return list(cells.values())
