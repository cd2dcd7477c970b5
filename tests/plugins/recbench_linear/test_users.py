"""Which user had which items, and products in blocks."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recbench import Interactions
from recbench.testing import example
from recbench_linear import users
from recbench_linear.users import product_blocks, shared_users, user_matrix


def test_a_user_has_an_item_once_however_often_and_in_how_many_sequences() -> None:
    windows = Interactions([2, 0, 2], [0, 1, 0, 3, 1, 2], [0, 3, 4, 6], n_users=4, n_items=4)
    expected = [[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    assert user_matrix(windows).toarray().tolist() == expected


def test_each_sequence_of_an_unknown_user_has_its_own_row() -> None:
    train = Interactions([-1, 0, -1], [0, 1, 0], [0, 1, 2, 3], n_users=2, n_items=2)
    assert user_matrix(train).toarray().tolist() == [[0, 1], [0, 0], [1, 0], [1, 0]]


def test_no_interactions_are_no_users() -> None:
    empty = Interactions([], [], [0], n_users=2, n_items=3)
    assert user_matrix(empty).toarray().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert shared_users(user_matrix(empty), np.float32).tolist() == [[0, 0, 0]] * 3


@pytest.mark.parametrize("most", [1, 40, 10**6])
def test_blocks_make_up_the_product(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "BLOCK", most)
    matrix = user_matrix(example())
    items = matrix.T.tocsr()
    blocks = list(product_blocks(items, matrix))
    assert [rows.start for rows, _ in blocks] == [0, *(rows.stop for rows, _ in blocks[:-1])]
    assert blocks[-1][0].stop == matrix.shape[1]
    product = np.concatenate([block.toarray() for _, block in blocks])
    assert np.array_equal(product, (items @ matrix).toarray())
    assert all(block.nnz <= most or rows.stop - rows.start == 1 for rows, block in blocks)
    if most == 1:  # items 30 and 31 have no interactions, and share a block
        assert len(blocks) == 31
    if most == 10**6:
        assert len(blocks) == 1


def test_signs_of_the_left_side_do_not_matter_for_the_size_of_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(users, "BLOCK", 2)
    left = csr_matrix(np.array([[1.0, -1.0], [0.5, 0], [0, 0.25]]))
    blocks = list(product_blocks(left, csr_matrix(np.eye(2))))
    assert [rows.stop for rows, _ in blocks] == [1, 3]


def test_shared_users_are_counted_by_hand() -> None:
    log = Interactions.from_log([0, 0, 1, 1, 2], [0, 1, 0, 1, 1])
    assert shared_users(user_matrix(log), np.float64).tolist() == [[2, 2], [2, 3]]


def test_counting_needs_little_more_memory_than_the_result() -> None:
    users = user_matrix(example(users=2000, items=1998))
    tracemalloc.start()
    shared = shared_users(users, np.float32)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shared.nbytes == 4 * 2000**2
    assert peak < 1.2 * shared.nbytes
