"""Held-out targets outside a comparison."""

import numpy as np
from made_splits import numbered_log, train_items

from recbench_rules.held_out import hold_out_last


def test_the_last_interaction_of_rows_with_three_is_held_out() -> None:
    split = hold_out_last(numbered_log(4, 2, 3, 1))
    assert split is not None
    assert train_items(split) == {0: [0, 1, 2], 1: [10, 11], 2: [20, 21], 3: [30]}
    assert split.history.users.tolist() == [0, 2]
    assert split.targets.tolist() == [3, 22]


def test_only_the_chosen_rows_are_shortened() -> None:
    split = hold_out_last(numbered_log(4, 3, 3), np.array([2]))
    assert split is not None
    assert train_items(split) == {0: [0, 1, 2, 3], 1: [10, 11, 12], 2: [20, 21]}
    assert (split.history.users.tolist(), split.targets.tolist()) == ([2], [22])


def test_without_such_rows_there_is_no_split() -> None:
    assert hold_out_last(numbered_log(2, 1)) is None
