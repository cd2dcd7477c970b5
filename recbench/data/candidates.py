"""Step 2, split, for older papers only: a few items to rank each target among, the same for all."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from recbench.data.interactions import Array
from recbench.data.split import Split
from recbench.errors import UsageError
from recbench.spec import Spec, build

ROUNDS = 8
"""How often a row whose candidates are not complete is drawn for again, before it is filled."""


STREAM = 101
"""Keeps these draws apart from those of models and datasets with the same seed."""


AT_ONCE = 2**22
"""Draws in memory at a time."""


def read_candidates(text: str) -> tuple[str, dict[str, Any]]:
    """What `--candidates` asks for: how tables call it, and the number, way and seed.

    text: `100`, or with options `100:by=popularity,seed=1`.

    Raises UsageError for anything else.
    """
    spec = Spec.parse(text) if text.strip() else Spec("")
    if not spec.name.isascii() or not spec.name.isdigit() or int(spec.name) < 1:
        raise UsageError(
            f"--candidates {text}: wanted a whole number from 1, such as 100 or 100:by=popularity"
        )
    asked: dict[str, Any] = build("--candidates", _asked, spec.options)
    if asked["seed"] < 0:
        raise UsageError(f"--candidates {text}: seed must be a whole number from 0")
    told = {
        key: str(value)
        for key, value in asked.items()
        if (key, value) not in (("by", "uniform"), ("seed", 0))
    }
    return str(Spec(str(int(spec.name)), told)), {"n": int(spec.name), **asked}


def _asked(by: Literal["uniform", "popularity"] = "uniform", seed: int = 0) -> dict[str, Any]:
    return {"by": by, "seed": seed}


def draw_candidates(text: str, split: Split, mask_seen: bool) -> tuple[str, Array]:
    """How the sample is called, and (judged rows, n) int32 different items, in order of drawing.

    Each row's are drawn one after the other without putting back: every item alike, or in
    proportion to its training events. mask_seen: leave out what the row's history has; its targets
    are always left out. Nothing but the split and the text decides them.

    Sampled numbers rank models otherwise than full ranking does and flatter all of them (Krichene
    & Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).

    Raises UsageError where some row has not so many items left.
    """
    name, asked = read_candidates(text)
    n, rows, n_items = asked["n"], len(split.judged), split.train.n_items
    weights = split.train.popularity
    if asked["by"] == "uniform":
        weights = np.ones(n_items, dtype=np.int64)
    out_row, out_item = _left_out(split, mask_seen)
    taken = np.bincount(out_row[weights[out_item] > 0], minlength=rows)
    room = int(np.count_nonzero(weights) - taken.max(initial=0))
    if n > room:
        raise UsageError(
            f"--candidates {text}: some user has only {room:,} items left to draw from; "
            "ask for no more, or leave it out for full ranking"
        )
    random = np.random.default_rng([asked["seed"], STREAM])
    found = np.empty((rows, n), dtype=np.int32)
    size = max(1, AT_ONCE // (2 * n))
    for start in range(0, rows, size):
        part = slice(*np.searchsorted(out_row, [start, start + size]))
        found[start : start + size] = _draw(
            weights, out_row[part] - start, out_item[part], min(size, rows - start), n, random
        )
    return name, found


def _draw(
    weights: Array, out_row: Array, out_item: Array, rows: int, n: int, random: np.random.Generator
) -> Array:
    """(rows, n) int32; out_row, out_item: pairs that are not to be drawn, in order."""
    n_items, total = len(weights), np.cumsum(weights)
    out = out_row * n_items + out_item
    drawn: Array = np.empty(0, dtype=np.int64)  # row * n_items + item: rows in order, as drawn
    open_rows = np.arange(rows)
    for _ in range(ROUNDS):
        row = np.repeat(open_rows, 2 * n)
        item = np.searchsorted(total, random.integers(0, total[-1], len(row)), side="right")
        keys = row * n_items + item
        drawn = np.concatenate([drawn, keys[~np.isin(keys, out)]])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]  # the first of each
        drawn = drawn[np.argsort(drawn // n_items, kind="stable")]
        open_rows = np.flatnonzero(np.bincount(drawn // n_items, minlength=rows) < n)
        if not len(open_rows):
            break
    row, item = np.divmod(drawn, n_items)
    nth = np.arange(len(row)) - np.searchsorted(row, row)
    found = np.full((rows, n), -1, dtype=np.int32)
    found[row[nth < n], nth[nth < n]] = item[nth < n]
    for one in open_rows:  # nearly everything is wanted, or a few items have nearly all weight
        free = weights.astype(np.float64)
        free[out_item[out_row == one]] = 0
        free[item[row == one]] = 0
        with np.errstate(divide="ignore"):  # Efraimidis & Spirakis, 2006, go on where that stopped
            order = np.argsort(np.log(random.random(n_items)) / free, kind="stable")[::-1]
        missing = found[one] < 0
        found[one, missing] = order[: np.count_nonzero(missing)]
    return found


def _left_out(split: Split, mask_seen: bool) -> tuple[Array, Array]:
    """Every (judged row, item) that is no candidate, once, in order."""
    targets, offsets = split.judged_targets
    row = np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))
    pairs = row * split.train.n_items + targets
    if mask_seen:
        pairs = np.append(pairs, split.history.take(split.judged).pairs())
    pairs = np.sort(pairs)
    return np.divmod(pairs[np.append(True, pairs[1:] != pairs[:-1])], split.train.n_items)
