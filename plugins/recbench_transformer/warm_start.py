"""The warm start: initial item embeddings, computed from co-occurrences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

import recbench

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MAX_WINDOW = 10
"""Maximum number of steps between two items that count as co-occurring."""

MAX_PAIRS = 60_000_000
"""Maximum number of pairs of items to count; this limits the memory."""


def window_for(data: recbench.Interactions) -> int:
    """Return the widest window, in steps, whose pairs are within `MAX_PAIRS`."""
    if data.n_items**2 <= MAX_PAIRS:
        return MAX_WINDOW
    return max(1, min(MAX_WINDOW, MAX_PAIRS // max(1, data.n_interactions)))


def cooccurrence_embeddings(followers: csr_matrix, dim: int, seed: int) -> Tensor:
    """Return initial embeddings (n_items, dim), float32, of variance 1 / dim.

    Items that occur in similar contexts get similar embeddings. How often items are near each
    other, in either order, is converted to positive pointwise mutual information. A truncated
    singular value decomposition of this matrix gives the embeddings: u * sqrt(s) for the `dim`
    largest singular values s. word2vec implicitly factorises a similar matrix (Levy & Goldberg
    2014, "Neural word embedding as implicit matrix factorization"). An item without co-occurrences
    gets small random numbers.
    """
    from sklearn.utils.extmath import randomized_svd

    rng = np.random.default_rng(seed)
    n_items = followers.shape[0]
    table = rng.normal(0, 0.1 * dim**-0.5, (n_items, dim)).astype(np.float32)
    counts = (followers + followers.T).tocsr()
    totals = np.bincount(counts.indices, weights=counts.data, minlength=n_items)
    log_totals = np.log(totals, where=totals > 0, out=np.zeros(len(totals))).astype(np.float32)
    information = np.log(counts.data) + np.float32(np.log(max(totals.sum(), 1)))
    information -= log_totals[counts.indices]
    information -= np.repeat(log_totals, np.diff(counts.indptr))
    counts.data = np.maximum(information, 0)
    counts.eliminate_zeros()
    rank = min(dim, n_items - 1)
    if counts.nnz and rank > 0:
        left, singular_values, _ = randomized_svd(counts, rank, n_iter=2, random_state=seed % 2**32)
        vectors = left * np.sqrt(singular_values)
        table[:, :rank] += vectors * (dim**-0.5 / max(vectors.std(), 1e-9))
    return torch.from_numpy(table)
