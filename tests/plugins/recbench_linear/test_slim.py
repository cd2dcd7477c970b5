"""SLIM: contract, scikit-learn's ElasticNet by column, options, and NDCG on real data."""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from recbench import Interactions, UsageError
from recbench.testing import check_model, example
from recbench_linear import Slim
from recbench_linear.users import user_matrix


@pytest.mark.parametrize("options", [{}, {"l1": 0.1, "l2": 0, "candidates": 5, "decay": 1}])
def test_contract(options: dict[str, Any]) -> None:
    check_model(Slim, **options)


@pytest.mark.parametrize(("l1", "l2"), [(0.2, 1), (1, 0.5), (3, 300)])
def test_each_column_is_an_elastic_net_on_the_other_items(l1: float, l2: float) -> None:
    log = example(users=200)
    model = Slim(l1, l2).fit(log)
    users = user_matrix(log).toarray().astype(np.float64)
    weights = np.zeros((32, 32))
    for target in range(30):
        others = np.delete(np.arange(32), target)
        net = ElasticNet(
            alpha=(l1 + l2) / len(users),
            l1_ratio=l1 / (l1 + l2),
            fit_intercept=False,
            positive=True,
            tol=1e-9,
            max_iter=100_000,
        )
        weights[others, target] = net.fit(users[:, others], users[:, target]).coef_
    assert model.matrix_.toarray() == pytest.approx(weights, abs=0.01)
    assert np.count_nonzero(weights) > 100
    assert not model.matrix_.diagonal().any()
    assert model.matrix_.data.min() > 0
    assert model.matrix_.dtype == np.float32


def test_only_candidates_have_weights() -> None:
    """Item 0 shares 3 users with item 1 and 2 with item 2, which are equally frequent."""
    log = Interactions.from_log(
        [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], [0, 1, 0, 1, 0, 1, 0, 2, 0, 2], n_users=8, n_items=4
    )
    both = Slim(l1=1, l2=1).fit(log).matrix_[:, 0].toarray()[:, 0]
    assert both == pytest.approx([0, 2 / 4, 1 / 3, 0])
    best = Slim(l1=1, l2=1, candidates=1).fit(log).matrix_[:, 0].toarray()[:, 0]
    assert best == pytest.approx([0, 2 / 4, 0, 0])


def test_the_weights_are_the_same_with_any_number_of_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, found = example(users=300, items=100), []
    for workers in (1, 5):
        monkeypatch.setattr(joblib, "cpu_count", lambda workers=workers: workers)
        found.append(Slim(l1=0.5, l2=5).fit(log).matrix_.toarray())
    assert np.array_equal(*found)


def test_repeats_and_windows_do_not_change_the_weights() -> None:
    log = example()
    twice = Interactions.from_log(
        np.repeat(np.repeat(log.users, log.lengths), 2), np.repeat(log.items, 2), n_items=32
    )
    windows = log.take(np.repeat(np.arange(len(log)), 3))
    plain = Slim(l1=0.5, l2=1).fit(log).matrix_.toarray()
    assert plain.any()
    assert np.array_equal(Slim(l1=0.5, l2=1).fit(twice).matrix_.toarray(), plain)
    assert np.array_equal(Slim(l1=0.5, l2=1).fit(windows).matrix_.toarray(), plain)


def test_a_log_without_interactions_gives_zeros() -> None:
    empty = Interactions([], [], [0], n_users=2, n_items=3)
    model = Slim().fit(empty)
    assert model.score(Interactions.from_log([0], [1], n_items=3)).tolist() == [[0, 0, 0]]
    assert model.n_parameters == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"l1": 0}, "slim: l1 must be above 0, not 0"),
        ({"l1": float("nan")}, "slim: l1 must be above 0, not nan"),
        ({"l2": -1}, "slim: l2 must be 0 or more, not -1"),
        ({"candidates": 0}, "slim: candidates must be 1 or more, not 0"),
        ({"decay": 0}, "slim: decay must be above 0 and at most 1, not 0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=f"^{words}$"):
        Slim(**options)


def test_weights_that_are_not_exact_are_reported_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, recwarn: Any
) -> None:
    monkeypatch.setattr("recbench_linear.slim.MAX_STEPS", 2)
    Slim(l1=0.1, l2=0).fit(example())
    message = (
        "slim: the weights of 30 of 32 items are not exact after 2 steps of the descent; "
        "they are with a larger l1 or l2"
    )
    assert [record.getMessage() for record in caplog.records] == [message]
    assert not recwarn.list


def test_save_and_load_keep_the_scores(tmp_path: Path) -> None:
    model = Slim(l1=0.5, l2=1).fit(example())
    model.save(tmp_path)
    loaded = Slim(l1=0.5, l2=1).load(tmp_path)
    assert np.array_equal(loaded.score(example()), model.score(example()))
    assert loaded.n_parameters == model.n_parameters > 0
