"""The metrics of top-k recommendation: where targets ended up, and what is recommended at all."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from . import lists, ranks


@recbench.hookimpl
def recbench_metrics() -> Mapping[str, Callable[..., Any]]:
    return {**ranks.METRICS, **lists.METRICS}
