"""The warm start: items that co-occur get similar initial embeddings."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_transformer import log_of
from torch.nn import functional

from recbench import Interactions
from recbench.testing import example
from recbench_rules.counts import count_followers
from recbench_transformer import warm_start
from recbench_transformer.warm_start import cooccurrence_embeddings


def two_groups() -> Interactions:
    """Return a log of users with only items 0 to 4 or only 5 to 9; no user has 10 or 11."""
    rng = np.random.default_rng(0)
    return log_of([(rng.permutation(5) + 5 * (nth % 2)).tolist() for nth in range(40)])


def test_items_that_co_occur_get_similar_embeddings() -> None:
    table = cooccurrence_embeddings(count_followers(two_groups(), 10), 4, 0)
    assert (table.shape, table.dtype) == ((12, 4), torch.float32)
    known = functional.normalize(table[:10], dim=1)
    alike, same = known @ known.T, torch.arange(10)[:, None] // 5 == torch.arange(10) // 5
    assert alike[same].mean() > alike[~same].mean() + 0.3


def test_the_seed_decides_the_embeddings_of_items_without_co_occurrences() -> None:
    table, again, reseeded = (
        cooccurrence_embeddings(count_followers(two_groups(), 10), 4, s) for s in (1, 1, 2)
    )
    assert torch.equal(table, again)
    assert not torch.equal(table[10:], reseeded[10:])
    assert torch.isfinite(table).all()
    assert table[10:].all()
    assert table[10:].norm(dim=1).max() < table[:10].norm(dim=1).min()
    assert float(
        cooccurrence_embeddings(count_followers(example(), 10), 16, 0).std()
    ) == pytest.approx(16**-0.5, rel=0.1)


@pytest.mark.parametrize(
    ("n_items", "n_interactions", "window"),
    [
        (10_000, 10**9, 10),
        (10_001, 1_000, 10),
        (10_001, 3 * 10**7, 3),
        (10_001, 10**9, 1),
        (10_001, 0, 10),
    ],
)
def test_the_window_shrinks_for_large_data(
    n_items: int, n_interactions: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_start, "MAX_PAIRS", 100_000_000)
    data = SimpleNamespace(n_items=n_items, n_interactions=n_interactions)
    assert warm_start.window_for(data) == window


@pytest.mark.parametrize(
    ("sequences", "n_items"),
    [([[0, 0, 0]], 1), ([[0, 1, 0]], 2), ([[1], [2], []], 5), ([], 3)],
)
def test_a_warm_start_works_without_pairs(sequences: list[list[int]], n_items: int) -> None:
    table = cooccurrence_embeddings(count_followers(log_of(sequences, n_items=n_items), 10), 4, 0)
    assert table.shape == (n_items, 4)
    assert torch.isfinite(table).all()
    assert table.all()
