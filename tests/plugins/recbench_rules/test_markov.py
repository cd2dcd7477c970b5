"""The Markov chain: contract, scores by hand, and NDCG on real data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recbench import Interactions, evaluate, load_dataset
from recbench.testing import check_model
from recbench_rules import Markov
from recbench_splitters import LeaveLastOut

TRAIN = Interactions.from_log(
    users=[0, 0, 0, 0, 1, 1, 2, 2], items=[0, 1, 0, 2, 0, 1, 3, 0], n_items=5
)
"""0 was followed by 1, 2 and 1; 1 by 0; 3 by 0."""


def test_contract() -> None:
    check_model(Markov)


def test_scores_are_shares_of_the_direct_successors_of_the_last_item() -> None:
    model = Markov().fit(TRAIN)
    history = Interactions.from_log([0, 0, 1, 2], [3, 0, 1, 4], n_items=5)
    shares = np.array([[0, 2 / 3, 1 / 3, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    assert model.score(history) == pytest.approx(shares)
    assert model.n_parameters == 4


def test_the_last_item_alone_explains_the_score() -> None:
    history = Interactions.from_log([0, 0], [3, 0], n_items=5)
    parts = Markov().fit(TRAIN).explain(history, np.array([2, 1]))
    assert parts == pytest.approx(np.array([[0, 1 / 3], [0, 2 / 3]]))


def test_an_item_can_follow_itself() -> None:
    model = Markov().fit(Interactions.from_log([0, 0, 0], [1, 1, 0]))
    assert model.score(Interactions.from_log([0], [1])).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("name", "level"), [("ml-1m/sasrec-ml-1m.txt", 0.1250), ("ml-100k/u.data", 0.0754)]
)
def test_ndcg_on_real_data(real: Callable[[str], Path], name: str, level: float) -> None:
    split = LeaveLastOut().split(load_dataset(real(name)).interactions)
    ranking = evaluate(Markov().fit(split.train), split, mask_seen=True).ranking
    ndcg = ranking.expectation(1 / np.log2(np.arange(10) + 2)).mean()
    assert ndcg == pytest.approx(level, abs=0.00006)
