"""From histories to scores: batches, the latest items, and explanations as derivatives."""

from typing import Any

import numpy as np
import pytest
import torch
from made_transformer import SMALL, log_of
from torch.nn import functional

from recbench.testing import example
from recbench_rules.repeats import features_of
from recbench_rules.rules import FLOOR
from recbench_transformer import Transformer
from recbench_transformer.encoding import score_gradients
from recbench_transformer.evidence import log_softmax
from recbench_transformer.presets import PRESETS


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rules": False, "repeats": False},
        {"preset": "notebook"},
        {"preset": "sasrec", "lr": 0.05},
    ],
)
def test_an_explanation_is_the_derivative_of_the_score(options: dict[str, Any]) -> None:
    """Compare with finite differences: scale an embedding up and down a little."""
    model = Transformer(**{**SMALL, **options}).fit(example(items=10))
    history, items = log_of([[5, 0, 2, 3, 0, 5, 6, 7, 8, 9, 0]], users=[1]), np.array([1, 4])
    weights = model.explain(history, items)
    assert (weights.shape, weights.dtype) == ((2, 11), np.float32)
    net, latest = model.network_, torch.tensor(history.items[None, 3:].astype(np.int64))
    evidence = model.evidence_
    if not evidence.rules:
        assert not weights[:, :3].any(), "only the latest 8 count"

    def score(scale: torch.Tensor) -> Any:
        with torch.no_grad():
            hidden = net(latest, torch.tensor([1]), scale[:, 3:])[0, -1]
            scores = functional.linear(hidden, *net.output()).numpy()
        total = evidence.weights.parts[0] * (scores[items] - plain + log_plain)
        for part, weight in zip(evidence.parts, evidence.weights.parts, strict=True):
            if part in evidence.rules:
                parts = evidence.rules[part].explain(history, items) * scale.numpy()
                total = total + weight * np.log(parts.sum(axis=1) + FLOOR)
            elif part == "recent":
                total = total + weight * evidence.recent[items]
        return total

    plain = model._network(history)[0, items]
    log_plain = log_softmax(model._network(history))[0, items]
    assert score(torch.ones(1, 11)) == pytest.approx(model.score(history)[0, items], abs=1e-4)
    for place in range(11):
        step = 0.01 * functional.one_hot(torch.tensor([place]), 11)
        slope = (score(1 + step) - score(1 - step)) / 0.02
        assert weights[:, place] == pytest.approx(slope, abs=2e-3)
    assert np.abs(weights).max() > 0.05


def test_what_a_repeat_gets_is_explained_by_the_interactions_with_the_item() -> None:
    log = log_of([[1, 2, 1, 3], [2, 1, 2, 1], [1, 1, 3, 1], [3, 2, 1, 2]] * 5)
    model = Transformer(**SMALL, rules=False).fit(log)
    evidence = model.evidence_
    history, items = log_of([[1, 2, 3, 1]]), np.array([1, 2, 5])
    gradients = score_gradients(model.network_, history, items, 8)
    added = model.explain(history, items) - evidence.weights.parts[0] * gradients
    own = log_softmax(model._network(history))[0, items]
    assert evidence.habits is not None
    seen = features_of(history, evidence.habits)
    expected = evidence.weights.of_repeats(seen.features[:2], own[:2])
    assert added.sum(axis=1) == pytest.approx([*expected, 0], abs=1e-4)
    assert np.abs(expected).min() > 0.01
    assert added[0] == pytest.approx([expected[0] / 2, 0, 0, expected[0] / 2], abs=1e-4)


@pytest.mark.parametrize("options", [{}, {"rules": False}, {"preset": "notebook"}])
def test_an_empty_history_has_an_empty_explanation(options: dict[str, Any]) -> None:
    model = Transformer(**{**SMALL, **options}).fit(example(items=10))
    assert model.explain(log_of([[]]), np.array([1, 2, 3])).shape == (3, 0)


@pytest.mark.parametrize("preset", PRESETS)
def test_scores_do_not_depend_on_the_batch_or_on_items_before_the_latest(preset: str) -> None:
    options = {**SMALL, "epochs": 1, "rules": False, "repeats": False}  # which read more
    model = Transformer(preset=preset, **options).fit(example(items=10))
    history = log_of(
        [[1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 3], [2, 5], [3, 4, 5, 6, 7, 8, 9, 0], [], [7]]
    )
    together = model.score(history)
    assert together.shape == (6, 12)
    assert together.dtype == np.float32
    for row, alone in enumerate(history.batches(1)):
        assert np.allclose(model.score(alone)[0], together[row], atol=1e-4)
    assert not np.allclose(together[0], together[5], atol=1e-3)
    assert model.score(history.take([])).shape == (0, 12)
    same = log_of([[4, 5, 6, 7, 8, 9, 0, 3]], users=[1])
    assert np.allclose(model.score(same)[0], together[1], atol=1e-4)
