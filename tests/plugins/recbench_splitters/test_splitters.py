"""All splitters: their contract, their names, and their results on real data."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
        n_left = np.repeat(interactions.offsets[1:], interactions.lengths) - np.arange(
            interactions.n_interactions
        )
        parts = np.select([n_left <= 2, n_left == 3], [2, 1])
        return super().split(dataclasses.replace(interactions, parts=parts))


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
