"""Step 6, store: which results of one cell are merged, and which are outdated."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from recbench.data.interactions import Array, Column, Columns
from recbench.evaluation.uncertainty import Value
from recbench.results.result import Result

RANKS = ("above", "tied")
"""The columns that every result that is ok has."""


def merge(old: Result, old_rows: Columns, new: Result, rows: Columns) -> tuple[Result, Columns]:
    """The new result and its rows, with what only the old one has; alone where the ranks differ.

    Targets below the depth of either count as the same, and the ranks of the deeper are taken, as
    are the wider of two `lists`. Values come in the same order whichever result is the old one.
    """
    if not _same_ranks(old_rows, rows, min(old.depth, new.depth)):
        return new, rows
    merged = {**old_rows, **rows}
    if old.depth > new.depth:
        merged.update({name: old_rows[name] for name in RANKS})
    if "lists" in old_rows and np.shape(old_rows["lists"])[1] > np.shape(merged["lists"])[1]:
        merged["lists"] = old_rows["lists"]
    values, depth = _in_order({**old.values, **new.values}), max(old.depth, new.depth)
    return dataclasses.replace(new, values=values, depth=depth), merged


def _same_ranks(old: Columns, new: Columns, depth: int) -> bool:
    """Whether the ranks say the same, and `lists`, as far as both go, where both have them."""
    for name in RANKS:
        if name not in old or name not in new:
            return False
        (ours, our_rows), (theirs, their_rows) = _flat(old[name]), _flat(new[name])
        if name == "above":
            ours, theirs = np.minimum(ours, depth), np.minimum(theirs, depth)
        if not (np.array_equal(ours, theirs) and np.array_equal(our_rows, their_rows)):
            return False
    if "lists" not in old or "lists" not in new:
        return True
    ours, theirs = np.asarray(old["lists"]), np.asarray(new["lists"])
    width = min(ours.shape[1], theirs.shape[1])
    return np.array_equal(ours[:, :width], theirs[:, :width])


def _flat(column: Column) -> tuple[Array, Array]:
    """A column as (flat, offsets), whichever it is."""
    return column if isinstance(column, tuple) else (column, np.arange(len(column) + 1))


def _in_order(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values of each metric together, by k."""
    metrics = list(dict.fromkeys(key.rpartition("@")[0] for key in values))

    def place(key: str) -> tuple[int, int, str]:
        metric, _, k = key.rpartition("@")
        return metrics.index(metric), len(k), k

    return {key: values[key] for key in sorted(values, key=place)}


def newest(results: Iterable[Result]) -> tuple[list[Result], list[Result]]:
    """The results that stand, by dataset and split, and those that newer ones outdate.

    All seeds of a model are of the code that ran last; where there is nothing but a failure without
    any version, since the plugin was broken, what was found before stands.
    """
    given = sorted(results, key=lambda one: one.setting.comparison_key)
    last: dict[Any, Result] = {}
    for one in sorted(given, key=lambda one: (bool(one.model_version), one.finished)):
        last[one.setting.comparison_key, one.model] = last[
            one.setting.comparison_key, one.model, one.seed
        ] = one
    stands: list[Result] = []
    outdated: list[Result] = []
    for one in given:
        same = one.model_version == last[one.setting.comparison_key, one.model].model_version
        alone = one is last[one.setting.comparison_key, one.model, one.seed]
        (stands if same and alone else outdated).append(one)
    return stands, outdated
