"""Outside the flow: test whether one stored model beats another, on the same users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbench.arguments import plain_numbers, with_names_checked
from recbench.data.load import Data
from recbench.errors import UsageError
from recbench.evaluation.referee import PROTOCOL
from recbench.evaluation.uncertainty import PairedTest, Value, paired_test
from recbench.given.collect import as_typed
from recbench.given.models import with_models
from recbench.given.splitters import with_splitter
from recbench.plugins import Plugins, current_plugins
from recbench.report.report import Block, ReportOf, Table
from recbench.results.result import metric_label
from recbench.results.results import Results
from recbench.results.row import Row
from recbench.results.section import RANKED_BY, Section
from recbench.results.shown import with_shown_metrics
from recbench.store.store import Store
from recbench.stored import as_stored, is_of, names_of_dataset, of_missing

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("dataset", "split", "metric", "k", "first", "second", "first_value", "second_value"),
    *("difference", "low", "high", "p", "wins", "losses", "ties"),
)
"""Columns of `Comparisons.to_frame`."""


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

    @property
    def column(self) -> dict[str, str]:
        """Both values and their difference, as a column of a table."""
        first, second, paired = self.first_row.model, self.second_row.model, self.paired
        return {
            first: f"{self.first_value.mean:.4f}",
            second: f"{self.second_value.mean:.4f}",
            "difference": f"{paired.difference:+.4f}",
            "95% interval": f"[{paired.low:+.4f}, {paired.high:+.4f}]",
            "p": f"{paired.p:.2g}",
            f"users for whom {first} is better": f"{paired.wins:,}",
            f"users for whom {second} is better": f"{paired.losses:,}",
            "users without a difference": f"{paired.ties:,}",
        }


class Comparisons(ReportOf[Comparison]):
    """Two stored models compared: a sequence of comparisons; returned by `compare`.

    Parameters
    ----------
    parts : iterable of Comparison
        One per dataset, split, metric and cut-off.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(["popular", "random"], "synthetic", results=folder, in_process=True)
    ...     comparisons = recbench.compare("popular", "random", results=folder)
    >>> comparisons.to_frame()[["metric", "k", "wins"]].shape
    (3, 3)
    """

    def to_frame(self) -> pd.DataFrame:
        """Return all comparisons as a table.

        Returns
        -------
        pandas.DataFrame
            One row per comparison, with the columns dataset, split, metric, k, first and second
            (models), first_value, second_value, difference (first minus second), low, high (its
            95% interval), p, wins, losses and ties (users for whom the first is better, worse or
            equal).
        """
        import pandas as pd

        rows = [
            (
                *(each.section.setting.dataset, each.section.setting.split),
                *(each.metric, each.k, each.first_row.model, each.second_row.model),
                *(each.first_value.mean, each.second_value.mean),
                *(each.paired.difference, each.paired.low, each.paired.high, each.paired.p),
                *(each.paired.wins, each.paired.losses, each.paired.ties),
            )
            for each in self
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        for section in dict.fromkeys(each.section for each in self):
            of_section = [each for each in self if each.section is section]
            yield section.title
            for metric in dict.fromkeys(each.metric for each in of_section):
                columns = {
                    metric_label(metric, each.k): each.column
                    for each in of_section
                    if each.metric == metric
                }
                rows = [
                    {"": label, **{head: column[label] for head, column in columns.items()}}
                    for label in next(iter(columns.values()))
                ]
                yield Table(rows, numbers=[*columns])
            first, second = of_section[0].first_row, of_section[0].second_row
            means = [
                f" {row.model} is the mean of {len(row.seeds)} seeds."
                for row in (first, second)
                if row.seeds[1:]
            ]
            yield (
                f"Difference: {first.model} minus {second.model}, on the same users. Interval: "
                "bootstrap over users. p: two-sided paired t-test over users." + "".join(means)
            )


@with_names_checked
def compare(
    first: Any,
    second: Any,
    *,
    dataset: Data | None = None,
    split: str | None = None,
    ks: int | Sequence[int] | None = None,
    metrics: str | Sequence[str] = (RANKED_BY,),
    results: str | Path = "results",
    plugins: Plugins | None = None,
) -> Comparisons:
    """Test whether one model beats another, from stored results.

    Parameters
    ----------
    first, second : str, path, class, object, callable, module or mapping
        Models, given as for `run`, such as "transformer:dim=128".
    dataset : str, path, pandas.DataFrame, Dataset or None, default: None
        Compare on this dataset only, given as for `run` or named as in a table; `min_rating=4.0`
        is `min_rating=4`. None takes all.
    split : str or None, default: None
        Compare on this split only, named as for `run` or as in a table. None takes all.
    ks : int, sequence of int or None, default: None
        Cut-offs. None takes all that both have stored.
    metrics : str or sequence of str, default: ("ndcg",)
        Metrics, or "all". Those without a value per case, such as coverage, cannot be compared.
    results : str or path, default: "results"
        Folder of stored results.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Comparisons
        A sequence with one Comparison per dataset, split, metric and cut-off that both models have
        stored. Printed, it is the table of the command.

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
    plugins, shown = with_shown_metrics(plugins, metrics)
    plugins, models = with_models(plugins, [first, second])
    if split is not None:
        plugins, split = with_splitter(plugins, split)
    if len(models) != 2:
        raise UsageError(f"name two models, not {len(models)}: {', '.join(models)}")
    stored = Store(results).all(plugins).of_protocol(PROTOCOL)
    known = {result.model for result in stored}
    first_name, second_name = (
        given if given in known else as_stored(plugins, "models", model)
        for given, model in zip(map(str, (first, second)), models, strict=True)
    )
    names = first_name, second_name
    if names[0] == names[1]:
        raise UsageError(f"{' and '.join(models)} are the same model. Name two different ones")
    split = None if split is None else as_stored(plugins, "splitters", split)
    datasets = None if dataset is None else names_of_dataset(plugins, dataset)
    comparisons = []
    for section in stored.sections():
        rows = {row.model: row for row in section.rows if row.ok}
        if is_of(section, datasets, split) and rows.keys() >= set(names):
            first_row, second_row = (rows[name] for name in names)
            shared_ks = first_row.ks & second_row.ks
            for metric in shown:
                for k in sorted(shared_ks if ks is None else shared_ks & {*plain_numbers(ks)}):
                    comparisons += _compared(section, metric, k, first_row, second_row)
    if not comparisons:
        typed = " ".join(as_typed(plugins, "models", name) for name in names)
        raise _nothing_to_compare(names, stored, results, typed)
    return Comparisons(comparisons)


def _compared(section: Section, metric: str, k: int, first: Row, second: Row) -> list[Comparison]:
    """Return the comparison; none for a metric that has no value per case."""
    cases = first.per_case(metric, k), second.per_case(metric, k)
    if cases[0] is None or cases[1] is None:
        return []
    values = first.value(metric, k), second.value(metric, k)
    paired = paired_test(cases[0], cases[1], first.users)
    return [Comparison(section, metric, k, first, second, *values, paired)]


def _nothing_to_compare(
    names: tuple[str, str], stored: Results, folder: str | Path, typed: str
) -> UsageError:
    """Return the error that says what is missing, and the command that makes it."""
    known = {result.model for result in stored if result.ok}
    missing = of_missing(names, known)
    if missing:
        problem = f"{folder} has no result{missing}"
    else:
        problem = (
            f"{folder} has no results of both for the same dataset, split, metric and cut-off, or "
            "the metric has no value per case"
        )
    left_out = "".join(f". Left out: {reason}" for reason in stored.left_out)
    return UsageError(f"nothing to compare: {problem}{left_out}. To run both: recbench run {typed}")
