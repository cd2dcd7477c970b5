"""Read the columns of a log by role, from the reader of its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .columns import Chosen
from .layout import Layout
from .parquet import read_parquet
from .text import read_text


def read_columns(
    layout: Layout, chosen: Chosen, numbers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a pyarrow.ChunkedArray per role, with the types of `read_text` or of Parquet."""
    if layout.format == "parquet":
        return read_parquet(layout, chosen)
    return read_text(layout, chosen, numbers)
