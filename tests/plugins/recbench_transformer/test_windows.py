"""Windows and batches: every interaction once, within the size limit."""

import dataclasses

import numpy as np
import pytest
from made_transformer import log_of

from recbench_transformer import windows


def test_windows_cover_every_interaction_once() -> None:
    lengths = np.array([0, 1, 2, 4, 5, 6, 9, 23, 8])
    for seed in range(20):
        row, start, n_inputs = windows.cut_windows(lengths, 4, np.random.default_rng(seed))
        assert (n_inputs >= 1).all()
        assert (n_inputs <= 4).all()
        targets = [
            (r, s + 1 + i)
            for r, s, n in zip(row.tolist(), start.tolist(), n_inputs.tolist(), strict=True)
            for i in range(n)
        ]
        expected = [(r, place) for r, length in enumerate(lengths) for place in range(1, length)]
        assert sorted(targets) == expected


def test_batches_contain_inputs_and_targets_within_the_size_limit() -> None:
    log = log_of([list(range(n)) for n in (0, 1, 2, 3, 5, 7, 11, 12)])
    targets = []
    for batch in windows.make_batches(log, 6, 12, np.random.default_rng(0)):
        assert batch.items.size <= 12
        assert np.array_equal(batch.rows, batch.users), "each user has one row here"
        for items, answers, length in zip(batch.items, batch.targets, batch.lengths, strict=True):
            assert np.array_equal(answers[:length], items[:length] + 1)
            targets += answers[:length].tolist()
    assert sorted(targets) == sorted(log.items[log.items > 0].tolist())


def test_what_is_later_is_drawn_from_all_later_baskets() -> None:
    times = np.array([1, 1, 2, 2, 3, 5, 5, 7])
    log = dataclasses.replace(log_of([[1, 2, 3, 4, 5], [6, 7], [8]]), times=times)
    drawn = np.array([windows.draw_later(log, np.random.default_rng(n)) for n in range(200)])
    possible = [set(places.tolist()) for places in drawn.T]
    assert possible[:4] == [{2, 3, 4}, {2, 3, 4}, {4}, {4}]
    assert possible[5] == {6}, "nothing is later, so the one after it"
    shares = np.bincount(drawn[:, 0])[2:] / 200
    assert shares == pytest.approx(1 / 3, abs=0.15)


def test_without_times_every_later_interaction_can_be_drawn() -> None:
    log = log_of([[1, 2, 3], [4, 5]])
    drawn = np.array([windows.draw_later(log, np.random.default_rng(n)) for n in range(50)])
    assert [set(drawn[:, place].tolist()) for place in (0, 1, 3)] == [{1, 2}, {2}, {4}]


def test_batches_can_predict_the_future() -> None:
    log = log_of([list(range(n)) for n in (0, 1, 2, 5, 9)])
    for future in (False, True):
        for batch in windows.make_batches(log, 9, 12, np.random.default_rng(0), future=future):
            for items, answers, n in zip(batch.items, batch.targets, batch.lengths, strict=True):
                steps = answers[:n] - items[:n]
                assert (steps >= 1).all()
                assert (answers[:n] <= n).all()
                assert bool((steps > 1).any()) == (future and n > 1)


def test_only_the_latest_window_of_each_row() -> None:
    log = log_of([list(range(n)) for n in (0, 1, 2, 5, 7, 12)])
    row, start, n_inputs = windows.latest_windows(log.lengths, 4)
    assert (row.tolist(), start.tolist(), n_inputs.tolist()) == (
        [2, 3, 4, 5],
        [0, 0, 2, 7],
        [1, 4, 4, 4],
    )
    batches = windows.make_batches(log, 4, 8, np.random.default_rng(0), only_latest=True)
    seen = {
        int(row): answers[:length].tolist()
        for batch in batches
        for row, answers, length in zip(batch.rows, batch.targets, batch.lengths, strict=True)
    }
    assert seen == {2: [1], 3: [1, 2, 3, 4], 4: [3, 4, 5, 6], 5: [8, 9, 10, 11]}
