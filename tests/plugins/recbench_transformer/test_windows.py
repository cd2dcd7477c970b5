"""Windows and batches: every interaction once, within the size limit."""

import numpy as np
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
        for items, answers, length in zip(batch.items, batch.targets, batch.lengths, strict=True):
            assert np.array_equal(answers[:length], items[:length] + 1)
            targets += answers[:length].tolist()
    assert sorted(targets) == sorted(log.items[log.items > 0].tolist())
