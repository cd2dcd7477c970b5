"""The random model: its contract, distribution and seed."""

import numpy as np

from recbench.testing import check_model, example
from recbench_random import Random


def test_contract() -> None:
    check_model(Random)


def test_random_is_uniform_and_seeded() -> None:
    train = example(users=400)
    scores = Random(seed=1).fit(train).score(train)
    assert np.array_equal(scores, Random(seed=1).fit(train).score(train))
    assert not np.array_equal(scores, Random(seed=2).fit(train).score(train))
    assert 0 <= scores.min() < 0.01 < 0.99 < scores.max() < 1
    assert abs(scores.mean() - 0.5) < 0.02
    assert len(np.unique(scores)) == scores.size
