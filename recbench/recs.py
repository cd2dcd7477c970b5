"""Steps 3 to 5 for work done elsewhere: lists or scores from a file, judged like a model's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .bench import Bench
from .columns import Column
from .errors import RecbenchError, said
from .interactions import Array
from .measures import nothing_measured
from .metric import Ranking
from .progress import log
from .referee import LISTED
from .result import Result
from .rules import Rules

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "row": ("row",),
    "user": ("user", "user_id", "userid", "uid"),
    "item": ("item", "item_id", "itemid", "iid"),
    "rank": ("rank",),
    "score": ("score", "prediction", "weight"),
}
"""What columns may be called, in any case. A rank counts before a score."""


def judge_file(
    bench: Bench, name: str, path: Path, ks: Sequence[int]
) -> tuple[Result, dict[str, Column]]:
    """The result of a file with a line for each recommended item, and its columns for the store.

    CSV or Parquet with the columns user (or row, as `recbench export-split` numbers the judged
    cases), item, in outside ids, and rank (from 1, best first) or score (higher is better). Scores
    are masked by the referee, lists must leave seen items out. What is not in the file counts as
    below all that is, a judged user without any line as not served.
    """
    cell = bench.blank(name, "", "file", None)
    try:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RecbenchError(f"cannot read {path}: {error.strerror or error}") from error
        version = hashlib.sha256(data).hexdigest()[:16]
        cell = bench.blank(name, version, "file", None)
        if bench.pool is not None:
            raise RecbenchError("--candidates needs a model that can be asked; leave it out")
        row, item, value, ranked = _read(bench, path)
        rules = Rules(name, bench.split.history.take(bench.split.judged), bench.dataset.user_ids)
        ranking, depth = _rank(bench, rules, row, item, value, ranked=ranked, most=max(ks))
    except Exception as error:
        log.debug("%s failed", name, exc_info=True)
        reason = said(error)
        reason = reason if reason.startswith(f"{name}:") else f"{name}: {reason}"
        nothing = nothing_measured(bench.plugins, ks)
        return bench.finished(cell, status=f"failed: {reason}", values=nothing), {}
    return bench.measure(cell, ranking, ks, depth=depth)


def _read(bench: Bench, path: Path) -> tuple[Array, Array, Array, bool]:
    """(lines,) judged row, item number and value of each line that concerns a judged row."""
    import pandas as pd

    frame: Any
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except Exception as error:
        raise RecbenchError(f"{path} cannot be read as CSV or Parquet: {said(error)}") from error
    named = {str(column).strip().lower(): column for column in frame}
    of = {
        kind: named[name] for kind, names in NAMES.items() for name in reversed(names)
        if name in named
    }
    if "item" not in of or not {"user", "row"} & of.keys() or not {"rank", "score"} & of.keys():
        raise RecbenchError(
            f"{path} has the columns {', '.join(map(str, frame))}; wanted user (or row), item, and "
            "rank or score"
        )
    rows = _rows(bench, path, frame, of)
    concerns = rows >= 0
    if not concerns.any():
        raise RecbenchError(f"{path} has no line for any judged user of {bench.dataset.name}")
    if not concerns.all():
        log.info("%s: %d lines are of users who are not judged", path, np.sum(~concerns))
    items = _numbers("item", frame[of["item"]], bench.dataset.item_ids, path)
    kind = "rank" if "rank" in of else "score"
    values = pd.to_numeric(frame[of[kind]], errors="coerce").to_numpy(dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    bad = np.flatnonzero(np.isnan(values) & concerns)
    if len(bad):
        said_there = frame[of[kind]].iloc[bad[0]]
        raise RecbenchError(f"{path} line {bad[0] + 2}: {kind} {said_there!r} is no finite number")
    return rows[concerns], items[concerns], values[concerns], kind == "rank"


def _rows(bench: Bench, path: Path, frame: pd.DataFrame, of: dict[str, Any]) -> Array:
    """(lines,) which judged row each line is for, -1 where its user is not judged."""
    import pandas as pd

    judged = bench.split.judged
    if "row" in of:
        given = pd.to_numeric(frame[of["row"]], errors="coerce").to_numpy(dtype=np.float64)
        bad = np.flatnonzero(~np.isin(given, np.arange(len(bench.split.history))))
        if len(bad):
            raise RecbenchError(f"{path} line {bad[0] + 2}: there is no row {given[bad[0]]:g}")
        place = np.full(len(bench.split.history), -1)
        place[judged] = np.arange(len(judged))
        return np.asarray(place[given.astype(np.int64)])
    users = bench.split.history.users[judged]
    if len(np.unique(users)) < len(users):
        raise RecbenchError(
            f"{path}: under {bench.setting.split} a user has several rows; name the row of "
            "recbench export-split in a column `row`"
        )
    place = np.full(bench.setting.n_users, -1)
    place[users] = np.arange(len(users))
    return np.asarray(place[_numbers("user", frame[of["user"]], bench.dataset.user_ids, path)])


def _numbers(what: str, column: Any, ids: Array, path: Path) -> Array:
    """The numbers of outside ids."""
    import pandas as pd

    numbers = pd.Index(np.asarray(ids).astype(str)).get_indexer(column.astype(str).str.strip())
    bad = np.flatnonzero(numbers < 0)
    if len(bad):
        raise RecbenchError(f"{path} line {bad[0] + 2}: no {what} {column.iloc[bad[0]]!r}")
    return np.asarray(numbers)


def _rank(
    bench: Bench, rules: Rules, row: Array, item: Array, value: Array, *, ranked: bool, most: int
) -> tuple[Ranking, int]:
    """Where the targets are among what is listed, and how long the longest list is."""
    n_rows, n_items = len(rules.batch), bench.setting.n_items
    order = np.lexsort((item, value if ranked else -value, row))
    row, item, value = row[order], item[order], value[order] * (-1 if ranked else 1)
    keys = row * np.int64(n_items) + item
    _, first = np.unique(keys, return_index=True)
    if len(first) < len(keys):
        again = int(np.setdiff1d(np.arange(len(keys)), first)[0])
        listed = bench.dataset.item_ids[item[again]]
        raise rules.broken(f"item {listed} is listed twice", int(row[again]))
    same = np.flatnonzero((row[1:] == row[:-1]) & (value[1:] == value[:-1]))
    if ranked and len(same):
        raise rules.broken(f"rank {-value[same[0]]:g} is there twice", int(row[same[0]]))
    if bench.setting.repeats == "first":
        history = rules.batch
        of = np.repeat(np.arange(n_rows, dtype=np.int64), history.lengths)
        seen = np.isin(keys, of * n_items + history.items)
        if ranked and seen.any():
            at = int(np.flatnonzero(seen)[0])
            listed = bench.dataset.item_ids[item[at]]
            raise rules.broken(f"item {listed} is listed, but was seen already", int(row[at]))
        row, item, value = row[~seen], item[~seen], value[~seen]
    lengths = np.bincount(row, minlength=n_rows)
    longest = int(lengths.max(initial=0))
    if longest < min(most, n_items):
        raise rules.broken(f"its lists are too short: {longest} items, and --k asks for {most}")
    few = int(np.count_nonzero(lengths < most))
    if few:
        log.warning(
            "%s: %d judged rows have fewer than %d items, %d of them none; what is missing counts "
            "as not found", rules.name, few, most, np.count_nonzero(lengths == 0),
        )
    place = np.arange(len(row)) - np.searchsorted(row, row)
    lists = np.full((n_rows, longest), -1, dtype=np.int32)
    values = np.full((n_rows, longest), -np.inf)
    lists[row, place], values[row, place] = item, value
    targets, offsets = bench.split.wanted
    of = np.repeat(np.arange(n_rows), np.diff(offsets))
    hits = lists[of] == targets[:, None]
    found, at = hits.any(axis=1), hits.argmax(axis=1)
    mine = values[of, at][:, None]
    above = np.where(found, (values[of] > mine).sum(axis=1), np.iinfo(np.int32).max)
    tied = np.where(found, (values[of] == mine).sum(axis=1), 1)
    kept = lists[:, : max(most, LISTED)]
    several = None if bench.split.offsets is None else offsets
    return bench.ranking(Ranking(above, tied, several, kept)), longest
