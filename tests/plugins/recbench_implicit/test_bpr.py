"""Bayesian personalised ranking: contract, known and new users, implicit's own figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from recbench import Interactions, RecbenchError, UsageError, evaluate, load_dataset
from recbench.testing import check_model, example
from recbench_implicit import Bpr
from recbench_metrics.ranks import ndcg
from recbench_splitters import LeaveLastOut

pytest.importorskip("implicit")

LOG = example()

KNOWN = {
    "item_factors": np.array([[1, 0, 0.5], [0, 1, 0], [2, 2, -1]], dtype=np.float32),
    "user_factors": np.array([[1, 2], [-1, 0]], dtype=np.float32),
    "users": np.array([3, 7]),
    "centre": np.array([0.5, 0.5], dtype=np.float32),
    "scale": np.array([2], dtype=np.float32),
}
"""Two factors of three items and of the users 3 and 7. The last numbers of items are biases."""


@pytest.mark.parametrize("options", [{}, {"factors": 3, "learning_rate": 0.1, "iterations": 5}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(Bpr, **options)


def test_known_users_have_learned_factors_and_others_those_of_their_items() -> None:
    model = Bpr(2).use(KNOWN)
    history = Interactions([7, 3, -1, 5, 9], [0, 0, 0, 0, 2], [0, 1, 2, 3, 5, 5], 10, 3)
    scores = model.score(history)
    assert scores[0].tolist() == [-1 + 0.5, 0, -2 - 1]
    assert scores[1].tolist() == [1 + 0.5, 2, 6 - 1]
    assert scores[2].tolist() == [1 + 0.5, -1, -1]  # the user is 2 * ([1, 0] - 0.5) = [1, -1]
    assert scores[3].tolist() == [4 + 0.5, 2, 12 - 1]  # 2 * ([1, 0] + [2, 2] - 1) = [4, 2]
    assert scores[4].tolist() == [0.5, 0, -1], "without a history, biases are left"


def test_new_users_get_factors_like_those_of_known_users_with_the_same_items() -> None:
    model = Bpr(factors=8, learning_rate=0.1).fit(LOG)
    learned, n_items = model.learned_, LOG.n_items
    items = learned["item_factors"][:, :-1]
    assert learned["centre"] == pytest.approx(items[LOG.items].mean(axis=0), abs=1e-6)
    own = LOG.matrix().toarray() @ (items - learned["centre"])
    users = learned["user_factors"]
    best = np.linalg.lstsq(own.reshape(-1, 1), users.ravel(), rcond=None)[0]
    assert learned["scale"] == pytest.approx(best, rel=1e-4)
    strangers = Interactions(np.full(40, -1), LOG.items, LOG.offsets, 40, n_items)
    known, new = model.score(LOG), model.score(strangers)
    same = [np.corrcoef(*pair)[0, 1] for pair in zip(known, new, strict=True)]
    assert np.mean(same) > 0.8


def test_a_user_without_a_number_is_never_known() -> None:
    train = Interactions([-1, 2], [0, 1, 2], [0, 2, 3], 4, 3)
    model = Bpr(factors=2, iterations=3).fit(train)
    assert model.learned_["users"].tolist() == [-1, 2]
    nothing = Interactions([-1], np.array([], dtype=int), [0, 0], 4, 3)
    assert model.score(nothing)[0] == pytest.approx(model.learned_["item_factors"][:, -1])


def test_a_log_without_interactions_scores_zero() -> None:
    nothing = LOG.keep(np.zeros(LOG.n_interactions, dtype=bool))
    for train in (nothing, nothing.take([])):
        assert not Bpr(factors=2).fit(train).score(LOG).any()


def test_the_figures_are_those_of_implicit() -> None:
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    log = load_dataset("synthetic:users=50,interactions=900").interactions
    split = LeaveLastOut().split(log)
    options: dict[str, Any] = {"factors": 8, "learning_rate": 0.1, "iterations": 20}
    theirs = BayesianPersonalizedRanking(**options, random_state=3, num_threads=1)
    matrix = split.train.matrix()
    theirs.fit(matrix, show_progress=False)
    ours = Bpr(**options, seed=3).fit(split.train)
    assert np.array_equal(ours.learned_["user_factors"], theirs.user_factors[:, :-1])
    lists, _ = theirs.recommend(np.arange(len(log)), matrix, N=10)
    gains = (lists == split.targets[:, None]) / np.log2(np.arange(2, 12))
    measured = ndcg(evaluate(ours, split, mask_seen=True).ranking, 10)
    assert measured == pytest.approx(gains.sum(axis=1))
    assert measured.any()


def test_sequences_of_the_same_user_count_together() -> None:
    apart = Interactions([1, 1, 4], [0, 1, 2, 3], [0, 1, 2, 4], 5, 4)
    together = Interactions([1, 4], [0, 1, 2, 3], [0, 2, 4], 5, 4)
    learned = [Bpr(factors=2, iterations=3).fit(train).learned_ for train in (apart, together)]
    assert learned[0]["users"].tolist() == [1, 4]
    assert np.array_equal(learned[0]["user_factors"], learned[1]["user_factors"])


def test_threads_do_not_change_the_factors_but_seeds_do() -> None:
    factors = []
    for threads, seed in ((1, 0), (3, 0), (3, 1)):
        with threadpool_limits(threads):
            factors.append(Bpr(seed=seed).fit(LOG).learned_["item_factors"])
    assert np.array_equal(factors[0], factors[1])
    assert not np.allclose(factors[0], factors[2], atol=1e-3)


def test_all_that_scores_need_is_saved(tmp_path: Path) -> None:
    model = Bpr(factors=4).fit(LOG)
    assert model.n_parameters == 32 * (4 + 1) + 40 * 4  # items have a bias
    model.save(tmp_path)
    loaded = Bpr(factors=4).load(tmp_path)
    assert loaded.n_parameters == model.n_parameters
    strangers = Interactions(np.full(40, -1), LOG.items, LOG.offsets, 40, 32)
    for history in (LOG, strangers):
        assert np.array_equal(loaded.score(history), model.score(history))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"factors": 0}, "bpr: factors must be 1 or more, not 0"),
        ({"learning_rate": 0}, "bpr: learning_rate must be above 0 and finite, not 0"),
        ({"regularization": -1}, "bpr: regularization must be 0 or more, not -1"),
        ({"regularization": float("nan")}, "bpr: regularization must be 0 or more, not nan"),
        ({"iterations": 0}, "bpr: iterations must be 1 or more, not 0"),
        ({"seed": -1}, "bpr: seed must be 0 or more, not -1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Bpr(**options)


def test_a_training_that_diverges_says_what_to_change() -> None:
    with pytest.raises(RecbenchError, match=r"bpr: the training diverged .* lower learning_rate"):
        Bpr(learning_rate=1e6).fit(LOG)
