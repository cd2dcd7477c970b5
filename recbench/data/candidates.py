"""Step 2, split, for older papers only: a few items to rank each target among, the same for all."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from recbench.data.interactions import Array, sort_distinct
from recbench.data.split import Split
from recbench.errors import UsageError
from recbench.spec import Spec, build

ROUNDS = 8
"""How often a case whose candidates are not complete is drawn for again, before it is filled."""

RANDOM_STREAM = 101
"""Keeps these draws apart from those of models and datasets with the same seed."""

DRAWS_AT_ONCE = 2**22
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
    n = int(spec.name)
    options: dict[str, Any] = build("--candidates", _candidate_options, spec.options)
    if options["seed"] < 0:
        raise UsageError(f"--candidates {text}: seed must be a whole number from 0")
    not_default = {
        key: str(value)
        for key, value in options.items()
        if (key, value) not in (("by", "uniform"), ("seed", 0))
    }
    return str(Spec(str(n), not_default)), {"n": n, **options}


def _candidate_options(
    by: Literal["uniform", "popularity"] = "uniform", seed: int = 0
) -> dict[str, Any]:
    return {"by": by, "seed": seed}


def draw_candidates(text: str, split: Split, mask_seen: bool) -> tuple[str, Array]:
    """How the sample is called, and (cases, n) int32 different items, in order of drawing.

    Each case's are drawn one after the other without putting back: every item alike, or in
    proportion to its training events. mask_seen: leave out what the case's history has; its targets
    are always left out. Nothing but the split and the text decides them.

    Sampled numbers rank models otherwise than full ranking does and flatter all of them (Krichene
    & Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).

    Raises UsageError where some case has not so many items left.
    """
    name, options = read_candidates(text)
    n, n_cases, n_items = options["n"], len(split.judged), split.train.n_items
    weights = split.train.popularity
    if options["by"] == "uniform":
        weights = np.ones(n_items, dtype=np.int64)
    excluded = _excluded_pairs(split, mask_seen)
    cases, items = np.divmod(excluded, n_items)
    n_excluded = np.bincount(cases[weights[items] > 0], minlength=n_cases)
    n_left = int(np.count_nonzero(weights) - n_excluded.max(initial=0))
    if n > n_left:
        raise UsageError(
            f"--candidates {text}: some user has only {n_left:,} items left to draw from; "
            "ask for no more, or leave it out for full ranking"
        )
    random = np.random.default_rng([options["seed"], RANDOM_STREAM])
    candidates = np.empty((n_cases, n), dtype=np.int32)
    size = max(1, DRAWS_AT_ONCE // (2 * n))
    for start in range(0, n_cases, size):
        stop = min(start + size, n_cases)
        first, last = np.searchsorted(cases, [start, stop])
        pairs = excluded[first:last] - start * n_items
        candidates[start:stop] = _draw(weights, pairs, stop - start, n, random)
    return name, candidates


def _excluded_pairs(split: Split, mask_seen: bool) -> Array:
    """Every (case, item) that is no candidate, once, as case * n_items + item, ascending."""
    pairs = split.target_pairs
    if mask_seen:
        pairs = np.append(pairs, split.history.take(split.judged).pairs())
    return sort_distinct(pairs)


def _draw(
    weights: Array, excluded: Array, n_cases: int, n: int, random: np.random.Generator
) -> Array:
    """(cases, n) int32; excluded: (case, item), as case * n_items + item, not to be drawn."""
    n_items, cumulative = len(weights), np.cumsum(weights)
    drawn: Array = np.empty(0, dtype=np.int64)  # case * n_items + item: cases in order, as drawn
    incomplete = np.arange(n_cases)
    for _ in range(ROUNDS):
        cases = np.repeat(incomplete, 2 * n)
        draws = random.integers(0, cumulative[-1], len(cases))
        pairs = cases * n_items + np.searchsorted(cumulative, draws, side="right")
        drawn = np.concatenate([drawn, pairs[~np.isin(pairs, excluded)]])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]  # the first of each
        drawn = drawn[np.argsort(drawn // n_items, kind="stable")]
        incomplete = np.flatnonzero(np.bincount(drawn // n_items, minlength=n_cases) < n)
        if not len(incomplete):
            break
    cases, items = np.divmod(drawn, n_items)
    nth = np.arange(len(cases)) - np.searchsorted(cases, cases)
    candidates = np.full((n_cases, n), -1, dtype=np.int32)
    candidates[cases[nth < n], nth[nth < n]] = items[nth < n]
    excluded_cases, excluded_items = np.divmod(excluded, n_items)
    for case in incomplete:  # nearly everything is wanted, or a few items have nearly all weight
        left = weights.astype(np.float64)
        left[excluded_items[excluded_cases == case]] = 0
        left[items[cases == case]] = 0
        with np.errstate(divide="ignore"):  # Efraimidis & Spirakis, 2006, go on where that stopped
            order = np.argsort(np.log(random.random(n_items)) / left, kind="stable")[::-1]
        missing = candidates[case] < 0
        candidates[case, missing] = order[: np.count_nonzero(missing)]
    return candidates
