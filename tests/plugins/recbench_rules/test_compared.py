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


def _n_asked(cases: compared.Compared) -> list[int]:
    """How many targets of each case are compared."""
    n_asked: list[int] = np.add.reduceat(cases.counts == 0, cases.offsets[:-1], dtype=int).tolist()
    return n_asked


@pytest.mark.parametrize("ranks_repeats", [False, True])
def test_ranks_among_the_compared_items_estimate_ranks_among_all(ranks_repeats: bool) -> None:
    split = _split([[50 + n] for n in range(300)])
    habits = np.zeros(N_ITEMS)
    consumed = (lambda history: features_of(history, habits)) if ranks_repeats else None
    start = np.array([1.0, 0.5], dtype=np.float32)
    cases = compared.compare_targets(split, _scores, start, consumed, np.random.default_rng(0))
    assert cases.values.shape == (len(cases.counts), 2 + 6 * ranks_repeats)
    assert (cases.n_targets, cases.n_repeated) == (300, 0)
    assert np.add.reduceat(cases.counts, cases.offsets[:-1]) == pytest.approx(
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
        own = slice(*cases.offsets[case : case + 2])
        estimated = cases.values[own, :2] @ start
        target = estimated[0]
        about = 1 + float(cases.counts[own][estimated > target].sum())
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
    assert _n_asked(cases) == [1, 2]
    begin = cases.offsets[1]
    values = cases.values[begin : begin + 2]
    place = 0 if values[0, 2] else 1
    own = _scores(split.history.take([1]))[0]
    assert values[place] == pytest.approx([*own[5], 1, habits[5], 0, 2 * np.log(0.9), 0, own[5, 0]])
    assert values[1 - place] == pytest.approx([*own[301], 0, 0, 0, 0, 0, 0])
    n_consumed = np.add.reduceat(cases.values[:, 2] > 0, cases.offsets[:-1], dtype=int)
    assert n_consumed.tolist() == [4, 4]


def test_few_cases_and_few_targets_of_each_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "MOST_CASES", 5)
    monkeypatch.setattr(compared, "MOST_TARGETS", 3)
    split = _split([[100 + n, 150 + n, 200 + n, 250 + n] for n in range(20)])
    start = np.ones(2, dtype=np.float32)
    cases = compared.compare_targets(split, _scores, start, None, np.random.default_rng(0))
    assert _n_asked(cases) == [3] * 5
    assert cases.n_targets == 20


def test_a_user_with_very_many_items_costs_memory_for_these_alone() -> None:
    users, items = np.repeat(np.arange(200), [20_000, *[5] * 199]), np.arange(20_995) % 20_000
    history = Interactions.from_log(users, items, n_items=20_000)
    split = Split(history, history, np.full(200, 19_999))
    cases = compared.compare_targets(
        split,
        lambda rows: np.zeros((len(rows), 20_000, 1), dtype=np.float32),
        np.ones(1),
        lambda rows: features_of(rows, np.zeros(20_000)),
        np.random.default_rng(0),
    )
    assert cases.values.nbytes < 4 * cases.values.shape[1] * (20_000 + 200 * 300)
