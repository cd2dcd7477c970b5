"""Users: test users who are not in the training data, on small logs and random logs."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import LOGS, Triple, by_user, cases, numbered_log, timed_log, train_items

from recbench import Interactions, RecbenchError, UsageError
from recbench_splitters import UnseenUsers


def test_a_tenth_of_the_users_is_judged_on_the_last_interaction() -> None:
    log = numbered_log(*[5] * 20)
    split = UnseenUsers().split(log)
    assert len(split.train) == 18
    assert len(split.history) == 2
    for user, (history, targets, times) in cases(split).items():
        assert user not in split.train.users
        first = 10 * user
        assert history == [first, first + 1, first + 2, first + 3]
        assert targets == times == [first + 4]
    assert split.train.n_items == split.history.n_items == log.n_items
    assert split.notes == ("18 users drawn for training are not judged",)


@given(LOGS, st.floats(0.01, 0.99), st.integers(0, 3))
def test_each_user_is_in_training_or_judged(triples: list[Triple], share: float, seed: int) -> None:
    own = by_user(triples)
    n_train = round(share * len(own))
    if not 0 < n_train < len(own):
        with pytest.raises(RecbenchError, match=rf"of {len(own)} users is {n_train}, but"):
            UnseenUsers(share, seed).split(timed_log(*triples))
        return
    split = UnseenUsers(share, seed).split(timed_log(*triples))
    train, judged = train_items(split), cases(split)
    assert len(train) == n_train
    assert train == {user: [item for _, item, _ in own[user]] for user in train}
    assert judged == {
        user: ([item for _, item, _ in mine[:-1]], [mine[-1][1]], [mine[-1][2]])
        for user, mine in own.items()
        if user not in train and len(mine) > 1
    }


def test_users_with_a_single_interaction_are_counted() -> None:
    split = UnseenUsers(share=0.5).split(numbered_log(1, 1, 1, 1))
    assert split.notes == (
        "2 users drawn for training are not judged",
        "2 users with a single interaction are neither used for training nor judged",
    )
    assert len(split.judged) == 0


def test_another_seed_draws_others() -> None:
    log = numbered_log(*[5] * 20)
    judged = {tuple(UnseenUsers(seed=seed).split(log).history.users) for seed in (0, 0, 1, 2)}
    assert len(judged) == 3


def test_times_are_not_needed() -> None:
    split = UnseenUsers(share=0.5).split(Interactions.from_log([0, 0, 1, 1], [3, 1, 3, 1]))
    assert split.times is None
    assert split.targets.tolist() == [1]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"share": 0.0}, "splitter users: share must be above 0 and below 1, not 0.0"),
        ({"share": 1.0}, "share must be above 0 and below 1, not 1.0"),
        ({"seed": -1}, "splitter users: seed must be 0 or more, not -1"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        UnseenUsers(**wrong)


def test_validation_users_are_drawn_from_the_training_users() -> None:
    log = numbered_log(*[5] * 40)
    test, split = UnseenUsers().split(log), UnseenUsers().validation_split(log)
    assert (len(split.train), len(split.history)) == (32, 4)
    assert split.targets.tolist() == (10 * split.history.users + 4).tolist()
    drawn = {*split.train.users.tolist()}, {*split.history.users.tolist()}
    assert not drawn[0] & drawn[1]
    assert drawn[0] | drawn[1] == {*test.train.users.tolist()}


def test_the_draw_of_validation_users_does_not_depend_on_that_of_test_users() -> None:
    log, after = numbered_log(*[2] * 40), []
    for seed in range(200):
        test, split = (
            UnseenUsers(seed=seed).split(log),
            UnseenUsers(seed=seed).validation_split(log),
        )
        after += np.isin(split.history.users, test.history.users + 1).tolist()
    assert np.mean(after) < 0.2  # with the same random numbers, it is 0.3


def test_too_few_users_for_validation_are_an_error() -> None:
    with pytest.raises(
        RecbenchError,
        match=r"users: share=0\.5 of 1 training users is 0, but some must be used for training and "
        "some judged for validation; use another share, or leave-last-out",
    ):
        UnseenUsers(share=0.5).validation_split(numbered_log(3, 3))
