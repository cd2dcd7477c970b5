"""Step 6, results: the metrics that a table shows, as users name them."""

from __future__ import annotations

from collections.abc import Iterable

from recbench.evaluation.measure import Metric
from recbench.plugins import Plugins
from recbench.results.result import metric_label


def shown_metrics(plugins: Plugins, names: str | Iterable[str]) -> dict[str, Metric]:
    """Return the named metrics by their own names, without repeats.

    names: a sequence, or text with commas. "all" stands for all metrics, and a name may be written
    as in tables, such as HR. Raises UsageError for an unknown metric.
    """
    known = plugins.metrics()
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else [*names]
    if "all" in names:
        names = sorted(known)
    labels = {metric_label(name).lower(): name for name in known}
    names = [name if name in known else labels.get(name.lower(), name) for name in names if name]
    offers = [plugins.find("metrics", name) for name in names]
    return {offer.name: offer.factory for offer in offers}
