"""What held-out targets are compared with: the best items, and the others by a sample."""

from typing import Any

import numpy as np
import pytest

from recbench import Interactions, Split
from recbench_rules import compared
from recbench_rules.repeats import features_of

N_ITEMS = 400


def _split(targets: list[list[int]]) -> Split:
    users = np.repeat(np.arange(len(targets)), 4)
    history = Interactions.from_log(users, np.arange(len(users)) % 7, n_items=N_ITEMS)
    offsets = np.cumsum([0, *map(len, targets)])
    return Split(history, history, [t for case in targets for t in case], offsets=offsets)


def _scores(history: Interactions) -> Any:
    """Two parts, which depend on the user."""
    rng = [np.random.default_rng(int(user)) for user in history.users]
    return np.stack([own.normal(size=(N_ITEMS, 2)) for own in rng]).astype(np.float32)


@pytest.mark.parametrize("ranks_repeats", [False, True])
def test_ranks_among_the_compared_items_estimate_ranks_among_all(ranks_repeats: bool) -> None:
    split = _split([[50 + n] for n in range(300)])
    habits = np.zeros(N_ITEMS)
    consumed = (lambda history: features_of(history, habits)) if ranks_repeats else None
    start = np.array([1.0, 0.5], dtype=np.float32)
    cases = compared.compare_targets(split, _scores, start, consumed, np.random.default_rng(0))
    columns = 2 + 5 * ranks_repeats
    assert cases.values.shape[::2] == (300, columns)
    assert (cases.n_targets, cases.n_repeated) == (300, 0)
    assert cases.counts.sum(axis=1) == pytest.approx(
        [
            N_ITEMS - 1 - (0 if ranks_repeats else len(set(row.tolist())))
            for row in split.history.sequences()
        ]
    )
    ratios = []
    for case, history in enumerate(split.history.batches(1)):
        total = _scores(history)[0] @ start
        if not ranks_repeats:
            total[history.items] = -np.inf
        rank = 1 + int((total > total[split.targets[case]]).sum())
        estimated = cases.values[case][:, :2] @ start
        target = estimated[0]
        about = 1 + float(cases.counts[case][estimated > target].sum())
        if rank <= compared.N_BEST:
            assert about == rank, "the best items are all compared"
        ratios.append(about / rank)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_consumed_items_have_their_features_and_their_score_by_the_first_part() -> None:
    split, habits = _split([[300], [5, 301]]), np.linspace(0, 1, N_ITEMS)
    start = np.ones(2, dtype=np.float32)
    cases = compared.compare_targets(
        split,
        _scores,
        start,
        lambda history: features_of(history, habits),
        np.random.default_rng(0),
    )
    assert (cases.n_targets, cases.n_repeated) == (3, 1)  # user 1 had 4, 5, 6 and 0
    assert cases.asked.tolist() == [1, 2]
    values = cases.values[1][:2]
    place = 0 if values[0, 2] else 1
    own = _scores(split.history.take([1]))[0]
    assert values[place] == pytest.approx([*own[5], 1, habits[5], 2 * np.log(0.9), 0, own[5, 0]])
    assert values[1 - place] == pytest.approx([*own[301], 0, 0, 0, 0, 0])
    n_consumed = (cases.values[:, :, 2] > 0).sum(axis=1)
    assert n_consumed.tolist() == [4, 4]


def test_few_cases_and_few_targets_of_each_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "MOST_CASES", 5)
    split = _split([[100 + n, 150 + n, 200 + n, 250 + n] for n in range(20)])
    start = np.ones(2, dtype=np.float32)
    cases = compared.compare_targets(split, _scores, start, None, np.random.default_rng(0))
    assert len(cases.values) == 5
    assert cases.asked.tolist() == [3] * 5
    assert cases.n_targets == 20
