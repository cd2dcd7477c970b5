"""The flow: dataset -> split -> model.fit(train) -> model.score(history) -> evaluate -> result."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .bench import Bench, measured, value_keys
from .errors import RecbenchError, UsageError, said
from .interactions import Array
from .load import find_dataset
from .metric import summarise
from .plugins import Plugins, load_plugins
from .progress import log
from .result import Result
from .results import RANKED_BY, Results
from .spec import Spec
from .store import Store

KS = (3, 5, 10)


def run(
    models: Iterable[str],
    dataset: str | Path = "ml-100k",
    *,
    split: str = "leave-last-out",
    ks: int | Sequence[int] = KS,
    seed: int = 0,
    device: str = "auto",
    results: str | Path | None = "results",
    data_dir: str | None = None,
    force: bool = False,
    plugins: Plugins | None = None,
) -> Results:
    """Judge every model on the same split and give the results, in the order of the models.

    models, dataset, split: names with options, as on the command line.
    ks: every metric is computed at each of these.
    seed, device: for models that take them and whose options do not say otherwise.
    results: the folder that keeps each cell; what it has already is not computed again unless
        `force` is set. None keeps nothing.
    data_dir: a folder with one folder a dataset, the publisher's files in it.
    plugins: what `load_plugins` gave; by default everything that is installed.

    A model that fails is a result with a `status` that says why; the others still run.
    Raises UsageError for wrong names and options before anything is computed.
    """
    plugins = plugins or load_plugins()
    ks = [ks] if isinstance(ks, int) else ks
    dataset = str(dataset)
    specs = _check(plugins, models, dataset, split, ks, seed, device)
    store = None if results is None else Store(results).ready()
    bench = Bench.prepare(plugins, dataset, split, data_dir)
    found = []
    for spec in specs:
        cell = bench.cell(spec, seed)
        kept = None if store is None or force else _find_stored(plugins, store, cell, ks)
        if kept is None:
            log.info("%s: fitting on %s", cell.model, bench.setting.dataset)
            kept, rows = bench.judge(cell, ks, device, store)
            if not kept.ok:
                log.error("%s %s", kept.model, kept.status)
            if store is not None:
                kept = _store_result(store, kept, rows)
            plugins.tell(kept)
        else:
            log.info("%s: stored already, not run again (--force runs it)", cell.model)
        asked = {key: kept.values[key] for key in value_keys(plugins, ks) if key in kept.values}
        found.append(dataclasses.replace(kept, values=asked))
    return Results(found)


def _check(
    plugins: Plugins,
    models: Iterable[str],
    dataset: str,
    split: str,
    ks: Sequence[int],
    seed: int,
    device: str,
) -> list[str]:
    """The models without repeats, once every name and option is known to be right."""
    models = [models] if isinstance(models, str) else models
    specs = list(dict.fromkeys(str(Spec.parse(model)) for model in models))
    if not specs:
        raise UsageError("name at least one model; see: recbench models")
    if not ks or min(ks) < 1:
        raise UsageError(f"k must be whole numbers from 1, not {list(ks)}")
    for spec in map(Spec.parse, specs):
        try:
            plugins.build("models", spec, seed=seed, device=device)
        except UsageError:
            raise
        except RecbenchError as error:
            log.debug("%s will fail: %s", spec, said(error))  # and be a row that says so
    plugins.check("splitters", Spec.parse(split))
    plugins.find("metrics", RANKED_BY)
    find_dataset(plugins, dataset)
    return specs


def _store_result(store: Store, result: Result, rows: Mapping[str, Array]) -> Result:
    """Store a result; a disk that is full by now costs neither the numbers nor the other models."""
    if not result.ok and store.find(result) is not None:
        log.warning("%s: its earlier result stays stored", result.model)
        return result
    try:
        return store.write(result, rows)
    except RecbenchError as error:
        log.error("%s: NOT STORED, %s", result.model, said(error))
        return result


def _find_stored(plugins: Plugins, store: Store, cell: Result, ks: Sequence[int]) -> Result | None:
    """The stored result, with every metric and k as it is computed today from its ranks."""
    kept = store.find(cell)
    if kept is None or (kept.depth < max(ks) and kept.depth < kept.setting.n_items):
        return None
    values = measured(plugins, store.ranking(kept), ks)
    complete = {**kept.values, **summarise(values)}
    if complete == kept.values:
        return kept
    return store.write(dataclasses.replace(kept, values=complete), store.per_user(kept) | values)
