"""Random: a random share of the interactions, on small logs and random logs."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import LOGS, Triple, by_user, cases, numbered_log, timed_log, train_items

from recbench import Interactions, UsageError
from recbench_splitters import RandomShare

FUTURE = "targets are drawn at random, so models are trained on interactions that are later"
SHARES, SEEDS = st.floats(0.01, 0.99), st.integers(0, 3)


def test_by_user_the_share_is_taken_of_each_user() -> None:
    split = RandomShare(share=0.75).split(numbered_log(8, 4, 2, 1))
    assert split.train.lengths.tolist() == [6, 3, 1, 1]
    assert split.offsets is not None
    assert np.diff(split.offsets).tolist() == [2, 1, 1, 0]
    assert split.notes == (
        FUTURE,
        "1 user with a single interaction is used for training but not judged",
    )


def test_by_log_the_share_is_taken_of_all_interactions() -> None:
    lengths = [1, *[20] * 10]
    split = RandomShare(share=0.75, by="log").split(numbered_log(*lengths))
    assert split.train.n_interactions == round(0.75 * 201)
    assert len(split.targets) == 201 - round(0.75 * 201)
    assert len(set(split.train.lengths.tolist())) > 2  # not the same for each user


def test_by_log_a_user_may_have_no_target() -> None:
    split = RandomShare(share=0.9, by="log").split(numbered_log(9, 9, 2))
    assert split.notes == (
        FUTURE,
        "1 user none of whose interactions was drawn is used for training but not judged",
    )
    assert len(split.judged) == 2


@given(LOGS, SHARES, SEEDS, st.sampled_from(["user", "log"]))
def test_train_and_targets_are_the_whole_log(
    triples: list[Triple], share: float, seed: int, by: Any
) -> None:
    split = RandomShare(share, by, seed).split(timed_log(*triples))
    own, judged = by_user(triples), cases(split)
    for user, kept in train_items(split).items():
        sequence = iter(item for _, item, _ in own[user])
        assert all(item in sequence for item in kept)  # in the order of the log
        left = [item for _, item, _ in own[user]]
        for item in kept:
            left.remove(item)
        assert kept  # always a history
        assert set(left) == set(judged[user][1] if user in judged else [])
    if by == "log":
        n_train = max(min(round(share * len(triples)), len(triples) - 1), len(own))
        assert split.train.n_interactions == n_train
    else:
        assert judged.keys() == {user for user, mine in own.items() if len(mine) > 1}


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 8)),
        min_size=2,
        max_size=30,
        unique_by=lambda triple: triple[:2],
    ),
    st.sampled_from(["user", "log"]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_log_has_no_effect(triples: list[Triple], by: Any, random: Any) -> None:
    shuffled = [(user, item, 0) for user, item, _ in random.sample(triples, len(triples))]
    split, other = (RandomShare(0.5, by).split(timed_log(*rows)) for rows in (triples, shuffled))
    assert {user: sorted(items) for user, items in train_items(split).items()} == {
        user: sorted(items) for user, items in train_items(other).items()
    }


def test_the_last_interactions_are_not_drawn_more_often_than_others() -> None:
    log = numbered_log(*[10] * 2000)
    held = RandomShare(share=0.7).split(log).targets % 10
    assert np.bincount(held).min() > 0.9 * 600
    assert np.bincount(held).max() < 1.1 * 600


def test_another_seed_draws_others() -> None:
    log = numbered_log(*[10] * 10)
    prints = {RandomShare(seed=seed).split(log).fingerprint() for seed in (0, 0, 1, 2)}
    assert len(prints) == 3


def test_times_are_not_needed() -> None:
    split = RandomShare(share=0.5).split(Interactions.from_log([0, 0], [3, 1]))
    assert split.times is None
    assert sorted([*split.train.items, *split.targets]) == [1, 3]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"share": 0.0}, "splitter random: share must be above 0 and below 1, not 0.0"),
        ({"share": 1.0}, "share must be above 0 and below 1, not 1.0"),
        ({"share": float("nan")}, "share must be above 0 and below 1, not nan"),
        ({"by": "item"}, "by must be user or log, not item"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        RandomShare(**wrong)


@pytest.mark.parametrize(("by", "kept"), [("user", 600), ("log", 640)])
def test_validation_targets_are_drawn_from_the_training_data(by: Any, kept: int) -> None:
    log = numbered_log(*[10] * 100)
    splitter = RandomShare(share=0.8, by=by)
    test, split = splitter.split(log), splitter.validation_split(log)
    assert (test.train.n_interactions, len(test.targets)) == (800, 200)
    assert (split.train.n_interactions, len(split.targets)) == (kept, 800 - kept)
    held = {*test.targets.tolist()}
    assert not held & {*split.targets.tolist()}
    assert not held & {*split.train.items.tolist()}
    assert {*split.targets.tolist(), *split.train.items.tolist()} == {*test.train.items.tolist()}


def test_the_draw_of_validation_targets_does_not_depend_on_that_of_test_targets() -> None:
    log, after = numbered_log(10), []
    for seed in range(200):
        test, split = (
            RandomShare(seed=seed).split(log),
            RandomShare(seed=seed).validation_split(log),
        )
        after += np.isin(split.targets, test.targets + 1).tolist()
    assert 0.1 < np.mean(after) < 0.3  # with the same random numbers, it is 0.5
