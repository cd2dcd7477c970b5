"""Negatives: uniform over the right items."""

import numpy as np
import torch
from made_transformer import log_of

from recbench_transformer.negatives import Negatives

CPU = torch.device("cpu")


def test_all_items_but_the_positive_are_drawn_equally_often() -> None:
    torch.manual_seed(0)
    positives = torch.tensor([0, 3, 5])
    drawn = Negatives(12_000, 6, None, CPU).draw(torch.zeros(3, dtype=torch.int64), positives)
    assert drawn.shape == (3, 12_000)
    for positive, row in zip(positives.tolist(), drawn, strict=True):
        counts = torch.bincount(row, minlength=6)
        assert counts[positive] == 0
        others = np.delete(counts.numpy(), positive)
        assert np.abs(others - 2400).max() < 200  # more than four standard deviations


def test_unseen_items_are_those_that_the_row_does_not_have() -> None:
    torch.manual_seed(0)
    rows = [[5, 1, 1, 0], [], [3], list(range(7)), [6, 2, 4, 3, 1, 0], [0, 6]]
    negatives = Negatives(7000, 7, log_of(rows, n_items=7), CPU)
    drawn = negatives.draw(torch.arange(6), torch.zeros(6, dtype=torch.int64))
    for seen, row in zip(rows, drawn, strict=True):
        unseen = set(range(7)) - set(seen) or set(range(7))  # a row with all items: all
        counts = torch.bincount(row, minlength=7).numpy()
        assert set(np.flatnonzero(counts).tolist()) == unseen, seen
        assert np.abs(counts[sorted(unseen)] - 7000 / len(unseen)).max() < 180


def test_each_position_draws_for_its_own_row() -> None:
    negatives = Negatives(40, 4, log_of([[0, 1], [2, 3]], n_items=4), CPU)
    rows = torch.tensor([1, 0, 1])
    drawn = negatives.draw(rows, torch.zeros(3, dtype=torch.int64))
    assert [sorted(row.unique().tolist()) for row in drawn] == [[0, 1], [2, 3], [0, 1]]


def test_a_catalogue_of_one_item_has_no_other_item() -> None:
    nothing = torch.zeros(2, dtype=torch.int64)
    for data in (None, log_of([[0, 0]], n_items=1)):
        drawn = Negatives(3, 1, data, CPU).draw(nothing, nothing)
        assert drawn.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_the_same_generator_gives_the_same_negatives() -> None:
    negatives, drawn = Negatives(5, 50, log_of([[1, 2]], n_items=50), CPU), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(negatives.draw(torch.zeros(4, dtype=torch.int64), torch.arange(4)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
