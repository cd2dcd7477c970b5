"""The weights of the interactions of histories."""

import numpy as np
import pytest

from recbench import Interactions
from recbench_rules.recency import recency_weights


def histories(*lengths: int) -> Interactions:
    users = np.repeat(np.arange(len(lengths)), lengths)
    return Interactions.from_log(users, np.arange(sum(lengths)))


def test_each_row_ends_with_the_weight_1() -> None:
    weights = recency_weights(histories(3, 1, 2), 0.5)
    assert weights.tolist() == [0.25, 0.5, 1, 1, 0.5, 1]
    assert weights.dtype == np.float32


def test_only_the_latest_interactions_have_weights() -> None:
    assert recency_weights(histories(3, 1, 2), 0.5, 2).tolist() == [0, 0.5, 1, 1, 0.5, 1]


def test_without_decay_all_weights_are_1() -> None:
    assert recency_weights(histories(2, 2), 1).tolist() == [1, 1, 1, 1]


def test_no_weight_is_too_small_for_a_normal_number() -> None:
    """Sums of subnormal numbers would be slow."""
    weights = recency_weights(histories(400), 0.7)
    assert weights[weights > 0].min() >= 1e-30
    assert np.count_nonzero(weights) == pytest.approx(np.log(1e-30) / np.log(0.7), abs=1)


def test_a_history_without_interactions_has_no_weights() -> None:
    assert recency_weights(histories(), 0.5).shape == (0,)
