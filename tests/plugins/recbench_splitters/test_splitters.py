"""All splitters: their contract, their names, and their results on real data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recbench import Interactions, RecbenchError, Split, load_dataset, load_plugins
from recbench.spec import Spec
from recbench.testing import check_splitter
from recbench_splitters import LeaveLastBasket, LeaveLastOut, Temporal, Windows


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (LeaveLastOut, {}),
        (LeaveLastBasket, {}),
        (Temporal, {}),
        (Temporal, {"targets": "all", "share": 0.5}),
        (Windows, {}),
    ],
)
def test_contract(factory: type, options: dict[str, Any]) -> None:
    check_splitter(factory, **options)


@pytest.mark.parametrize("text", ["leave-last-basket", "temporal:at=1998-03-01T12:00,targets=all"])
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
