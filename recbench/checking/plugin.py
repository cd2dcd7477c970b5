"""Outside the flow: check everything that a name stands for, and report every rule."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbench.arguments import check_arguments, with_names_checked
from recbench.checking import (
    datasets,
    executors,
    metrics,
    models,
    offered,
    splitters,
    tables,
    trackers,
)
from recbench.checking.found import Target, find
from recbench.checking.rule import (
    FAILED,
    NOT_APPLICABLE,
    NOT_RUN,
    PASSED,
    Finding,
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
from recbench.spec import Spec, needed, read_options

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
    (True, 'the plugin loads fast', 'passed')
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
    """Check a plugin against every rule, and show an example where one is broken.

    Models run in separate processes, so one that crashes or hangs breaks a rule and nothing else.

    Parameters
    ----------
    name : str
        Name of a model, dataset, splitter, metric, table, executor or tracker, with options, as in
        "mine:dim=8"; of a plugin, to check everything that it offers; or the path of a .py file.
    kind : str or None, default: None
        Check only this kind: "model", "dataset", "splitter", "metric", "table", "executor" or
        "tracker".
    timeout : float or None, default: 60
        Time limit per model and seed, in seconds, for training and answers together. The small
        data of the checks take seconds. It is also how long an executor may take for an answer.
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
    up, in a temporary working folder. An executor whose cluster cannot be reached is not checked,
    and the findings say why. A model must beat a random order of items on one of three
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
    if target.offer is not None:
        for found in outcomes(offered.RULES, target.offer):
            yield made(*found)
        asked = _Asked(plugins, target.offer, target.spec, timeout, data_dir)
        with noted(target.offer.where):
            for found in _CHECKS[target.kind](asked):
                yield made(*found)
    elif target.tracker is not None:
        with _elsewhere():
            for found in outcomes(trackers.RULES, trackers.Tracking(lambda: target.tracker)):
                yield made(*found)
    else:
        yield made("the plugin can be loaded", FAILED, target.broken)


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """In this block, the working folder is a temporary one, as what is checked may write there."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


Found = Iterator[tuple[str, str, str]]


@dataclass(frozen=True)
class _Asked:
    """An offer that is checked, with its options."""

    plugins: Plugins
    offer: Offer
    spec: Spec
    timeout: float | None
    data_dir: str | None

    def why_not(self, filled: Collection[str] = ()) -> str:
        """Return why it cannot be made: it needs an option; "" if it can.

        filled: the options that recbench fills in.
        """
        lacking = [
            name
            for name in needed(self.offer.configured)
            if name not in self.spec.options and name not in filled
        ]
        return (
            f"it needs the option {lacking[0]}; write {self.spec.name}:{lacking[0]}=..."
            if lacking
            else ""
        )

    def make(self) -> Any:
        """Call the factory with the options. Raises whatever it raises."""
        options = read_options(self.offer.what, self.offer.factory, self.spec.options)
        return self.offer.factory(**options)

    def outcomes(
        self,
        rules: Sequence[Rule[Any]],
        make: Callable[[], Any],
        why_not: str,
        after_failure: Callable[[], None] = lambda: None,
    ) -> Found:
        """Check what is made by the rules; if it cannot be made, they are not run."""
        if why_not:
            return ((rule.name, NOT_RUN, why_not) for rule in rules)
        return outcomes(rules, make(), after_failure, has_options=bool(self.spec.options))


def _check_model(asked: _Asked) -> Found:
    text, filled, rules = str(asked.spec), {"seed": 0, "device": "cpu"}, models.RULES
    own, lacking = asked.offer.spec(asked.spec.options).options, needed(asked.offer.factory)
    required = {option: value for option, value in own.items() if option in lacking}
    with (
        model_host(asked.plugins, asked.timeout) as host,
        Bar(f"checking {text}", len(rules), "rule") as bar,
    ):
        subject = Subject(
            lambda: host.cell(text, filled),
            name=asked.offer.name,
            isolated=AVAILABLE and host.isolates(text),
            factory=asked.offer.factory,
            open_with=lambda options: host.cell(
                str(Spec(asked.spec.name, {**required, **options})), filled
            ),
        )
        close = functools.partial(subject.close, failed=True)
        try:
            for found in asked.outcomes(rules, lambda: subject, asked.why_not(filled), close):
                bar.step()
                yield found
        finally:
            close()


def _check_dataset(asked: _Asked) -> Found:
    offer, spec, filled = asked.offer, asked.spec, {"data_dir": asked.data_dir}
    why_not = asked.why_not(filled)
    if not why_not and factory_facts(offer.factory, asked.data_dir)["on disk"] == "no":
        why_not = (
            f"it is not on this computer; to download it: recbench run popular --dataset {spec}"
        )
    made = datasets.LoadedTwice(lambda: offer.build(spec.options, filled), offer.factory)
    return asked.outcomes(datasets.RULES, lambda: made, why_not)


def _check_splitter(asked: _Asked) -> Found:
    made = splitters.Splitting(lambda: asked.offer.build(asked.spec.options, {}))
    return asked.outcomes(splitters.RULES, lambda: made, asked.why_not())


def _check_metric(asked: _Asked) -> Found:
    def make() -> metrics.Measured:
        return metrics.Measured(asked.offer.metric(asked.spec.options))

    return asked.outcomes(metrics.RULES, make, asked.why_not())


def _check_table(asked: _Asked) -> Found:
    return outcomes(tables.RULES, tables.Shown(asked.offer.factory))


def _check_executor(asked: _Asked) -> Found:
    patience = asked.timeout or LIMIT
    with _elsewhere(), executors.Executing(asked.make, patience) as executing:
        why_not = asked.why_not() or executing.why_not
        yield from asked.outcomes(executors.RULES, lambda: executing, why_not)


def _check_tracker(asked: _Asked) -> Found:
    tracking = trackers.Tracking(asked.make)
    with _elsewhere():
        yield from asked.outcomes(trackers.RULES, lambda: tracking, asked.why_not())


_CHECKS: dict[str, Callable[[_Asked], Found]] = {
    "model": _check_model,
    "dataset": _check_dataset,
    "splitter": _check_splitter,
    "metric": _check_metric,
    "table": _check_table,
    "executor": _check_executor,
    "tracker": _check_tracker,
}
"""Kind -> the function that checks one of it."""
