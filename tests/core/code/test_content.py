"""Values that are compared by their content, and the code that they consist of."""

import threading
from typing import Any

import numpy as np
import pytest

from recbench.code.content import code_of, digest, same


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (1, 1, True),
        (1, True, False),
        (np.arange(3), np.arange(3), True),
        (np.arange(3), np.arange(4), False),
        (float("nan"), float("nan"), True),
        (Plain([1]), Plain([1]), True),
        (Plain([1]), Plain([2]), False),
        ([np.arange(3)], [np.arange(3)], True),
        (threading.Lock(), threading.Lock(), False),
    ],
)
def test_values_are_compared_by_content(first: Any, second: Any, equal: bool) -> None:
    assert same(first, second) is equal
    assert same(first, first)


def test_a_value_that_cannot_be_pickled_has_no_digest() -> None:
    assert digest(threading.Lock()) == ""
    assert digest(np.arange(3)) == digest(np.arange(3)) != ""


def test_the_code_of_a_value_is_found_inside_it() -> None:
    assert code_of([{"deep": (Plain(3), digest)}]) == [Plain, digest]
    assert code_of([1, "two", ValueError]) == []
    with pytest.raises(Exception, match="lambda"):
        code_of(lambda: 3)
