"""The metrics: how high targets are ranked, and which items are recommended at all."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from . import lists, ranks


@recbench.hookimpl
def recbench_metrics() -> Mapping[str, Callable[..., Any]]:
    return {**ranks.METRICS, **lists.METRICS}
