"""Similarities, and the largest of each row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recbench_linear.neighbours import cosines, keep_largest

ROWS = st.lists(st.lists(st.integers(0, 4), min_size=9, max_size=9), min_size=1, max_size=8)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.integers(1, 11))
def test_the_largest_are_those_of_a_slow_loop(rows: list[list[int]], k: int) -> None:
    expected = np.zeros((len(rows), 9))
    for row, values in enumerate(rows):
        best = sorted(range(9), key=lambda column: (-values[column], column))[:k]
        expected[row, best] = np.array(values)[best]
    kept = keep_largest(csr_matrix(np.array(rows, dtype=np.float32)), k)
    assert np.array_equal(kept.toarray(), expected)
    assert np.diff(kept.indptr).max() <= k


def test_columns_may_come_in_any_order() -> None:
    matrix = csr_matrix((np.array([1.0, 1, 1]), [2, 0, 1], [0, 3]), shape=(1, 3))
    assert keep_largest(matrix, 2).toarray().tolist() == [[1, 1, 0]]


@pytest.mark.parametrize("k", [2**31, 2**70])
def test_k_may_be_any_number(k: int) -> None:
    matrix = csr_matrix(np.array([[1, 0, 2], [0, 0, 0]], dtype=np.float32))
    assert keep_largest(matrix, k).toarray().tolist() == [[1, 0, 2], [0, 0, 0]]


def test_cosines_are_computed_by_hand() -> None:
    products = csr_matrix(np.array([[4.0, 6.0], [0.0, 3.0]]))
    lengths = np.array([2.0, 1.0]), np.array([2.0, 3.0])
    similar = cosines(products, np.array([0, -1]), lengths, 0.0)
    assert similar.toarray().tolist() == [[0, 1], [0, 1]]
    assert similar.nnz == 2


def test_shrinkage_adds_to_the_divisor() -> None:
    lengths = np.array([2.0]), np.array([3.0])
    assert cosines(csr_matrix([[6.0]]), np.array([-1]), lengths, 2)[0, 0] == pytest.approx(6 / 8)
