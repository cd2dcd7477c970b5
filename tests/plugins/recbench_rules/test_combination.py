"""Combining scores: the weights that are found, their gradient, and what repeats get."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import check_grad

from recbench import Interactions, Split
from recbench_rules import combination
from recbench_rules.combination import Weights, fit_weights
from recbench_rules.compared import Compared
from recbench_rules.repeats import count_habits, features_of

N_ITEMS = 50


def _cases(seed: int = 0) -> Compared:
    rng = np.random.default_rng(seed)
    lengths = [9, 12, 4, 7, 1, 30]
    offsets = np.cumsum([0, *lengths])
    counts = rng.integers(1, 4, sum(lengths)).astype(np.float32)
    counts[offsets[:-1]] = counts[offsets[1] + 1] = 0  # two targets in case 1; case 4 has no others
    return Compared(rng.normal(size=(len(counts), 3)).astype(np.float32), counts, offsets, 7, 0)


@pytest.mark.parametrize("power", combination.POWERS)
def test_the_gradient_is_that_of_the_loss(power: float) -> None:
    cases, start = _cases(), np.array([1.0, 0.5, -0.2])
    for weights in (start, np.array([0.3, 1.2, 0.4])):
        error = check_grad(
            lambda w: combination._loss(cases, w, start, power)[0],
            lambda w: combination._loss(cases, w, start, power)[1],
            weights,
            epsilon=1e-3,
        )
        assert error < 2e-3


@pytest.mark.parametrize("power", combination.POWERS)
def test_the_loss_is_that_of_the_probabilities(power: float) -> None:
    cases, weights = _cases(), np.array([0.3, 1.2, 0.4])
    sizes = np.exp(cases.values @ weights)
    gains = []
    for begin, stop in itertools.pairwise(cases.offsets):
        size, counts = sizes[begin:stop], cases.counts[begin:stop]
        p = size[counts == 0] / (size[counts == 0] + counts @ size)
        gains.append(np.mean(p**power / power if power else np.log(p)))
    assert (len(gains), np.count_nonzero(cases.counts == 0)) == (6, 7)
    loss = combination._loss(cases, weights, weights, power)[0]
    assert loss == pytest.approx(-np.mean(gains), rel=1e-5)


def test_scores_that_are_far_apart_do_not_overflow() -> None:
    cases = _cases()
    for power in combination.POWERS:
        for weights in (np.full(3, 1e3), np.full(3, -1e3)):
            loss, gradient = combination._loss(cases, weights, weights, power)
            assert np.isfinite(loss)
            assert np.isfinite(gradient).all()


def _informed(share_repeats: float, seed: int = 0) -> tuple[Split, Any]:
    """Return cases whose targets the first of three parts knows, and the parts' scores."""
    rng = np.random.default_rng(seed)
    n = 400
    users = np.repeat(np.arange(n), 3)
    items = np.concatenate([rng.permutation(N_ITEMS)[:3] for _ in range(n)])
    if share_repeats:  # every second user repeats the latest item
        items[2::6] = items[1::6]
    history = Interactions.from_log(users, items, n_items=N_ITEMS)
    targets = np.empty(n, dtype=np.int32)
    for row, own in enumerate(history.sequences()):
        if rng.random() < share_repeats:
            targets[row] = own[-1]
        else:
            targets[row] = rng.choice(np.setdiff1d(np.arange(N_ITEMS), own))
    scores = rng.normal(size=(n, N_ITEMS, 3)).astype(np.float32)
    scores[np.arange(n), targets, 0] += 3
    return Split(history, history, targets), lambda rows: scores[rows.users]


def test_parts_that_know_nothing_get_little_weight() -> None:
    split, score = _informed(0)
    weights = fit_weights(split, score, np.ones(3, dtype=np.float32), None, seed=0)
    assert weights.repeats is None
    assert (weights.parts >= 0).all()
    assert weights.parts[0] > 10 * weights.parts[1:].max()


def test_how_often_items_are_repeated_is_learned() -> None:
    start, offsets = np.ones(3, dtype=np.float32), []
    for share in (0.1, 0.9):
        split, score = _informed(share)
        weights = fit_weights(split, score, start, count_habits(split.train), seed=0)
        assert weights.repeats is not None
        latest, other = np.array([[1, 0, 0, 0, 1], [1, 0, 0, np.log(0.9**2), 0]]), np.zeros(2)
        offsets.append(weights.of_repeats(latest, other))
    assert offsets[1][0] > offsets[0][0] + 1
    assert (np.diff(offsets, axis=1) < -1).all(), "it is the latest item that comes again"


def test_where_nobody_repeats_consumed_items_are_ranked_last() -> None:
    split, score = _informed(0)
    habits = count_habits(split.train)
    weights = fit_weights(split, score, np.ones(3, dtype=np.float32), habits, seed=0)
    assert weights.repeats is not None
    assert not weights.repeats[1:].any()
    scores = score(split.history)
    total = scores @ weights.parts
    weights.add_repeats(total, scores[:, :, 0], features_of(split.history, habits))
    consumed = np.sort(total, axis=1)[:, :3]
    own = np.stack(
        [np.sort(total[row, items]) for row, items in enumerate(split.history.sequences())]
    )
    assert own == pytest.approx(consumed)


def test_repeats_that_only_the_targets_have_are_learned() -> None:
    rng = np.random.default_rng(0)
    items = np.stack([rng.choice(N_ITEMS, 2, replace=False) for _ in range(200)])
    users = np.repeat(np.arange(200), 2)
    history = Interactions.from_log(users, items.ravel(), n_items=N_ITEMS)
    split = Split(history, history, items[:, 0])
    scores = rng.normal(size=(200, N_ITEMS, 1)).astype(np.float32)
    start, habits = np.ones(1, dtype=np.float32), count_habits(history)
    weights = fit_weights(split, lambda rows: scores[rows.users], start, habits, seed=0)
    total = scores[:, :, 0] * weights.parts
    weights.add_repeats(total, scores[:, :, 0], features_of(history, habits))
    own = total[np.arange(200), items[:, 0]][:, None]
    assert (total > own).sum(axis=1).max() < 2


def test_repeats_are_explained_by_the_interactions_with_the_item() -> None:
    weights = Weights(np.ones(1), np.array([0.5, 0, 0, 2.0, 0, 0.1]))
    history = Interactions.from_log(users=[0] * 4, items=[3, 1, 3, 2], n_items=5)
    own = np.array([-1.0, -2.0])
    shares = weights.explain_repeats(history, np.array([3, 4]), own, np.zeros(5))
    gets = 0.5 + 2 * np.log(0.9 + 0.9**3) - 0.1
    assert shares == pytest.approx(np.array([[gets / 2, 0, gets / 2, 0], [0, 0, 0, 0]]))
    empty = weights.explain_repeats(
        history.keep(np.zeros(4, dtype=bool)), np.array([3]), own[:1], np.zeros(5)
    )
    assert empty.shape == (1, 0)


def test_weights_of_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 5 weights for repeats"):
        Weights(np.ones(1), np.zeros(5))
