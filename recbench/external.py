"""Steps 3 and 4 for recommendations made elsewhere: read a file, and evaluate it like a model."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recbench.data.dataset import quoted
from recbench.data.interactions import Array, Columns
from recbench.errors import RecbenchError, UsageError, counted, describe_error
from recbench.evaluation.ranking import Ranking
from recbench.evaluation.referee import LISTED
from recbench.experiment import Experiment
from recbench.external_file import Lines, read_lines
from recbench.plugins import Plugins
from recbench.progress import announce, log
from recbench.results.result import EXTERNAL_PLUGIN, Result

NOT_FOUND = np.iinfo(np.int32).max
"""The number of items above a target that is not listed."""

NO_TARGET = (
    "no target is in any list; lists of recbench recommend are for the future: they leave out all "
    "items of a user, the targets too"
)


def check_name(plugins: Plugins, name: str) -> None:
    """Raise UsageError for a name that cannot be used in a table."""
    if not re.fullmatch(r"[^\s:=][^\n:=]{0,99}", name):
        raise UsageError(
            f"--recs {name}=...: a name has 1 to 100 characters, without ':' or '='. Choose another"
        )
    if name in plugins.names("models"):
        raise UsageError(f"--recs {name}=...: a model has this name. Choose another")


def check_lists(name: str, lists: Any) -> None:
    """Raise UsageError for recommendations that are neither a path nor a DataFrame."""
    if isinstance(lists, (str, Path)) or hasattr(lists, "to_csv"):
        return
    kind = type(lists).__name__
    hint = "give its .to_pandas()" if hasattr(lists, "to_pandas") else "give one of these"
    raise UsageError(f"recs {name!r}: {kind} is neither a path nor a pandas DataFrame; {hint}")


def judge_file(
    experiment: Experiment, name: str, lists: Any, ks: Sequence[int]
) -> tuple[Result, Columns]:
    """Return the result of a file with one row per recommended item, and its columns for the store.

    lists: its path, or a DataFrame, which is read like a CSV file.

    The file has the columns user (or row, the number of a case in the files of `recbench
    export-split`), item, and rank (from 1, best first) or score (higher is better). Ids are the
    dataset's own. The referee masks seen items among scores; ranked lists must leave them out.
    Items that are not in the file rank below all that are. A target that is not in the file is not
    found. Items that the dataset does not have are ranked like any other, but are always wrong; the
    stored lists have -1 in their places. The result's notes say how many there are.
    """
    cell = experiment.blank(name, "", EXTERNAL_PLUGIN, None)
    columns: Columns = {}
    is_frame = not isinstance(lists, (str, Path))
    path = Path(f"{name}.csv" if is_frame else lists)
    announce("%s: evaluating %s", name, "a DataFrame" if is_frame else path)
    try:
        content = lists.to_csv(index=False).encode() if is_frame else _read_content(path)
        cell = experiment.blank(name, version_of(content), EXTERNAL_PLUGIN, None)
        ranking, depth, notes = _rank(experiment, read_lines(experiment, path, content), max(ks))
    except Exception as error:
        log.debug("%s failed", name, exc_info=True)
        result = experiment.failed(cell, f"{name}: {describe_error(error)}", ks)
    else:
        for note in notes:
            log.warning("%s: %s", name, note)
        result, columns = experiment.measure(cell, ranking, ks, depth=depth, notes=notes)
    provenance = {**result.provenance, "file": "" if is_frame else str(path)}
    return dataclasses.replace(result, provenance=provenance), columns


def version_of(content: bytes) -> str:
    """Return a hash of the file, which tells it from others of the same name."""
    return hashlib.sha256(content).hexdigest()[:16]


def _read_content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecbenchError(f"cannot read {path}: {error.strerror or error}") from error


def _rank(experiment: Experiment, lines: Lines, max_k: int) -> tuple[Ranking, int, tuple[str, ...]]:
    """Return the ranks of the targets, the largest cut-off at which they are known, and notes."""
    if experiment.pool is not None:
        raise RecbenchError("--candidates works only with models, not with --recs. Leave one out")
    split, n_items = experiment.split, experiment.setting.n_items
    n_cases, stride = len(split.judged), n_items + len(lines.foreign)
    known = lines.item < n_items
    target_pairs, seen_pairs = (
        pairs + pairs // n_items * len(lines.foreign)  # case * stride + item
        for pairs in (split.target_pairs, _seen_pairs(experiment))
    )
    by_pair, pairs = _sort_by_pair(experiment, lines, stride)
    seen = np.zeros(len(pairs), dtype=bool)
    position, listed = _find(pairs, seen_pairs)
    seen[position[listed]] = True
    if lines.ranked and seen.any():
        problem = "is in the history, and seen items are masked. Leave it out of the list"
        raise _error(experiment, lines, by_pair[seen].min(), problem)
    by_pair, pairs = by_pair[~seen], pairs[~seen]
    case, value = lines.case[by_pair], lines.value[by_pair] * (1 if lines.ranked else -1)
    best_first = np.lexsort((value, case))  # equal scores stay in order of item numbers
    by_rank, case, value = by_pair[best_first], case[best_first], value[best_first]
    begins_tie = np.ones(len(by_rank) + 1, dtype=bool)  # and the end
    begins_tie[1:-1] = (case[1:] != case[:-1]) | (value[1:] != value[:-1])
    if lines.ranked and not begins_tie.all():
        equal = np.flatnonzero(~begins_tie)[0]
        first, second = sorted(by_rank[equal - 1 : equal + 1])
        where = lines.where(int(first))
        problem = f"has rank {lines.value[second]:g}, like the item at {where}. Make ranks unique"
        raise _error(experiment, lines, second, problem)
    lengths = np.bincount(case, minlength=n_cases)
    room = experiment.n_ranked
    n_listed = np.bincount(case[known[by_rank]], minlength=n_cases)
    complete = n_listed >= room
    position, listed = _find(pairs, target_pairs)
    notes = (
        *(() if listed.any() else [NO_TARGET]),
        *_note_on_foreign_items(experiment, lines, known),
        *_check_lengths(lengths, complete, room, max_k),
        *lines.notes,
    )
    start = np.cumsum(lengths) - lengths
    place = np.arange(len(case)) - start[case]
    width = min(max(max_k, LISTED), stride)
    in_list = (place < width) & known[by_rank]
    lists = np.full((n_cases, width), -1, dtype=np.int32)
    lists[case[in_list], place[in_list]] = lines.item[by_rank[in_list]]
    rank_of_pair = np.empty(len(best_first), dtype=np.int64)
    rank_of_pair[best_first] = np.arange(len(best_first))
    ties = np.flatnonzero(begins_tie)
    tie = np.searchsorted(ties, rank_of_pair[position[listed]], side="right") - 1
    above = np.full(len(target_pairs), NOT_FOUND)
    tied = np.ones(len(target_pairs), dtype=np.int64)
    above[listed] = ties[tie] - start[target_pairs[listed] // stride]
    tied[listed] = ties[tie + 1] - ties[tie]
    ranking = Ranking(
        above, tied, None if split.offsets is None else split.judged_targets[1], lists
    )
    depth = n_items if complete.all() else int(lengths.max())
    return ranking.of_split(split, room, n_listed), depth, notes


def _note_on_foreign_items(experiment: Experiment, lines: Lines, known: Array) -> list[str]:
    if known.all():
        return []
    n_foreign, n_rows = np.count_nonzero(~known), counted(len(known), "row")
    example = quoted(_id_of_item(experiment, lines, int(np.argmin(known))))
    name = experiment.dataset.short_name
    foreign = f"{n_foreign:,} of {n_rows} recommend items that are not in {name}, such as {example}"
    return [f"{foreign}; they count as wrong"]


def _seen_pairs(experiment: Experiment) -> Array:
    """Return the pairs, case * n_items + item, that must not be recommended, in order."""
    if experiment.setting.repeats != "first":
        return np.empty(0, dtype=np.int64)
    seen = experiment.split.history.take(experiment.split.judged).pairs()
    position, present = _find(seen, experiment.split.target_pairs)
    return np.delete(seen, position[present])


def _sort_by_pair(experiment: Experiment, lines: Lines, stride: int) -> tuple[Array, Array]:
    """Return the lines sorted by pair, and the pairs, case * stride + item.

    Raises RecbenchError for a repeated pair.
    """
    pairs = lines.case * np.int64(stride) + lines.item
    order = np.arange(len(pairs))
    if (pairs[1:] < pairs[:-1]).any():
        order = np.argsort(pairs, kind="stable")
        pairs = pairs[order]
    repeated = np.flatnonzero(pairs[1:] == pairs[:-1])
    if len(repeated):
        first, second = order[repeated[0]], order[repeated[0] + 1]
        problem = f"is listed twice, first at {lines.where(int(first))}. Remove one of them"
        raise _error(experiment, lines, second, problem)
    return order, pairs


def _find(pairs: Array, sought: Array) -> tuple[Array, Array]:
    """Return where the sought pairs are among sorted ones, and whether they are there."""
    position = np.minimum(np.searchsorted(pairs, sought), max(len(pairs) - 1, 0))
    present = pairs[position] == sought if len(pairs) else np.zeros(len(sought), dtype=bool)
    return position, present


def _check_lengths(lengths: Array, complete: Array, room: Array, max_k: int) -> list[str]:
    """Return a note on cases that have fewer than k items. Raises RecbenchError if all do.

    lengths: (cases,) how many items each has. complete: whether they are all that it could have of
    the dataset's items, whose number is `room`.
    """
    short = ~complete & (lengths < max_k)
    if short[room > 0].all() and room.any():
        longest = counted(int(lengths.max()), "item")
        raise RecbenchError(
            f"its lists are too short: the longest has {longest} that can be recommended, and --k "
            f"needs {max_k:,}. List more items, or lower --k"
        )
    if not short.any():
        return []
    n_short, n_cases = np.count_nonzero(short), counted(len(lengths), "case")
    n_empty = np.count_nonzero(short & (lengths == 0))
    none = f", and {n_empty:,} have none" if n_empty else ""
    fewer = f"{n_short:,} of {n_cases} have fewer than {counted(max_k, 'item')}{none}"
    return [f"{fewer}; a target that is not listed counts as not found"]


def _error(experiment: Experiment, lines: Lines, line: int, problem: str) -> RecbenchError:
    item = quoted(_id_of_item(experiment, lines, line))
    user = quoted(experiment.users[lines.case[line]])
    return RecbenchError(f"{lines.where(int(line))}: item {item} of user {user} {problem}")


def _id_of_item(experiment: Experiment, lines: Lines, line: int) -> Any:
    item, n_items = lines.item[line], experiment.setting.n_items
    return experiment.dataset.item_ids[item] if item < n_items else lines.foreign[item - n_items]
