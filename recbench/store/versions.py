"""Step 6, store: merge results of one cell, and find the outdated ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from recbench.data.interactions import Array, Column, Columns
from recbench.errors import counted
from recbench.evaluation.uncertainty import Value
from recbench.plugins import Plugins, current_plugins
from recbench.results.result import Result
from recbench.results.shown import without_others
from recbench.spec import Spec

RANKS = ("above", "tied")
"""Columns that every successful result has."""


class OfModel(Protocol):
    """What is stored of a model: a result, or a study."""

    @property
    def model(self) -> str: ...


OTHER_CODE = "made by another version of the model's code than the installed one"
"""The note on results that only a new run would make current."""


def merge(
    old: Result, old_columns: Columns, new: Result, new_columns: Columns
) -> tuple[Result, Columns]:
    """Return the new result and its columns, with what only the old one has added.

    If their ranks differ, the new result is returned unchanged. Ranks below the depth of either
    result count as equal. The ranks of the deeper result and the wider of the two `lists` are used.
    The order of the values does not depend on which result is the old one.
    """
    if not _same_ranks(old_columns, new_columns, min(old.depth, new.depth)):
        return new, new_columns
    measured = new.provenance.get("metrics", {})
    old = without_others(old, {Spec.parse(name).name: each for name, each in measured.items()})
    kept = [name for name in old_columns if "@" not in name or name in old.values]
    merged = {**{name: old_columns[name] for name in kept}, **new_columns}
    if old.depth > new.depth:
        merged.update({name: old_columns[name] for name in RANKS})
    if "lists" in old_columns and np.shape(old_columns["lists"])[1] > np.shape(merged["lists"])[1]:
        merged["lists"] = old_columns["lists"]
    values, depth = _in_order({**old.values, **new.values}), max(old.depth, new.depth)
    notes = tuple(dict.fromkeys((*new.notes, *old.notes)))
    versions = {**old.provenance.get("metrics", {}), **measured}
    made = {**new.provenance, **({"metrics": versions} if measured else {})}
    better = {**old.better, **new.better}
    result = dataclasses.replace(
        new,
        values=values,
        depth=depth,
        notes=notes,
        better=better,
        tuned=new.tuned or old.tuned,
        curves=new.curves or old.curves,
        provenance=made,
    )
    return result, merged


def _same_ranks(old: Columns, new: Columns, depth: int) -> bool:
    """Whether the ranks agree, and the `lists` if both have them, as far as both results go."""
    for name in RANKS:
        if name not in old or name not in new:
            return False
        (old_ranks, old_offsets), (new_ranks, new_offsets) = _flat(old[name]), _flat(new[name])
        if name == "above":
            old_ranks, new_ranks = np.minimum(old_ranks, depth), np.minimum(new_ranks, depth)
        if not (np.array_equal(old_ranks, new_ranks) and np.array_equal(old_offsets, new_offsets)):
            return False
    if "lists" not in old or "lists" not in new:
        return True
    old_lists, new_lists = np.asarray(old["lists"]), np.asarray(new["lists"])
    width = min(old_lists.shape[1], new_lists.shape[1])
    return np.array_equal(old_lists[:, :width], new_lists[:, :width])


def _flat(column: Column) -> tuple[Array, Array]:
    """Return any column as (flat, offsets)."""
    return column if isinstance(column, tuple) else (column, np.arange(len(column) + 1))


def _in_order(values: Mapping[str, Value]) -> dict[str, Value]:
    """Sort values by metric and then by k."""
    metrics = list(dict.fromkeys(key.rpartition("@")[0] for key in values))

    def place(key: str) -> tuple[int, int, str]:
        metric, _, k = key.rpartition("@")
        return metrics.index(metric), len(k), k

    return {key: values[key] for key in sorted(values, key=place)}


def newest(
    results: Iterable[Result], installed: Mapping[str, str]
) -> tuple[list[Result], list[Result]]:
    """Return the current results, by dataset and split, and the outdated ones.

    The current results of a model, over all its seeds, have the same code, device and kind of
    process: the installed code before any other, then separate processes before the main one, then
    what finished last. A failure without a version, because the plugin was broken, does not make
    other results outdated.

    installed: model -> version of its installed code, as `installed_versions` returns it.
    """

    def rank(result: Result) -> tuple[bool, bool, bool, str]:
        is_installed = result.model_version == installed.get(result.model)
        return bool(result.model_version), is_installed, result.isolated, result.finished

    in_order = sorted(results, key=lambda result: result.setting.comparison_key)
    last: dict[Any, Result] = {}
    for result in sorted(in_order, key=rank):
        last[_model(result)] = last[_cell(result)] = result
    kept: list[Result] = []
    outdated: list[Result] = []
    for result in in_order:
        current = _make(result) == _make(last[_model(result)]) and result is last[_cell(result)]
        (kept if current else outdated).append(result)
    return kept, outdated


def installed_versions(stored: Iterable[OfModel], plugins: Plugins | None) -> dict[str, str]:
    """Return the version of the installed code of each model that has results.

    plugins: None loads all installed plugins, if there are results.
    """
    models = {each.model: Spec.parse(each.model).name for each in stored}
    offers = current_plugins(plugins).offers("models") if models else []
    wanted = set(models.values())
    versions = {offer.name: offer.source_version() for offer in offers if offer.name in wanted}
    return {model: versions[name] for model, name in models.items() if name in versions}


def with_note_on_code(result: Result, installed: Mapping[str, str]) -> Result:
    """Return the result, with a note if the installed code of its model is another version."""
    if not result.ok or result.model_version == installed.get(result.model, result.model_version):
        return result
    return dataclasses.replace(result, notes=(*result.notes, OTHER_CODE))


def why_outdated(outdated: Iterable[Result], kept: Iterable[Result]) -> list[str]:
    """Return sentences on outdated results: how many there are of which models, and why."""
    current = {_model(result): result for result in kept}
    models: dict[str, list[str]] = {}
    for result in outdated:
        now = current[_model(result)]
        why = "made by an earlier run"
        if result.model_version != now.model_version:
            why = "made by another version of the model's code"
        elif result.isolated != now.isolated:
            why = f"made in {'a separate process' if result.isolated else 'the main process'}"
        elif result.device != now.device:
            why = f"made with --device {result.device or 'auto'}"
        models.setdefault(why, []).append(result.model)
    return [
        f"{counted(len(names), 'outdated result')} of {', '.join(sorted(set(names)))}, {why}"
        for why, names in models.items()
    ]


def _model(result: Result) -> tuple[Any, ...]:
    """Return what identifies a model."""
    return result.setting.comparison_key, result.model


def _make(result: Result) -> tuple[Any, ...]:
    """Return how a result was made."""
    return result.model_version, result.isolated, result.device


def _cell(result: Result) -> tuple[Any, ...]:
    """Return what identifies one of the seeds of a model that were run in the same way."""
    return *_model(result), result.seed, _make(result)
