"""Step 6, results: the metrics that a table shows, and which stored values are of today's code."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recbench.code.source import has_source
from recbench.evaluation.measure import Metric
from recbench.given.metrics import with_metrics
from recbench.plugins import Plugins
from recbench.results.result import Result, metric_label, metric_of, metrics_of
from recbench.spec import Spec

ALL = "all"
"""What stands for all metrics."""


def with_shown_metrics(plugins: Plugins, metrics: Any) -> tuple[Plugins, dict[str, Metric]]:
    """Return plugins that measure the given metrics too, and these by their names, without repeats.

    metrics: as `with_metrics` takes them. "all" stands for all metrics without options, and a name
    may be written as in tables, such as HR. Raises UsageError for what is not a metric.
    """
    plugins, texts = with_metrics(plugins, metrics)
    known = plugins.metrics()
    named = [text for text in texts if text != ALL]
    texts = [*(sorted(known) if ALL in texts else []), *named]
    n_all = len(texts) - len(named)
    names = plugins.names("metrics")
    labels = {metric_label(name).lower(): name for name in names}
    specs = []
    for spec in map(Spec.parse, texts):
        own = spec.name if spec.name in names else labels.get(spec.name.lower(), spec.name)
        offer = plugins.check("metrics", Spec(own, spec.options))
        specs.append(offer.spec(spec.options))
    plugins = measuring(plugins, specs)
    plugins.asked = {str(spec) for spec in specs[n_all:]}
    known = plugins.metrics()
    return plugins, {str(spec): known[str(spec)] for spec in specs}


def without_unmeasured(
    plugins: Plugins, shown: Mapping[str, Metric], results: Iterable[Result]
) -> dict[str, Metric]:
    """Return the metrics to show, of "all" only those that a result has.

    The others need a feature that the datasets lack.
    """
    measured = {metric for result in results for metric in metrics_of(result.values)}
    return {name: shown[name] for name in shown if name in plugins.asked | measured}


def measuring(plugins: Plugins, specs: Iterable[Spec]) -> Plugins:
    """Return plugins that measure the metrics with options among these, if they offer them."""
    names = plugins.names("metrics")
    made = copy.copy(plugins)
    made.measured = [spec for spec in specs if spec.options and spec.name in names]
    return made


def metric_versions(plugins: Plugins) -> dict[str, str]:
    """Return the version of the code of every metric that the plugins offer, by its name."""
    return {offer.name: offer.source_version() for offer in plugins.offers("metrics")}


def of_today(results: Sequence[Result], plugins: Plugins) -> tuple[list[Result], list[str]]:
    """Return results without values of metrics whose code has changed, and sentences on these.

    It is known of metrics that are given as objects or files, since their names are taken from
    there. If they are not given now, all results must have been measured by the same code.
    """
    recorded: dict[str, set[str]] = {}
    for result in results:
        for text, version in _versions(result).items():
            recorded.setdefault(Spec.parse(text).name, set()).add(version)
    current = {name: "" if len(each) > 1 else min(each) for name, each in recorded.items()}
    for offer in plugins.offers("metrics") if recorded else ():
        current.pop(offer.name, None)
        if offer.plugin in plugins.given:
            current[offer.name] = offer.source_version()
    kept = [without_others(result, current) for result in results]
    lost: dict[str, set[str]] = {}
    for before, after in zip(results, kept, strict=True):
        for metric in metrics_of(before.values.keys() - after.values.keys()):
            lost.setdefault(metric, set()).add(before.model)
    return kept, [
        f"the values of metric {metric} of {', '.join(sorted(models))}, measured by another "
        "version of its code; run the models again with it"
        for metric, models in sorted(lost.items())
    ]


def without_others(result: Result, current: Mapping[str, str]) -> Result:
    """Return a result without the values of metrics that other code than the current has measured.

    current: name of a metric -> the version of its code. What it lacks is kept, and so are metrics
    of older results, which record no versions. Code without a source is never the same.
    """
    outdated = {
        text
        for text, version in _versions(result).items()
        if (now := current.get(Spec.parse(text).name)) is not None
        and (now != version or not has_source(now))
    }
    if not outdated:
        return result
    values = {key: value for key, value in result.values.items() if metric_of(key) not in outdated}
    versions = {text: each for text, each in _versions(result).items() if text not in outdated}
    provenance = {**result.provenance, "metrics": versions}
    return dataclasses.replace(result, values=values, provenance=provenance)


def _versions(result: Result) -> Mapping[str, str]:
    versions: Mapping[str, str] = result.provenance.get("metrics", {})
    return versions
