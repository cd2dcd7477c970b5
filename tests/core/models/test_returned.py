"""What a model returned: an array of numbers, or an error that says what to do."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from recbench import RecbenchError
from recbench.models.returned import as_numbers, wrong_shape

torch = pytest.importorskip("torch")

NUMBERS = [[1.0, 2.0], [3.0, 4.0]]

SPARSE = r"a sparse matrix \(scipy csr_(matrix|array)\); return its numbers .*, with \.toarray\(\)"


@pytest.mark.parametrize(
    "answer",
    [
        NUMBERS,
        tuple(map(tuple, NUMBERS)),
        [np.array(row) for row in NUMBERS],
        np.matrix(NUMBERS),
        pd.DataFrame(NUMBERS),
        torch.tensor(NUMBERS),
        [torch.tensor(row) for row in NUMBERS],
        torch.tensor(NUMBERS).half(),
    ],
)
def test_whatever_numpy_reads_as_numbers_is_accepted(answer: Any) -> None:
    assert as_numbers("score", answer).tolist() == NUMBERS


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sparse.csr_matrix(NUMBERS), SPARSE),
        (sparse.csr_array(NUMBERS), SPARSE),
        ([sparse.csr_matrix(row) for row in NUMBERS], SPARSE),
        (
            torch.tensor(NUMBERS, requires_grad=True),
            r"a torch tensor that requires grad \(torch.float32 on cpu\), .* with \.detach\(\)",
        ),
        (
            [torch.tensor(row, requires_grad=True) for row in NUMBERS],
            r"a torch tensor that requires grad .* with \.detach\(\)",
        ),
        (
            torch.tensor(NUMBERS, dtype=torch.bfloat16, requires_grad=True),
            r".* \(torch.bfloat16 on cpu\), which numpy cannot read; .* \.detach\(\)\.float\(\)",
        ),
        (torch.ones(2, 2, device="meta"), r"a torch tensor .* on meta\), .* with \.cpu\(\)"),
        (torch.tensor(NUMBERS).to_sparse(), r"a torch tensor .* with \.to_dense\(\)"),
        ([[1.0], [1.0, 2.0]], "rows of different lengths; all must have the same length"),
        ([np.ones(2), np.ones(3)], "rows of different lengths; all must have the same length"),
        (
            (np.ones((2, 2)), np.ones((2, 2))),
            "a tuple of 2; it must return one array of numbers",
        ),
        (
            np.array(NUMBERS) * 1j,
            r"an array of type complex128; it must return numbers; return its real part, \.real",
        ),
        (
            [[True]],
            r"an array of type bool; it must return numbers; convert it with \.astype\(.*\)",
        ),
        (
            [[1.0, None]],
            "an array of type object; it must return numbers; it has an element of type NoneType",
        ),
        ({1: 2}, "an array of type object; it must return numbers; it has an .* of type dict"),
    ],
)
def test_an_error_says_how_to_return_numbers(answer: Any, words: str) -> None:
    with pytest.raises(RecbenchError, match=f"^score returned {words}$"):
        as_numbers("score", answer)


class OnGpu:
    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Please use `.get()`")


def test_what_numpy_says_is_quoted() -> None:
    words = (
        r"^score returned an object of type OnGpu .* \(TypeError: Please use `.get\(\)`\); it must"
    )
    with pytest.raises(RecbenchError, match=words):
        as_numbers("score", OnGpu())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            (np.ones((2, 2)), np.ones((2, 2))),
            "a tuple of 2; it must return one array of item numbers, without scores",
        ),
        ([[0], [0, 1]], "rows of different lengths; .*: fill short lists with -1 at the end"),
        ([["a", "b"]], ".* <U1; it must return whole numbers; items are numbers from 0, not ids"),
    ],
)
def test_an_error_says_how_to_return_lists(answer: Any, words: str) -> None:
    with pytest.raises(RecbenchError, match=f"^recommend returned {words}$"):
        as_numbers("recommend", answer)


@pytest.mark.parametrize(
    ("method", "shape", "hint"),
    [
        ("score", (9, 3), "; transpose it, with .T"),
        ("score", (9,), "; history is a batch, also if it has one row: return a row for each of i"),
        (
            "score",
            (50, 9),
            "; return a row for each row of history, whose user numbers are history.",
        ),
        ("score", (3, 8), "; score every item of the catalogue, which has history.n_items items"),
        ("score", (3, 9, 1), ""),
        ("recommend", (3, 8), "; fill short lists with -1 at the end"),
        ("recommend", (3, 10), ""),
        ("explain", (9,), ""),
    ],
)
def test_an_error_says_how_to_correct_the_shape(
    method: str, shape: tuple[int, ...], hint: str
) -> None:
    _, found, said = str(wrong_shape(method, shape, (3, 9))).partition(" = (3, 9)")
    assert found
    assert said.startswith(hint)
    assert bool(said) == bool(hint)
