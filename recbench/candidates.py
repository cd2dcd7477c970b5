"""Step 2, split, for older papers only: a few items to rank each target among, the same for all."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .errors import RecbenchError, UsageError
from .interactions import Array
from .spec import Spec, build
from .split import Split

ROUNDS = 64
"""How often a row whose candidates are not complete is drawn for again."""


def draw_candidates(text: str, split: Split, mask_seen: bool) -> tuple[str, Array]:
    """What `--candidates` asks for: how it is called, and (judged rows, n) different items.

    text: `100`, or with options `100:by=popularity,seed=1`.
    mask_seen: leave out what the row's history has; its targets are always left out.

    Sampled numbers rank models otherwise than full ranking does and flatter all of them (Krichene
    & Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).
    """
    spec = Spec.parse(text)
    if not spec.name.isdigit() or int(spec.name) < 1:
        raise UsageError(
            f"--candidates {text}: wanted a whole number from 1, such as 100 or 100:by=popularity"
        )
    filled = {"split": split, "n": int(spec.name), "mask_seen": mask_seen}
    return str(spec), build("--candidates", _draw, spec.options, filled)


def _draw(
    split: Split,
    n: int,
    mask_seen: bool,
    by: Literal["uniform", "popularity"] = "uniform",
    seed: int = 0,
) -> Array:
    """(judged rows, n) int32: drawn one after the other without putting back.

    by: "uniform", every item alike; "popularity", in proportion to its training events.
    """
    n_items = split.train.n_items
    weights = np.bincount(split.train.items, minlength=n_items)
    if by == "uniform":
        weights = np.ones(n_items, dtype=np.int64)
    total = np.cumsum(weights)
    out_row, out_item = _left_out(split, mask_seen)
    taken = np.bincount(out_row[weights[out_item] > 0], minlength=len(split.judged))
    room = int(np.count_nonzero(weights) - taken.max(initial=0))
    if n > room:
        raise RecbenchError(
            f"--candidates {n}: some user has only {room} items left to draw from; ask for fewer"
        )
    draw = np.random.default_rng(seed)
    taken_keys = np.sort(out_row * n_items + out_item)
    found = np.full((len(split.judged), n), -1, dtype=np.int32)
    open_rows = np.arange(len(found))
    drawn: Array = np.empty(0, dtype=np.int64)  # row * n_items + item, in the order of drawing
    for _ in range(ROUNDS):
        rows = np.repeat(open_rows, 2 * n)
        items = np.searchsorted(total, draw.integers(0, total[-1], len(rows)), side="right")
        keys = rows * n_items + items
        place = np.minimum(np.searchsorted(taken_keys, keys), max(len(taken_keys) - 1, 0))
        if len(taken_keys):
            keys = keys[taken_keys[place] != keys]
        drawn = np.concatenate([drawn[np.isin(drawn // n_items, open_rows)], keys])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]  # the first of each
        drawn = drawn[np.argsort(drawn // n_items, kind="stable")]
        rows, items = np.divmod(drawn, n_items)
        nth = np.arange(len(rows)) - np.searchsorted(rows, rows)
        found[rows[nth < n], nth[nth < n]] = items[nth < n]
        open_rows = np.flatnonzero(found[:, -1] < 0)
        if not len(open_rows):
            return found
    for row in open_rows:  # nearly everything is wanted, or a few items have nearly all weight
        free = weights.astype(np.float64)
        free[out_item[out_row == row]] = 0
        with np.errstate(divide="ignore"):  # Efraimidis & Spirakis, 2006
            keys = np.log(draw.random(n_items)) / free
        found[row] = np.argsort(-keys, kind="stable")[:n]
    return found


def _left_out(split: Split, mask_seen: bool) -> tuple[Array, Array]:
    """Every (judged row, item) that is no candidate, once."""
    targets, offsets = split.wanted
    row, item = [np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))], [targets]
    if mask_seen:
        history = split.history.take(split.judged)
        row.append(np.repeat(np.arange(len(history)), history.lengths))
        item.append(history.items)
    pairs = np.unique(np.concatenate(row) * np.int64(split.train.n_items) + np.concatenate(item))
    return pairs // split.train.n_items, pairs % split.train.n_items
