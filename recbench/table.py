"""Outside the flow: all stored results, for tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recbench.arguments import with_names_checked
from recbench.errors import RecbenchError
from recbench.evaluation.referee import PROTOCOL
from recbench.plugins import Plugins, current_plugins
from recbench.results.footer import left_out_lines
from recbench.results.results import Results
from recbench.results.section import RANKED_BY
from recbench.store.store import Store


@with_names_checked
def table(
    results: str | Path = "results",
    *,
    metrics: str | Sequence[str] = (RANKED_BY,),
    segments: bool = False,
    plugins: Plugins | None = None,
) -> Results:
    """Return all stored results, which can be printed as one table per dataset and split.

    Parameters
    ----------
    results : str or path, default: "results"
        Folder of stored results.
    metrics : str or sequence of str, default: ("ndcg",)
        Metrics that tables show, or "all".
    segments : bool, default: False
        Whether tables break results down by history length and item popularity.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    Results
        The results. Those that cannot be compared with today's are counted in `left_out`.

    Raises
    ------
    UsageError
        If a metric is unknown.
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
    plugins = current_plugins(plugins)
    stored = Store(results).all(plugins).of_protocol(PROTOCOL)
    if not stored:
        left_out = "".join(f" {line}" for line in left_out_lines(stored))
        raise RecbenchError(
            f"no results are stored in {results}.{left_out} Start with: recbench run popular"
        )
    return stored.showing(metrics, segments=segments, plugins=plugins)
