"""Recommend with a causal Transformer over each user's sequence. Start with `network.py`."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from .model import Transformer


@recbench.hookimpl
def recbench_models() -> Mapping[str, Callable[..., Any]]:
    return {"transformer": Transformer}
