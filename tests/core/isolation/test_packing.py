"""Packing: numbers and texts arrive as they were, whatever characters texts have."""

from typing import Any

import numpy as np
import pytest

from recbench.isolation.packing import pack, unpack

TEXTS = ["Été", "", "a\0b", "日本", "🎬", "\udcff", "Été"]


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize(
    "array",
    [
        np.array([3, -1, 2**62]),
        np.array([0.5, np.nan]),
        np.array(TEXTS, dtype=object),
        np.array(["a", "ccc"]),
        np.array([], dtype=object),
        np.array([], dtype="i8"),
    ],
)
def test_arrays_arrive_as_they_were(array: Any, distinct: bool) -> None:
    packed = pack(array, distinct=distinct)
    assert all(part.dtype.kind in "fiu" for part in packed.values())
    found = unpack(packed)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    if array.dtype.kind in "OU":
        assert not found.flags.writeable
        assert all(type(text) is type(own) for text, own in zip(found, array, strict=True))


def test_categories_are_sent_once() -> None:
    packed = pack(np.array(["drama", "comedy"] * 500, dtype=object), distinct=True)
    assert packed["objects"].tobytes() == b"dramacomedy"
    assert packed["codes"].dtype == np.int32
    assert packed["codes"][:3].tolist() == [0, 1, 0]
