"""Values of options as text that is read as the same values."""

from typing import Any

import numpy as np
import pytest

from recbench.given.option_text import option_text, read_values, reads_as


def _make(dim: int = 3, rate: float = 0.5, layers: Any = (1, 2), free: Any = None) -> None: ...


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("dim", 32, "32"),
        ("dim", np.int64(32), "32"),
        ("rate", 1, "1"),
        ("layers", [64, 32], "[64,32]"),
        ("free", None, "none"),
        ("free", True, "true"),
        ("free", "words, and more", "words, and more"),
    ],
)
def test_plain_values_are_their_own_text(key: str, value: Any, text: str) -> None:
    assert option_text("mine", _make, key, value) == text
    assert reads_as("mine", _make, key, text, value)


@pytest.mark.parametrize("value", ["3", "a,dim=3", np.arange(3), sum, object()])
def test_other_values_have_a_digest(value: Any) -> None:
    text = option_text("mine", _make, "free", value)
    assert len(text.rpartition("-")[2]) == 8
    assert not reads_as("mine", _make, "free", text, value)
    assert text == option_text("mine", _make, "free", value)


def test_a_required_parameter_may_be_missing() -> None:
    assert read_values("mine", lambda n, dim=3: (n, dim), {"dim": "4"}) == {"dim": 4}
