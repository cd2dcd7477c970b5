"""Steps 3 and 4, fit and score: arrays of numbers or texts as arrays of numbers, to be sent."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from recbench.data.arrays import offsets_of, read_only
from recbench.data.interactions import Array

Packed = Mapping[str, Array]
"""{"numbers": array}; or for texts: their UTF-8 bytes, one after the other, as "objects" (or
"strings", if numpy stores them), the "offsets" where each starts, and perhaps the "codes", which
are positions of these texts."""


def pack(array: Array, *, distinct: bool = False) -> Packed:
    """Return an array of shape (n,) as arrays of numbers.

    distinct: store each of the texts once, which suits a few categories.
    """
    if array.dtype.kind in "fiu":
        return {"numbers": array}
    codes: dict[str, Array] = {}
    values = array
    if distinct:
        import pandas as pd

        codes["codes"], values = pd.factorize(array)
    texts = [str(text).encode(errors="surrogatepass") for text in values.tolist()]
    return {
        "strings" if array.dtype.kind == "U" else "objects": np.frombuffer(
            b"".join(texts), np.uint8
        ),
        "offsets": offsets_of(np.array([len(text) for text in texts], dtype=np.int64)),
        **{name: own.astype(np.int32) for name, own in codes.items()},
    }


def unpack(packed: Packed) -> Array:
    """Return the array that `pack` was given, read-only."""
    if "numbers" in packed:
        return packed["numbers"]
    is_object = "objects" in packed
    joined = packed["objects" if is_object else "strings"].tobytes()
    bounds = packed["offsets"].tolist()
    texts = [
        joined[start:stop].decode(errors="surrogatepass")
        for start, stop in itertools.pairwise(bounds)
    ]
    values = np.array(texts, dtype=object if is_object else np.str_)
    return read_only(values[packed["codes"]] if "codes" in packed else values)
