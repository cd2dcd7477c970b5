"""Recommend with a causal Transformer over each user's sequence; see `network.py`."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .model import Transformer


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"transformer": Transformer}
