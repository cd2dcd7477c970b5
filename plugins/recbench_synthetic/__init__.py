"""Step 1, dataset: synthetic sequences, which need no files and no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import recbench

from .generator import synthetic

__all__ = ["recbench_datasets", "synthetic"]


@recbench.hookimpl
def recbench_datasets() -> Mapping[str, Callable[..., recbench.Dataset]]:
    return {"synthetic": synthetic}
