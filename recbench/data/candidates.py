"""Step 2, split: sample items to rank each target among, to compare with older papers only."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from recbench.data.interactions import Array
from recbench.data.sorting import sort_distinct
from recbench.data.split import Split
from recbench.errors import UsageError
from recbench.spec import Spec, build

ROUNDS = 8
"""Rounds of drawing with rejection, before the missing candidates of a case are drawn exactly."""

RANDOM_STREAM = 101
"""Added to the seed, so that models and datasets with the same seed draw other numbers."""

DRAWS_AT_ONCE = 2**22
"""Number of draws that are in memory at a time."""


def read_candidates(text: str) -> tuple[str, dict[str, Any]]:
    """Parse `--candidates`: return the name of the sample in tables, and n, by and seed as a dict.

    text: a number, or a number with options, such as `100:by=popularity,seed=1`.

    Raises UsageError for anything else.
    """
    spec = Spec.parse(text) if text.strip() else Spec("")
    if not spec.name.isascii() or not spec.name.isdigit() or int(spec.name) < 1:
        raise UsageError(
            f"--candidates {text!r} must be a whole number from 1, such as 100 or 100:by=popularity"
        )
    n = int(spec.name)
    options: dict[str, Any] = build("--candidates", _candidate_options, spec.options)
    if options["seed"] < 0:
        raise UsageError(f"--candidates {text}: seed={options['seed']} must be at least 0")
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
    """Draw the candidates of every case; return the name of the sample and (cases, n) int32 items.

    The items of a case are drawn one by one without replacement, uniformly or in proportion to
    their training interactions, and listed in this order. The case's targets are never drawn, and
    with mask_seen neither are the items of its history. The sample depends only on the split and
    the text.

    Metrics on samples rank models differently from full ranking and are too high (Krichene &
    Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).

    Raises UsageError if a case has fewer than n items left to draw from.
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
            f"--candidates {text}: for some users only {n_left:,} items can be drawn. Choose at "
            f"most {n_left:,}, or leave out --candidates for full ranking"
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
    """The distinct pairs that must not be drawn, as case * n_items + item, ascending."""
    pairs = split.target_pairs
    if mask_seen:
        pairs = np.append(pairs, split.history.take(split.judged).pairs())
    return sort_distinct(pairs)


def _draw(
    weights: Array, excluded: Array, n_cases: int, n: int, random: np.random.Generator
) -> Array:
    """Draw (cases, n) int32 items. excluded: pairs not to draw, as case * n_items + item."""
    n_items, cumulative = len(weights), np.cumsum(weights)
    drawn: Array = np.empty(0, dtype=np.int64)  # case * n_items + item, by case and then as drawn
    incomplete = np.arange(n_cases)
    for _ in range(ROUNDS):
        cases = np.repeat(incomplete, 2 * n)
        draws = random.integers(0, cumulative[-1], len(cases))
        pairs = cases * n_items + np.searchsorted(cumulative, draws, side="right")
        drawn = np.concatenate([drawn, pairs[~np.isin(pairs, excluded)]])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]  # the first of equal pairs
        drawn = drawn[np.argsort(drawn // n_items, kind="stable")]
        incomplete = np.flatnonzero(np.bincount(drawn // n_items, minlength=n_cases) < n)
        if not len(incomplete):
            break
    cases, items = np.divmod(drawn, n_items)
    nth = np.arange(len(cases)) - np.searchsorted(cases, cases)
    candidates = np.full((n_cases, n), -1, dtype=np.int32)
    candidates[cases[nth < n], nth[nth < n]] = items[nth < n]
    excluded_cases, excluded_items = np.divmod(excluded, n_items)
    for case in incomplete:  # n is close to n_items, or a few items have most of the weight
        left = weights.astype(np.float64)
        left[excluded_items[excluded_cases == case]] = 0
        left[items[cases == case]] = 0
        with np.errstate(divide="ignore"):  # weighted sampling, Efraimidis & Spirakis, 2006
            order = np.argsort(np.log(random.random(n_items)) / left, kind="stable")[::-1]
        missing = candidates[case] < 0
        candidates[case, missing] = order[: np.count_nonzero(missing)]
    return candidates
