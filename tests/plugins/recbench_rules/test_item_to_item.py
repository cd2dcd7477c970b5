"""Models with an items x items matrix: scores and explanations, dense and sparse."""

from typing import Any, ClassVar, Self

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recbench import Interactions, RecbenchError, UsageError
from recbench.testing import check_model
from recbench_rules import ItemToItem

MATRIX = np.array([[0, 1, 2], [4, 0, 0], [0, 8, 0]], dtype=np.float32)
KINDS = pytest.mark.parametrize("kind", [np.asarray, csr_matrix])


class Given(ItemToItem):
    """A model whose matrix is given."""

    name: ClassVar[str] = "given"

    def __init__(self, kind: Any = np.asarray, decay: float = 1, length: int | None = None) -> None:
        self.kind = kind
        super().__init__(decay, length)

    def fit(self, train: Interactions) -> Self:
        return self.use(self.kind(np.eye(train.n_items, k=1, dtype=np.float32)))


def history(*rows: list[int]) -> Interactions:
    items = np.array([item for row in rows for item in row], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, rows)])
    return Interactions(np.arange(len(rows)), items, offsets, n_users=len(rows), n_items=3)


@KINDS
def test_contract(kind: Any) -> None:
    check_model(Given, kind=kind)


@KINDS
def test_scores_are_weighted_sums_of_rows(kind: Any) -> None:
    model = Given(kind, decay=0.5).use(kind(MATRIX))
    scores = model.score(history([0], [0, 1], [0, 1, 0], []))
    assert scores.tolist() == [[0, 1, 2], [4, 0.5, 1], [2, 1.25, 2.5], [0, 0, 0]]
    assert scores.dtype == np.float32


@KINDS
def test_only_the_latest_items_count_if_there_is_a_length(kind: Any) -> None:
    model = Given(kind, length=1).use(kind(MATRIX))
    assert model.score(history([0, 2, 1])).tolist() == [[4, 0, 0]]
    assert model.explain(history([0, 2, 1]), np.array([0])).tolist() == [[0, 0, 4]]


@KINDS
def test_explanations_are_the_terms_of_the_sum(kind: Any) -> None:
    model = Given(kind, decay=0.5).use(kind(MATRIX))
    parts = model.explain(history([0, 1, 0]), np.array([2, 0, 1]))
    assert parts.tolist() == [[0.5, 0, 2], [0, 2, 0], [0.25, 0, 1]]
    assert parts.dtype == np.float32
    assert model.explain(history([]), np.array([2, 0])).shape == (2, 0)


@pytest.mark.parametrize("decay", [0, -1, 1.5, float("nan")])
def test_a_decay_outside_of_its_range_is_refused(decay: float) -> None:
    with pytest.raises(UsageError, match=f"^given: decay must be above 0 and .*, not {decay}$"):
        Given(decay=decay)


def test_a_length_below_1_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^given: length must be 1 or more, not 0$"):
        Given(length=0)


def test_a_model_that_is_not_fitted_is_named() -> None:
    for use in (lambda: Given().score(history([0])), lambda: Given().explain(history([0]), MATRIX)):
        with pytest.raises(RecbenchError, match=r"^given is not fitted; call fit or load first$"):
            use()
