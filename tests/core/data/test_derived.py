"""What is computed from interactions: a sparse matrix of their own memory."""

import numpy as np
import pytest
from scipy import sparse

from recbench import Interactions


def _log() -> Interactions:
    return Interactions.from_log([0, 0, 0, 2], [3, 1, 3, 0], ratings=[1, 2, 4, 8], n_items=5)


def test_a_matrix_counts_the_items_of_each_sequence() -> None:
    matrix = _log().matrix()
    assert isinstance(matrix, sparse.csr_matrix)
    assert matrix.dtype == np.float32
    assert matrix.has_canonical_format
    assert matrix.toarray().tolist() == [[0, 1, 0, 2, 0], [1, 0, 0, 0, 0]]


def test_a_matrix_can_have_values_of_its_own() -> None:
    log = _log()
    assert log.matrix(log.ratings).toarray().tolist() == [[0, 2, 0, 5, 0], [8, 0, 0, 0, 0]]
    with pytest.raises(ValueError, match="values has shape"):
        log.matrix([1, 2])


def test_a_matrix_can_be_changed_and_the_log_cannot() -> None:
    log = _log()
    matrix = log.matrix()
    matrix.data[:] = 7
    matrix.indices[:] = 0
    matrix.indptr[:] = 0
    assert log.items.tolist() == [3, 1, 3, 0]
    assert log.offsets.tolist() == [0, 3, 4]
