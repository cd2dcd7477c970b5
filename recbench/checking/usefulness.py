"""Outside the flow: whether a model learns anything, and how much memory it needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from recbench.checking.logs import all_but_last, example, groups, popular
from recbench.checking.rule import NotApplicableError, NotRunError
from recbench.checking.subject import K, Subject, ask, is_own
from recbench.code.raised import BrokenRuleError, require
from recbench.data.interactions import Interactions
from recbench.data.split import Split
from recbench.errors import RecbenchError
from recbench.evaluation.made_up import described
from recbench.evaluation.referee import evaluate

RANDOM = "random"
"""The model that others must beat."""

LOGS: Mapping[str, Callable[[int, int], Interactions]] = {
    "a few popular items": popular,
    "sequences": example,
    "groups of items": groups,
}
"""What can be learnt from a log -> a log of so many users and items."""

USERS, ITEMS = 200, 60
"""The size of these logs."""

SURE = 3.0
"""How many standard errors better than random order a model must be."""

CATALOGUE = 1000
"""The smaller of two catalogues, whose peak memory is compared."""

MOST_GROWTH = 4.5
"""How many times as much memory the double catalogue may need: four times for a square of items."""

NOISE = 32 * 2**20
"""Memory in bytes; so much more is no growth: part of it was in use before."""

MB = 2**20


def beats_random(subject: Subject) -> str:
    """On a log with something to learn, a model is better than a random order."""
    if subject.name == RANDOM:
        raise NotApplicableError("it is what other models must beat")
    found = []
    for what, made in LOGS.items():
        log = described(made(USERS, ITEMS), subject.log)
        try:
            value, chance, error = _measured(subject, log)
        except RecbenchError as refused:
            if not is_own(refused):
                raise
            found.append(f"it refuses a log with {what}: {refused}")
            continue
        text = f"NDCG@{K} {value:.3f} on a log with {what}, {chance:.3f} in random order"
        if value > chance + SURE * error:
            return text
        found.append(text)
    rule = f"a model must beat `{RANDOM}` where there is something to learn"
    raise BrokenRuleError(rule, "; ".join(found))


def _measured(subject: Subject, log: Interactions) -> tuple[float, float, float]:
    """Return NDCG@K of the next item, that of a random order, and the standard error of both."""
    train = all_but_last(log)
    targets = log.items[log.offsets[1:] - 1]
    model = subject.fit(train)
    ranking = evaluate(model, Split(train, train, targets), mask_seen=True, depth=K).ranking
    gains = 1 / np.log2(np.arange(2, K + 2))
    seen = np.array([len(np.unique(items)) for items in train.sequences()])
    chance = gains.sum() / (log.n_items - seen)
    gained = ranking.expectation(gains) - chance
    error = float(gained.std(ddof=1) / np.sqrt(len(gained)))
    return float((gained + chance).mean()), float(chance.mean()), error


def needs_memory(subject: Subject) -> str:
    """Twice the catalogue needs no more than about four times the memory."""
    if not subject.isolated:
        raise NotApplicableError("memory is measured in separate processes, which Linux has")
    peaks = [_peak(subject, n_items) for n_items in (ITEMS, CATALOGUE, 2 * CATALOGUE)]
    small, large = (max(0, peak - peaks[0]) for peak in peaks[1:])
    factor = f" ({large / small:.1f}x)" if small >= MB else ""
    text = (
        f"{small / MB:,.0f} MB for {CATALOGUE:,} items and {large / MB:,.0f} MB{factor} for "
        f"{2 * CATALOGUE:,}, on top of what {ITEMS} items need"
    )
    require(
        large <= MOST_GROWTH * small + NOISE,
        "peak memory must not grow faster than the square of the catalogue",
        text,
    )
    return text


def _peak(subject: Subject, n_items: int) -> int:
    """Return the most memory that a model needs to fit and to score with so many items."""
    log = described(popular(USERS, ITEMS), subject.log)
    spread = np.arange(log.n_interactions) * 7919 % n_items
    log = dataclasses.replace(log, items=spread, n_items=n_items, metadata=None)
    log = described(log, subject.log)
    model = subject.fit(log)
    ask(model, log.take(np.arange(32)))
    subject.close()
    if model.peak_memory is None:
        raise NotRunError("the peak memory of its process is unknown")
    return model.peak_memory
