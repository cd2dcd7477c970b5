"""What is counted beside the network, and how it is combined with the network's scores."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_transformer import SMALL, log_of

import recbench
from recbench import Interactions, RecbenchError
from recbench.testing import example
from recbench_rules import Rules
from recbench_rules.combination import Weights
from recbench_rules.counts import count_followers, normalise_rows
from recbench_transformer import Transformer, evidence, model, warm_start
from recbench_transformer.evidence import Evidence, log_softmax, recent_shares, time_decay

SETTINGS = Transformer(**SMALL).settings


def _network(history: Interactions) -> Any:
    """Scores that depend on the user and the item only."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, history.n_items)).astype(np.float32)[history.users]


def test_the_score_is_the_weighted_sum_of_logarithms() -> None:
    log = example(users=50)
    counted = Evidence(SETTINGS).fit(log, count_followers(log, 10), 10)
    assert counted.parts == ["network", "rules", "neighbours", "history", "recent"]
    counted.weights = Weights(np.array([2, 0.3, 0.5, 0.7, 0.9], dtype=np.float32), np.zeros(6))
    near, late = count_followers(log, 10), count_followers(log, 10, time_decay(log, 0.1))
    near, late = (normalise_rows((each + each.T).tocsr()) for each in (near, late))
    shares = [
        Rules(length=30, decay=0.7).fit(log).score(log),
        Rules(length=30, decay=0.7).use(near).score(log),
        Rules(length=200, decay=0.98).use(late).score(log),
    ]
    expected = 2 * log_softmax(_network(log)) + 0.9 * recent_shares(log)
    for weight, share in zip((0.3, 0.5, 0.7), shares, strict=True):
        expected = expected + weight * np.log(share + 1e-4)
    assert counted.combine(log, _network) == pytest.approx(expected, abs=1e-4)


def test_recent_interactions_count_more() -> None:
    log = Interactions.from_log(
        users=[0] * 4, items=[0, 0, 0, 1], times=[0, 100, 980, 1000], n_items=3
    )
    shares = np.exp(recent_shares(log))
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx((0.5 / 1.5 + 0.01 / 3) / 1.01, rel=1e-4)
    assert shares[2] == pytest.approx(0.01 / 3 / 1.01)
    same_time = Interactions.from_log(users=[0, 0], items=[0, 1], times=[5, 5])
    assert np.exp(recent_shares(same_time)) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"rules": False}, ["network", "recent"]),
        ({"recent": False}, ["network", "rules", "neighbours", "history"]),
        ({"rules": False, "recent": False, "repeats": False}, ["network"]),
        ({"preset": "sasrec"}, ["network"]),
    ],
)
def test_options_leave_parts_out(options: dict[str, Any], parts: list[str]) -> None:
    settings = Transformer(**{**SMALL, **options}).settings
    counted = Evidence(settings).fit(example(users=50), count_followers(example(users=50), 10), 10)
    assert counted.parts == parts
    assert (counted.habits is not None) == settings.repeats
    if parts == ["network"] and not settings.repeats:
        log = example(users=50)
        assert counted.combine(log, _network) == pytest.approx(log_softmax(_network(log)))


def test_without_times_nothing_is_recent() -> None:
    log = log_of([[1, 2, 3], [3, 4, 5]])
    counted = Evidence(SETTINGS).fit(log, count_followers(log, 10), 10)
    assert "recent" not in counted.parts
    assert counted.late_counts is None
    settings = dataclasses.replace(SETTINGS, recent=False)
    log = example(users=50)
    assert Evidence(settings).fit(log, count_followers(log, 10), 10).late_counts is None


def test_what_was_near_each_other_lately_counts_more() -> None:
    """Item 0 was followed by item 1 three times long ago, and by item 2 once lately."""
    log = Interactions.from_log(
        users=np.repeat(np.arange(4), 2),
        items=[0, 1, 0, 1, 0, 1, 0, 2],
        times=[0, 1, 0, 1, 0, 1, 999, 1000],
    )
    counted = Evidence(SETTINGS).fit(log, count_followers(log, 10), 10)
    history = Interactions.from_log(users=[0], items=[0], n_items=3)
    scores = {part: counted.rules[part].score(history)[0] for part in counted.rules}
    for part in ("rules", "neighbours"):
        assert scores[part] == pytest.approx([0, 0.75, 0.25])
    assert scores["history"] == pytest.approx([0, 0.003, 0.997], abs=1e-3)


def test_saved_counts_are_those_that_were_saved(tmp_path: Path) -> None:
    for log in (example(users=50), log_of([[1, 2, 3], [3, 4, 5]])):
        counted = Evidence(SETTINGS).fit(log, count_followers(log, 10), 10)
        counted.save(tmp_path)
        loaded = Evidence(SETTINGS).load(tmp_path)
        assert loaded.n_parameters == counted.n_parameters
        assert loaded.parts == counted.parts
        for part, rules in counted.rules.items():
            assert np.array_equal(loaded.rules[part].score(log), rules.score(log))


def test_all_counts_have_the_same_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are fitted for counts of a part of the data, and used for those of all."""
    log, windows = example(), []
    monkeypatch.setattr(warm_start, "MAX_PAIRS", 2 * log.n_interactions - 1)
    monkeypatch.setattr(warm_start, "MAX_WINDOW", 2)
    for module in (model, evidence):

        def count(*args: Any, original: Any = module.count_followers) -> Any:
            windows.append(args[1])
            return original(*args)

        monkeypatch.setattr(module, "count_followers", count)
    Transformer(**SMALL).fit(dataclasses.replace(log, n_items=10 * log.n_items))
    assert windows == [1, 1, 1, 1]  # of the part and of the whole, each for all times and for late


def test_weights_are_fitted_on_the_validation_split_of_the_comparison() -> None:
    """With a split that repeats what users had, repeats get more than where nobody repeats."""
    rng = np.random.default_rng(0)
    users, items = np.repeat(np.arange(150), 8), rng.integers(0, 30, 150 * 8)
    items = items.reshape(150, 8)
    items[:, 4:] = items[:, :4]  # everything comes again, in the same order
    times = np.tile(np.arange(8), 150)
    frame = Interactions.from_log(users, items.ravel(), times).to_frame()
    train = recbench.split(recbench.load_dataset(frame, repeats="keep")).train
    model = Transformer(**SMALL).fit(train)
    assert model.evidence_.weights.repeats is not None
    scores = model.score(train)
    targets = items[:, 7]
    rank = (scores > scores[np.arange(150), targets][:, None]).sum(axis=1)
    without = Transformer(**SMALL, repeats=False).fit(train).score(train)
    rank_without = (without > without[np.arange(150), targets][:, None]).sum(axis=1)
    assert np.median(rank) < 5 < np.median(rank_without) + 5
    assert rank.mean() < rank_without.mean()


def test_where_nobody_repeats_an_unmasked_ranking_is_that_of_the_masked_one() -> None:
    log = example(users=200)
    model = Transformer(**SMALL).fit(log)
    best = np.argsort(-model.score(log), axis=1)[:, :10]
    seen = np.isin(np.arange(len(log))[:, None] * log.n_items + best, log.pairs())
    assert seen.mean() < 0.001
    without = np.argsort(-Transformer(**SMALL, repeats=False).fit(log).score(log), axis=1)[:, :10]
    assert np.isin(np.arange(len(log))[:, None] * log.n_items + without, log.pairs()).mean() > 0.1


def test_an_interrupted_training_fits_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, log = {**SMALL, "epochs": 4, "finish": 0.5}, example()
    whole = Transformer(**options).fit(log)
    for stop in (1, 2, 3):
        folder = tmp_path / str(stop)
        folder.mkdir()
        for nth, _ in enumerate(Transformer(**options).fit_epochs(log, folder), start=1):
            if nth == stop:
                break
        resumed = Transformer(**options).fit(log, folder)
        assert np.array_equal(resumed.evidence_.weights.parts, whole.evidence_.weights.parts)
        assert np.array_equal(resumed.score(log), whole.score(log))


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    counted = Evidence(SETTINGS).fit(example(users=50), count_followers(example(users=50), 10), 10)
    counted.weights = Weights(np.ones(3, dtype=np.float32))
    counted.save(tmp_path)
    with pytest.raises(RecbenchError, match="no complete saved transformer"):
        Evidence(SETTINGS).load(tmp_path)
    (tmp_path / evidence.FILE).unlink()
    with pytest.raises(RecbenchError, match="no complete saved transformer"):
        Evidence(SETTINGS).load(tmp_path)
