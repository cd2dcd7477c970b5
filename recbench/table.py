"""Outside the flow: all stored results, for tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recbench.arguments import with_names_checked
from recbench.errors import RecbenchError
from recbench.evaluation.referee import PROTOCOL
from recbench.plugins import Plugins, current_plugins
from recbench.results.footer import left_out_lines
from recbench.results.groups import CaseFacts, Describe
from recbench.results.result import Result
from recbench.results.results import Results
from recbench.results.section import RANKED_BY
from recbench.results.shown import with_shown_metrics, without_unmeasured
from recbench.store.store import Store
from recbench.verify import experiment_of


@with_names_checked
def table(
    results: str | Path = "results",
    *,
    metrics: str | Sequence[str] = (RANKED_BY,),
    by: str | Sequence[str] = (),
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> Results:
    """Return all stored results, which can be printed as one table per dataset and split.

    Parameters
    ----------
    results : str or path, default: "results"
        Folder of stored results.
    metrics : str, path, callable or sequence of them, default: ("ndcg",)
        Metrics that tables show, given as for `run`, or "all".
    by : str or sequence of str, default: ()
        Also show each metric by groups: by columns of users or items, by "history" (its length) or
        by "popularity" (of the target). For a column, the data are loaded again. A table says if
        its data cannot be loaded, or do not have the column.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Results
        The results. Those that cannot be compared with today's are counted in `left_out`.

    Raises
    ------
    UsageError
        If a metric is unknown, or a column that no dataset has.
    RecbenchError
        If no results are stored there.

    Examples
    --------
    >>> import tempfile
    >>> import recbench
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = recbench.run(["popular"], "synthetic", results=folder, in_process=True)
    ...     print(str(recbench.table(folder)).splitlines()[0])
    synthetic, leave-last-out
    """
    plugins, shown = with_shown_metrics(current_plugins(plugins), metrics)
    stored = Store(results).all(plugins).of_protocol(PROTOCOL)
    if not stored:
        left_out = "".join(f" {line}" for line in left_out_lines(stored))
        raise RecbenchError(
            f"no results are stored in {results}.{left_out} Start with: recbench run popular"
        )
    return stored.described_by(_loader(plugins, data_dir)).showing(
        list(without_unmeasured(plugins, shown, stored)), by=by, plugins=plugins
    )


def _loader(plugins: Plugins, data_dir: str | None) -> Describe:
    """Return a function that loads the data of a result, once for all results of a table."""
    loaded: dict[Any, CaseFacts | str] = {}

    def describe(result: Result) -> CaseFacts:
        key = result.setting.comparison_key
        if key not in loaded:
            hint = ". If the data have moved, run the models again with --by"
            experiment = experiment_of(plugins, result, data_dir=data_dir, hint=hint)
            loaded[key] = experiment if isinstance(experiment, str) else experiment.case_facts
        facts = loaded[key]
        if isinstance(facts, str):
            raise RecbenchError(facts)
        return facts

    return describe
