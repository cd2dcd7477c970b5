"""Outside the flow: test whether one stored model beats another, on the same users."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recbench.data.load import FILE, find_dataset
from recbench.errors import UsageError, suggest
from recbench.evaluation.referee import PROTOCOL
from recbench.evaluation.uncertainty import PairedTest, Value, paired_test
from recbench.plugins import Plugins, current_plugins
from recbench.results.results import Results
from recbench.results.row import Row
from recbench.results.section import RANKED_BY, Section
from recbench.spec import Spec
from recbench.store.store import Store


@dataclass(frozen=True)
class Comparison:
    """Two stored models compared on the same cases, by one metric at one cut-off.

    Parameters
    ----------
    section : Section
        The dataset, split and rules that both were evaluated with.
    metric : str
        Name of the metric.
    k : int
        Cut-off.
    first_row, second_row : Row
        The models, with all their seeds.
    first_value, second_value : Value
        Mean over cases and seeds, with its 95% interval over users.
    paired : PairedTest
        Difference, first minus second, with its interval and p-value over the same users.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(["popular", "random"], "synthetic", results=folder, in_process=True)
    ...     (comparison,) = recbench.compare("popular", "random", ks=[10], results=folder)
    >>> comparison.metric, comparison.k, bool(comparison.paired.difference > 0)
    ('ndcg', 10, True)
    """

    section: Section
    metric: str
    k: int
    first_row: Row
    second_row: Row
    first_value: Value
    second_value: Value
    paired: PairedTest


def compare(
    first: str,
    second: str,
    *,
    ks: Sequence[int] | None = None,
    metrics: Sequence[str] = (RANKED_BY,),
    dataset: str | None = None,
    split: str | None = None,
    results: str | Path = "results",
    plugins: Plugins | None = None,
) -> list[Comparison]:
    """Test whether one model beats another, from stored results.

    Parameters
    ----------
    first, second : str
        Models with options, such as "transformer:dim=128".
    ks : sequence of int or None, default: None
        Cut-offs. None takes all that both have stored.
    metrics : sequence of str, default: ("ndcg",)
        Metrics. Those without a value per case, such as coverage, cannot be compared.
    dataset : str or None, default: None
        Compare on this dataset only, named as for `run` or as in a table; `min_rating=4.0` is
        `min_rating=4`. None takes all.
    split : str or None, default: None
        Compare on this split only, named as for `run` or as in a table. None takes all.
    results : str or path, default: "results"
        Folder of stored results.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    list of Comparison
        One per dataset, split, metric and cut-off that both models have stored.

    Raises
    ------
    UsageError
        If there is nothing to compare.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(["popular", "random"], "synthetic", results=folder, in_process=True)
    ...     comparisons = recbench.compare("popular", "random", results=folder)
    >>> [(comparison.k, bool(comparison.paired.p < 0.05)) for comparison in comparisons]
    [(3, True), (5, True), (10, True)]
    """
    plugins = current_plugins(plugins)
    names = _as_stored(plugins, "models", first), _as_stored(plugins, "models", second)
    if names[0] == names[1]:
        raise UsageError(f"{first} and {second} are the same model. Name two different ones")
    split = None if split is None else _as_stored(plugins, "splitters", split)
    datasets = None if dataset is None else _names_of(plugins, dataset)
    stored = Store(results).all(plugins).of_protocol(PROTOCOL)
    comparisons = []
    for section in stored.sections():
        rows = {row.model: row for row in section.rows if row.ok}
        if _is_of(section, datasets, split) and rows.keys() >= set(names):
            first_row, second_row = (rows[name] for name in names)
            shared_ks = first_row.ks & second_row.ks
            for metric in metrics:
                for k in sorted(shared_ks if ks is None else shared_ks & set(ks)):
                    comparisons += _compared(section, metric, k, first_row, second_row)
    if not comparisons:
        raise _nothing_to_compare(names, stored, results)
    return comparisons


def _as_stored(plugins: Plugins, kind: str, text: str) -> str:
    """Return a name with options as results have it: no alias, and options in order."""
    spec = Spec.parse(text)
    with contextlib.suppress(UsageError):  # stored results may be of plugins that are gone
        spec = Spec(plugins.find(kind, spec.name).name, spec.options)
    return str(spec)


def _is_of(section: Section, datasets: set[str] | None, split: str | None) -> bool:
    """Whether a section is of this split and one of these datasets; None stands for any."""
    setting = section.results[0].setting  # the section's names may end in a hash
    if split is not None and split not in (setting.split, section.setting.split):
        return False
    names = {setting.dataset, section.setting.dataset, section.dataset_name}
    return datasets is None or bool(names & datasets)


def _names_of(plugins: Plugins, dataset: str) -> set[str]:
    """Return the names that stored results may have for a dataset, without reading its data."""
    spec = Spec.parse(dataset)
    name, options = Path(spec.name).name, dict(spec.options)
    names = {dataset, str(spec), str(Spec(name, options))}
    with contextlib.suppress(UsageError):  # the data may be gone, or read by a plugin that is
        chosen = find_dataset(plugins, dataset)
        own = {key: text for key, text in options.items() if key not in chosen.cleaning}
        of_file = chosen.offer.name == FILE
        names.add(chosen.name(str(Spec(name, own)) if of_file else chosen.offer.name))
    return names


def _compared(section: Section, metric: str, k: int, first: Row, second: Row) -> list[Comparison]:
    """Return the comparison; none for a metric that has no value per case."""
    cases = first.per_case(metric, k), second.per_case(metric, k)
    if cases[0] is None or cases[1] is None:
        return []
    values = first.value(metric, k), second.value(metric, k)
    paired = paired_test(cases[0], cases[1], first.users)
    return [Comparison(section, metric, k, first, second, *values, paired)]


def _nothing_to_compare(names: tuple[str, str], stored: Results, folder: str | Path) -> UsageError:
    """Return the error that says what is missing, and the command that makes it."""
    first, second = names
    known = {result.model for result in stored if result.ok}
    missing = next((name for name in names if name not in known), None)
    if missing:
        hint = f" ({suggest(missing, known)})" if known else ""
        problem = f"{folder} has no result of {missing!r}{hint}"
    else:
        problem = (
            f"{folder} has no results of both for the same dataset, split, metric and cut-off, or "
            "the metric has no value per case"
        )
    left_out = "".join(f". Left out: {reason}" for reason in stored.left_out)
    return UsageError(
        f"nothing to compare: {problem}{left_out}. To run both: recbench run {first} {second}"
    )
