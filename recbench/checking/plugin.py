"""Outside the flow: check everything that a name stands for, and report every rule."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from recbench.arguments import check_arguments, with_names_checked
from recbench.checking import datasets, metrics, models, offered, splitters, tables, trackers
from recbench.checking.found import PLUGIN, Target, find
from recbench.checking.rule import (
    FAILED,
    NOT_APPLICABLE,
    NOT_RUN,
    PASSED,
    Finding,
    NotRunError,
    Rule,
    outcomes,
)
from recbench.checking.subject import Subject
from recbench.data.dataset import factory_facts
from recbench.errors import counted
from recbench.experiment import model_host
from recbench.guard import noted
from recbench.isolation.runner import AVAILABLE
from recbench.offers import Offer
from recbench.plugins import Plugins, current_plugins
from recbench.progress import Bar, log
from recbench.report.report import Block, Lines, ReportOf
from recbench.spec import Spec, needed

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 60.0
"""Seconds that each process of a model may take."""

COLUMNS = ("kind", "name", "plugin", "rule", "outcome", "detail")
"""Columns of `PluginCheck.to_frame`."""

WIDTH = len(NOT_APPLICABLE) + 2
"""Characters before the rule in each line."""


class PluginCheck(ReportOf[Finding]):
    """What came of each rule: a sequence of findings; returned by `check_plugin`.

    Parameters
    ----------
    parts : iterable of Finding
        One per rule, of everything that was checked.
    titles : mapping of (str, str) to str
        Kind and name -> what the text calls it.

    Examples
    --------
    >>> import recbench
    >>> checked = recbench.check_plugin("plain")
    >>> checked.holds, checked[0].rule, checked[0].outcome
    (True, 'the plugin is found fast', 'passed')
    """

    def __init__(
        self, parts: Iterable[Finding], titles: dict[tuple[str, str], str] | None = None
    ) -> None:
        super().__init__(parts)
        self._titles = titles or {}

    @property
    def holds(self) -> bool:
        """Whether no rule is broken."""
        return all(finding.outcome != FAILED for finding in self)

    def to_frame(self) -> pd.DataFrame:
        """Return all findings as a table.

        Returns
        -------
        pandas.DataFrame
            One row per rule, with the columns kind, name, plugin, rule, outcome ("passed",
            "failed", "not applicable" or "not run") and detail.
        """
        import pandas as pd

        rows = [[getattr(finding, column) for column in COLUMNS] for finding in self]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _blocks(self, width: int) -> Iterator[Block]:  # noqa: ARG002
        for kind, name in dict.fromkeys((each.kind, each.name) for each in self):
            own = [each for each in self if (each.kind, each.name) == (kind, name)]
            title = self._titles.get((kind, name), f"{kind} {name}")
            yield Lines([title, *_lines(own)], indent=" " * WIDTH)
        counts = Counter(finding.outcome for finding in self)
        shown = [f"{counts[each]} {each}" for each in (PASSED, FAILED, NOT_APPLICABLE, NOT_RUN)]
        yield f"{counted(len(self), 'rule')}: {', '.join(shown)}."


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line per rule; why rules are not run is said once."""
    said = ""
    for each in findings:
        outcome = each.outcome.upper() if each.outcome == FAILED else each.outcome
        is_new = each.outcome != NOT_RUN or each.detail != said
        detail = f": {each.detail}" if each.detail and is_new else ""
        said = each.detail if each.outcome == NOT_RUN else said
        yield f"{outcome:<{WIDTH}}{each.rule}{detail}"


@with_names_checked
def check_plugin(
    name: str,
    *,
    kind: str | None = None,
    timeout: float | None = LIMIT,
    data_dir: str | None = None,
    plugins: Plugins | None = None,
) -> PluginCheck:
    """Check a plugin against every rule of its kind, and show what breaks one.

    Models run in separate processes, so one that crashes or hangs breaks a rule and nothing else.

    Parameters
    ----------
    name : str
        Name of a model, dataset, splitter, metric or table, with options, as in "mine:dim=8"; of a
        plugin, to check everything that it offers; or the path of a .py file.
    kind : str or None, default: None
        Check only this kind: "model", "dataset", "splitter", "metric", "table" or "tracker".
    timeout : float or None, default: 60
        Time limit per model and seed, in seconds, for training and answers together. The small
        data of the checks take seconds.
    data_dir : str or None, default: None
        Folder holding one sub-folder per dataset. None uses the variable RECBENCH_DATA, if set.
    plugins : Plugins or None, default: None
        What `load_plugins` returned. None loads all installed plugins.

    Returns
    -------
    PluginCheck
        A sequence with one Finding per rule. `holds` says whether none is broken.

    Raises
    ------
    UsageError
        If nothing has this name, or an option is wrong.

    See Also
    --------
    recbench.testing : The same rules, one function per kind, for tests.

    Notes
    -----
    A dataset that is not on this computer is not downloaded. A tracker gets results that are made
    up, in a temporary working folder. A model must beat a random order of items on one of three
    logs: one with a few popular items, one with sequences, and one with groups of items that go
    together.

    Examples
    --------
    >>> import recbench
    >>> checked = recbench.check_plugin("popular", kind="model")
    >>> checked.holds
    True
    >>> print(checked[2].rule)
    fit returns the model itself
    """
    check_arguments(timeout=timeout)
    offered.discover.cache_clear()  # the code may have changed
    known, targets = find(current_plugins(plugins), name, kind)
    findings: list[Finding] = []
    with _quiet():
        for target in targets:
            findings += _findings(known, target, timeout, data_dir)
    titles = {(target.kind, str(target.spec)): target.title for target in targets}
    return PluginCheck(findings, titles)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """In this block, what is logged is left out, unless it is for debugging.

    What plugins print in this process goes to stderr, so that stdout holds the report alone.
    """
    level = log.level
    if not log.isEnabledFor(logging.DEBUG):
        log.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        log.setLevel(level)


def _findings(
    plugins: Plugins, target: Target, timeout: float | None, data_dir: str | None
) -> Iterator[Finding]:
    """Check a target, and yield what came of each rule."""
    made = functools.partial(Finding, target.kind, str(target.spec), target.plugin)
    if target.kind == PLUGIN:
        yield made("the plugin can be loaded", FAILED, target.broken)
        return
    if target.tracker is not None:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # it may write here
            for found in outcomes(trackers.RULES, target.tracker):
                yield made(*found)
        return
    if target.offer is None:
        return
    for found in outcomes(offered.RULES, target.offer):
        yield made(*found)
    check = _CHECKS[target.kind]
    with noted(target.offer.where):
        for found in check(plugins, target.offer, target.spec, timeout, data_dir):
            yield made(*found)


Found = Iterator[tuple[str, str, str]]


def _check_model(
    plugins: Plugins, offer: Offer, spec: Spec, timeout: float | None, _: str | None
) -> Found:
    filled = {"seed": 0, "device": "cpu"}
    why_not = _why_not(offer, spec, filled)
    rules = _not_run(models.RULES, why_not) if why_not else models.RULES
    with model_host(plugins, timeout) as host, Bar(f"checking {spec}", len(rules), "rule") as bar:
        subject = Subject(
            lambda: host.cell(str(spec), filled),
            name=offer.name,
            isolated=AVAILABLE and host.isolates(str(spec)),
        )
        close = functools.partial(subject.close, failed=True)
        try:
            for found in outcomes(rules, subject, close, has_options=bool(spec.options)):
                bar.step()
                yield found
        finally:
            close()


def _check_dataset(
    _: Plugins, offer: Offer, spec: Spec, __: float | None, data_dir: str | None
) -> Found:
    filled = {"data_dir": data_dir}
    why_not = _why_not(offer, spec, filled)
    if not why_not and factory_facts(offer.factory, data_dir)["on disk"] == "no":
        why_not = (
            f"it is not on this computer; to download it: recbench run popular --dataset {spec}"
        )

    def load() -> Any:
        return offer.build(spec.options, filled)

    rules = _not_run(datasets.RULES, why_not) if why_not else datasets.RULES
    return outcomes(
        rules, datasets.LoadedTwice(load, offer.factory), has_options=bool(spec.options)
    )


def _check_splitter(
    _: Plugins, offer: Offer, spec: Spec, __: float | None, ___: str | None
) -> Found:
    why_not = _why_not(offer, spec, {})
    rules = _not_run(splitters.RULES, why_not) if why_not else splitters.RULES
    made = splitters.Splitting(lambda: offer.build(spec.options, {}))
    return outcomes(rules, made, has_options=bool(spec.options))


def _check_metric(_: Plugins, offer: Offer, spec: Spec, __: float | None, ___: str | None) -> Found:
    why_not = _why_not(offer, spec, {})
    if why_not:
        return outcomes(_not_run(metrics.RULES, why_not), None)
    return outcomes(
        metrics.RULES, metrics.Measured(offer.metric(spec.options)), has_options=bool(spec.options)
    )


def _check_table(_: Plugins, offer: Offer, __: Spec, ___: float | None, ____: str | None) -> Found:
    return outcomes(tables.RULES, tables.Shown(offer.factory))


_CHECKS: dict[str, Callable[..., Found]] = {
    "model": _check_model,
    "dataset": _check_dataset,
    "splitter": _check_splitter,
    "metric": _check_metric,
    "table": _check_table,
}
"""Kind -> the function that checks one of it."""


def _why_not(offer: Offer, spec: Spec, filled: dict[str, Any]) -> str:
    """Return why something cannot be made: it needs an option; "" if it can."""
    lacking = [
        name for name in needed(offer.configured) if name not in spec.options and name not in filled
    ]
    return (
        f"it needs the option {lacking[0]}; write {spec.name}:{lacking[0]}=..." if lacking else ""
    )


def _not_run(rules: Iterable[Rule[Any]], why: str) -> list[Rule[Any]]:
    """Return rules that cannot be checked."""

    def refuse(_: Any) -> str:
        raise NotRunError(why)

    return [Rule(rule.name, refuse) for rule in rules]
