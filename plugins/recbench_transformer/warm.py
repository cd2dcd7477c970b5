"""A warm start: what co-occurrences alone say of items, as their first embeddings."""

import numpy as np
import torch
from torch import Tensor

import recbench
from recbench_rules.counts import follows

WINDOW = 10
"""Steps within which two items co-occur, at most."""

PAIRS = 60_000_000
"""Pairs of items that may be counted: what bounds the memory."""


def window_of(data: recbench.Interactions) -> int:
    """Steps within which items are counted together: the widest that keeps to `PAIRS`."""
    if data.n_items**2 <= PAIRS:
        return WINDOW
    return max(1, min(WINDOW, PAIRS // max(1, data.n_interactions)))


def embeddings(data: recbench.Interactions, dim: int, seed: int) -> Tensor:
    """(n_items, dim) float32 of variance 1 / dim.

    The truncated singular value decomposition, u * sqrt(s), of the positive pointwise mutual
    information of items that stand near each other, pairs weighing 1 / distance: what word2vec
    converges to, without its training (Levy & Goldberg 2014, "Neural word embedding as implicit
    matrix factorization"). An item of which nothing is known begins at random, and small.
    """
    from scipy.sparse import csr_matrix
    from sklearn.utils.extmath import randomized_svd

    draw = np.random.default_rng(seed)
    table = draw.normal(0, 0.1 * dim**-0.5, (data.n_items, dim)).astype(np.float32)
    counts = follows(data, window_of(data))
    counts = csr_matrix(counts + counts.T)
    each = np.bincount(counts.indices, weights=counts.data, minlength=data.n_items)
    expected = np.log(each, where=each > 0, out=np.zeros(len(each))).astype(np.float32)
    information = np.log(counts.data) + np.float32(np.log(max(each.sum(), 1)))
    information -= expected[counts.indices]
    information -= np.repeat(expected, np.diff(counts.indptr))
    counts.data = np.maximum(information, 0)
    counts.eliminate_zeros()
    rank = min(dim, data.n_items - 1)
    if counts.nnz and rank > 0:
        left, sizes, _ = randomized_svd(counts, rank, n_iter=2, random_state=seed)
        found = left * np.sqrt(sizes)
        table[:, :rank] += found * (dim**-0.5 / max(found.std(), 1e-9))
    return torch.from_numpy(table)
