"""Steps 3 to 5 for work done elsewhere: lists or scores from a file, judged like a model's."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recbench.data.interactions import Array, Column
from recbench.errors import RecbenchError, UsageError, describe_error
from recbench.evaluation.metrics import no_values
from recbench.evaluation.ranking import Ranking
from recbench.evaluation.referee import LISTED
from recbench.experiment import Experiment
from recbench.external_file import Lines, read_lines
from recbench.plugins import Plugins
from recbench.progress import log
from recbench.results.result import Result

ELSEWHERE = "--recs"
"""What stands in place of a plugin's name in such results."""


NOT_FOUND = np.iinfo(np.int32).max
"""Items above a target that is not listed."""


def check_name(plugins: Plugins, name: str) -> None:
    """Raise UsageError for what cannot be the name of a row."""
    if not re.fullmatch(r"[^\s:=][^\n:=]{0,99}", name):
        raise UsageError(
            f"--recs {name}=...: a name has up to 100 characters, and neither ':' nor '='"
        )
    if name in plugins.names("models"):
        raise UsageError(f"--recs {name}=... has the name of a model; choose another")


def judge_file(
    experiment: Experiment, name: str, path: Path, ks: Sequence[int]
) -> tuple[Result, dict[str, Column]]:
    """The result of a file with a line for each recommended item, and its columns for the store.

    CSV or Parquet with the columns user (or row, as `recbench export-split` numbers the judged
    cases), item, in outside ids, and rank (from 1, best first) or score (higher is better). Scores
    are masked by the referee, lists must leave seen items out. What is not in the file counts as
    below all that is, a judged user without any line as not served.
    """
    cell = experiment.blank(name, "", ELSEWHERE, None)
    rows: dict[str, Column] = {}
    try:
        data = _content(path)
        cell = experiment.blank(name, version_of(data), ELSEWHERE, None)
        ranking, depth = _rank(experiment, name, read_lines(experiment, path, data), max(ks))
    except Exception as error:
        log.debug("%s failed", name, exc_info=True)
        nothing = no_values(experiment.metrics, ks)
        done = experiment.finished(
            cell, status=f"failed: {name}: {describe_error(error)}", values=nothing
        )
    else:
        done, rows = experiment.measure(cell, ranking, ks, depth=depth)
    return dataclasses.replace(done, provenance={**done.provenance, "file": str(path)}), rows


def version_of(data: bytes) -> str:
    """What tells a file from another of the same name."""
    return hashlib.sha256(data).hexdigest()[:16]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecbenchError(f"cannot read {path}: {error.strerror or error}") from error


def _rank(experiment: Experiment, name: str, lines: Lines, most: int) -> tuple[Ranking, int]:
    """Where the targets are among what is listed, and up to which k that is known."""
    if experiment.pool is not None:
        raise RecbenchError("--candidates needs a model that can be asked; leave it out")
    split, n_items, n_rows = (
        experiment.split,
        experiment.setting.n_items,
        len(experiment.split.judged),
    )
    targets, offsets = split.judged_targets
    wanted = np.repeat(np.arange(n_rows), np.diff(offsets)) * np.int64(n_items) + targets
    keys = lines.row * np.int64(n_items) + lines.item
    order = np.arange(len(keys))
    if (keys[1:] < keys[:-1]).any():
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        first, second = order[twice[0]], order[twice[0] + 1]
        raise _wrong(
            experiment, lines, second, f"is listed twice, first at {lines.where(int(first))}"
        )
    seen = _seen(experiment, wanted)
    masked = np.zeros(len(keys), dtype=bool)
    place, there = _find(keys, seen)
    masked[place[there]] = True
    if lines.ranked and masked.any():
        raise _wrong(experiment, lines, order[masked].min(), "is listed, but was seen already")
    order, keys = order[~masked], keys[~masked]
    row, value = lines.row[order], lines.value[order] * (1 if lines.ranked else -1)
    best = np.lexsort((value, row))  # equal scores stay in order of item numbers
    row, value = row[best], value[best]
    new = np.ones(len(best) + 1, dtype=bool)
    new[1:-1] = (row[1:] != row[:-1]) | (value[1:] != value[:-1])
    if lines.ranked and not new.all():
        same = np.flatnonzero(~new)[0]
        first, second = sorted(order[best[same - 1 : same + 1]])
        rank = f"has the rank {lines.value[second]:g}, as at {lines.where(int(first))}"
        raise _wrong(experiment, lines, second, rank)
    lengths = np.bincount(row, minlength=n_rows)
    room = n_items - np.bincount(seen // n_items, minlength=n_rows)
    _check_length(name, lengths, room, most)
    start = np.cumsum(lengths) - lengths
    nth = np.arange(len(row)) - start[row]
    width = min(max(most, LISTED), n_items)
    kept = nth < width
    lists = np.full((n_rows, width), -1, dtype=np.int32)
    lists[row[kept], nth[kept]] = lines.item[order[best[kept]]]
    place, there = _find(keys, wanted)
    back = np.empty(len(best), dtype=np.int64)
    back[best] = np.arange(len(best))
    groups = np.flatnonzero(new)
    group = np.searchsorted(groups, back[place[there]], side="right") - 1
    above, tied = np.full(len(wanted), NOT_FOUND), np.ones(len(wanted), dtype=np.int64)
    above[there] = groups[group] - start[wanted[there] // n_items]
    tied[there] = groups[group + 1] - groups[group]
    ranking = Ranking(above, tied, None if split.offsets is None else offsets, lists)
    return experiment.ranking(ranking), n_items if (lengths >= room).all() else int(lengths.max())


def _seen(experiment: Experiment, wanted: Array) -> Array:
    """Every (judged row, item), as row * n_items + item, that may not be recommended, in order."""
    if experiment.setting.repeats != "first":
        return np.empty(0, dtype=np.int64)
    seen = experiment.split.history.take(experiment.split.judged).pairs()
    place, there = _find(seen, wanted)
    return np.delete(seen, place[there])


def _find(keys: Array, wanted: Array) -> tuple[Array, Array]:
    """Where the wanted ones are among sorted keys, and whether they are there at all."""
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    there = keys[place] == wanted if len(keys) else np.zeros(len(wanted), dtype=bool)
    return place, there


def _check_length(name: str, lengths: Array, room: Array, most: int) -> None:
    """Say how many rows have less than k, and raise if all have.

    lengths, room: (rows,) how many items each has, and could have.
    """
    short = lengths < np.minimum(room, most)
    if short[room > 0].all() and room.any():
        raise RecbenchError(
            f"its lists are too short: the longest has {lengths.max():,} items that may be "
            f"recommended, and --k asks for {most:,}; list more, or ask for less"
        )
    if short.any():
        log.warning(
            "%s: %d judged rows have fewer than %d items, %d of them none; what is missing counts "
            "as not found",
            name,
            np.count_nonzero(short),
            most,
            np.count_nonzero(lengths == 0),
        )


def _wrong(experiment: Experiment, lines: Lines, line: int, what: str) -> RecbenchError:
    item = experiment.dataset.item_ids[lines.item[line]]
    return RecbenchError(
        f"{lines.where(int(line))}: item {item} of user {experiment.users[lines.row[line]]} {what}"
    )
