"""All splitters: their contract, their names, and their results on real data."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_splits import Triple, timed_log

from recbench import Interactions, RecbenchError, Split, load_dataset, load_plugins
from recbench.spec import Spec
from recbench.testing import check_splitter
from recbench_splitters import (
    Given,
    LeaveLastBasket,
    LeaveLastOut,
    LeaveNOut,
    RandomShare,
    Sessions,
    Temporal,
    UnseenUsers,
    Windows,
)


class GivenByPlace(Given):
    """The third last interaction of each user is the valid part, and the last two the test part."""

    def split(self, interactions: Interactions) -> Split:
        """Split interactions that get these parts first."""
        return super().split(_with_parts(interactions))

    def validation_split(self, interactions: Interactions) -> Split:
        """Do the same for validation."""
        return super().validation_split(_with_parts(interactions))


def _with_parts(interactions: Interactions) -> Interactions:
    n_left = np.repeat(interactions.offsets[1:], interactions.lengths) - np.arange(
        interactions.n_interactions
    )
    parts = np.select([n_left <= 2, n_left == 3], [2, 1])
    return dataclasses.replace(interactions, parts=parts)


def _validation(splitter: Any, log: Interactions) -> Split:
    """Return the split that `recbench tune` judges on."""
    if hasattr(splitter, "validation_split"):
        made: Split = splitter.validation_split(log)
    else:
        made = splitter.split(splitter.split(log).train)
    return made


def _pairs(interactions: Interactions) -> set[tuple[int, int]]:
    users = np.repeat(interactions.users, interactions.lengths)
    return {*zip(users.tolist(), interactions.items.tolist(), strict=True)}


def _targets(split: Split) -> set[tuple[int, int]]:
    users = split.history.users[split.judged][split.case_of_target]
    return {*zip(users.tolist(), split.judged_targets[0].tolist(), strict=True)}


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (LeaveLastOut, {}),
        (LeaveLastBasket, {}),
        (Temporal, {}),
        (Temporal, {"targets": "all", "share": 0.5}),
        (Windows, {}),
        (GivenByPlace, {}),
        (GivenByPlace, {"valid": "unused"}),
        (LeaveNOut, {}),
        (LeaveNOut, {"n": 1}),
        (RandomShare, {}),
        (RandomShare, {"by": "log", "share": 0.5}),
        (Sessions, {}),
        (Sessions, {"gap": 30, "targets": "each"}),
        (UnseenUsers, {}),
    ],
)
def test_contract(factory: type, options: dict[str, Any]) -> None:
    check_splitter(factory, **options)


SPLITTERS = [
    *(LeaveLastOut(), LeaveNOut(), LeaveLastBasket(), GivenByPlace(), RandomShare()),
    *(RandomShare(by="log"), Temporal(), Temporal(share=0.5, targets="all"), Temporal(at=5)),
    *(Sessions(), Sessions(gap=0.05, at=20, targets="each"), UnseenUsers(share=0.6), Windows()),
    *(Windows(length=2, step=1, test=0.3),),
]


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(0, 25)),
        min_size=4,
        max_size=60,
        unique_by=lambda triple: triple[:2],
    ),
    st.sampled_from(SPLITTERS),
)
def test_validation_uses_no_test_target(triples: list[Triple], splitter: Any) -> None:
    log = timed_log(*triples)
    try:
        test = splitter.split(log)
    except RecbenchError:
        return
    refusal = ""
    try:
        validation = _validation(splitter, log)
    except RecbenchError as error:
        refusal = str(error)
    if refusal:
        assert "validation" in refusal
        return
    held_out, chosen = _targets(test), _targets(validation)
    assert not held_out & (_pairs(validation.train) | _pairs(validation.history) | chosen)
    assert chosen <= _pairs(log)
    assert isinstance(splitter, Windows) or not chosen & _pairs(validation.train)


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_validation_judges_users_of_an_ordinary_log(splitter: Any) -> None:
    moments = [item + item // 3 * 10 for item in range(12)]  # pauses after every third item
    rows = [(user, item, user + moments[item]) for user in range(6) for item in range(12)]
    log = timed_log(*rows)
    split = _validation(splitter, log)
    assert len(split.judged)
    assert split.fingerprint() != splitter.split(log).fingerprint()


@pytest.mark.parametrize(
    "text",
    [
        "given:valid=unused",
        "leave-last-basket",
        "leave-n-out:n=3",
        "random:share=0.7,by=log,seed=1",
        "sessions:gap=30,share=0.8,targets=each",
        "sessions:at=1998-03-01",
        "temporal:at=1998-03-01T12:00,targets=all",
        "users:share=0.8,seed=1",
    ],
)
def test_names_with_options_build_splitters(text: str) -> None:
    assert load_plugins().build("splitters", Spec.parse(text))


@pytest.mark.parametrize("splitter", [Temporal(), LeaveLastBasket()])
def test_without_times_the_error_suggests_leave_last_out(splitter: Any) -> None:
    log = Interactions.from_log([0, 0], [0, 1])
    with pytest.raises(RecbenchError, match=r"needs times.*use leave-last-out"):
        splitter.split(log)


def test_movielens_100k(real: Callable[[str], Path]) -> None:
    log = load_dataset(real("ml-100k/u.data")).interactions
    split = Temporal().split(log)
    assert split.train.n_interactions == 90_000
    assert len(split.judged) == 90
    assert split.notes == (
        "the cut is 1998-03-31 22:11:49 UTC: 90,000 interactions before it, 10,000 at or after it",
        "76 users without an interaction before the cut are neither used for training nor judged",
        "777 users without an interaction at or after the cut are used for training but not judged",
    )
    assert len(Temporal(targets="all").split(log).targets) == 2_886
    basket = LeaveLastBasket().split(log)
    assert len(basket.judged) == 943
    assert len(basket.targets) == 2_148
    assert np.count_nonzero(np.diff(basket.judged_targets[1]) > 1) == 415
    last_two = LeaveNOut().split(log)
    assert last_two.targets[1::2].tolist() == LeaveLastOut().split(log).targets.tolist()
    drawn = RandomShare().split(log)
    assert (drawn.train.n_interactions, len(drawn.targets)) == (80_000, 20_000)
    unseen = UnseenUsers().split(log)
    assert (len(unseen.train), len(unseen.judged)) == (849, 94)


def test_the_contract_checks_every_target_of_a_case() -> None:
    class Wrong:
        def split(self, log: Interactions) -> Split:
            made = LeaveLastBasket().split(log)
            assert made.offsets is not None
            seen = made.history.items[made.history.offsets[:-1]]
            targets = np.stack([made.targets, seen], axis=1).ravel()
            return Split(made.train, made.history, targets, offsets=2 * made.offsets)

    with pytest.raises(AssertionError, match=r"target of row 0 .*in its history"):
        check_splitter(Wrong)
