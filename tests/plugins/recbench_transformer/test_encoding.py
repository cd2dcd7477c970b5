"""From histories to scores: batches, the latest items, and explanations as derivatives."""

from typing import Any

import numpy as np
import pytest
import torch
from made_transformer import SMALL, log_of
from torch.nn import functional

from recbench.testing import example
from recbench_transformer import Transformer
from recbench_transformer.model import RULES_FLOOR
from recbench_transformer.presets import PRESETS


@pytest.mark.parametrize(
    "options",
    [{"rules": 0}, {"rules": 0.7}, {"preset": "notebook"}, {"preset": "sasrec", "lr": 0.05}],
)
def test_an_explanation_is_the_derivative_of_the_score(options: dict[str, Any]) -> None:
    """Compare with finite differences: scale an embedding up and down a little."""
    model = Transformer(**{**SMALL, **options}).fit(example(items=10))
    history, items = log_of([[5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]], users=[1]), np.array([1, 11, 4])
    weights = model.explain(history, items)
    assert (weights.shape, weights.dtype) == ((3, 11), np.float32)
    assert not weights[:, :3].any(), "only the latest 8 count"
    net, latest = model.network_, torch.tensor(history.items[None, 3:].astype(np.int64))
    parts = np.ones((3, 8))
    if model.rules_ is not None:
        parts = model.rules_.explain(history, items)[:, 3:]

    def score(scale: torch.Tensor) -> Any:
        with torch.no_grad():
            hidden = net(latest, torch.tensor([1]), scale)[0, -1]
            scores = functional.linear(hidden, *net.output()).numpy()
        rule_scores = np.log((parts * scale.numpy()).sum(axis=1) + RULES_FLOOR)
        return scores[items] + model.settings.rules * rule_scores

    assert score(torch.ones(1, 8)) == pytest.approx(model.score(history)[0, items], abs=1e-4)
    for place in range(8):
        step = 0.01 * functional.one_hot(torch.tensor([place]), 8)
        slope = (score(1 + step) - score(1 - step)) / 0.02
        assert weights[:, 3 + place] == pytest.approx(slope, abs=2e-3)
    assert np.abs(weights).max() > 0.05


@pytest.mark.parametrize("options", [{}, {"rules": 0}, {"preset": "notebook"}])
def test_an_empty_history_has_an_empty_explanation(options: dict[str, Any]) -> None:
    model = Transformer(**{**SMALL, **options}).fit(example(items=10))
    assert model.explain(log_of([[]]), np.array([1, 2, 3])).shape == (3, 0)


@pytest.mark.parametrize("preset", PRESETS)
def test_scores_do_not_depend_on_the_batch_or_on_items_before_the_latest(preset: str) -> None:
    model = Transformer(preset=preset, **{**SMALL, "epochs": 1}).fit(example(items=10))
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
