"""The metrics: how high targets are ranked, and what the recommended lists are like."""

from collections.abc import Callable, Mapping
from typing import Any

import recbench

from . import calibration, diversity, lists, ranks, retrieval, tail


@recbench.hookimpl
def recbench_metrics() -> Mapping[str, Callable[..., Any]]:
    parts = (ranks, retrieval, tail, lists, diversity, calibration)
    return {name: metric for part in parts for name, metric in part.METRICS.items()}
