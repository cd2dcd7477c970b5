"""Outside the flow: the rules that a plugin must keep, and how one is checked after the other.

A rule is a function of what is checked. It raises an AssertionError or a RecbenchError if the rule
is broken, and returns what it has found. `enforce` raises at the first broken rule, for tests;
`outcomes` goes on, for `recbench plugin check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from recbench.code.raised import BrokenRuleError, describe_broken
from recbench.errors import UsageError, clean_reason

S = TypeVar("S")

PASSED, FAILED, NOT_APPLICABLE, NOT_RUN = "passed", "failed", "not applicable", "not run"
"""What can come of a rule."""


class NotApplicableError(Exception):
    """A rule does not concern this plugin; the text says why."""


class NotRunError(Exception):
    """A rule cannot be checked, mostly because another one is broken; the text says why."""


@dataclass(frozen=True)
class Rule(Generic[S]):
    """A rule: a statement, such as "fit returns the model itself", and the function that checks it.

    owns: parts of the texts of errors that belong to this rule, wherever they are raised, unless it
    has passed; the rules that they are raised in are then not run. needed: whether the rules after
    it tell nothing, and so are not run, if it is broken.
    """

    name: str
    check: Callable[[S], str]
    owns: tuple[str, ...] = ()
    needed: bool = False


@dataclass(frozen=True)
class Finding:
    """What came of one rule.

    Parameters
    ----------
    kind : str
        What was checked: "model", "dataset", "splitter", "metric", "table", "executor" or
        "tracker"; or "plugin" for a plugin that cannot be loaded.
    name : str
        Its name, with options.
    plugin : str
        The plugin that it belongs to.
    rule : str
        The rule, as a statement.
    outcome : {"passed", "failed", "not applicable", "not run"}
        What came of it.
    detail : str
        The smallest example that shows it, or why the rule is not applicable or was not run.
    """

    kind: str
    name: str
    plugin: str
    rule: str
    outcome: str
    detail: str = ""


def enforce(rules: Sequence[Rule[S]], subject: S) -> None:
    """Check rules up to the first that is broken, whose error is raised."""
    for rule in rules:
        try:
            rule.check(subject)
        except (NotApplicableError, NotRunError):
            continue
        except BrokenRuleError as error:
            raise AssertionError(str(error)) from None


def outcomes(
    rules: Sequence[Rule[S]],
    subject: S,
    after_failure: Callable[[], None] = lambda: None,
    *,
    has_options: bool = False,
) -> Iterator[tuple[str, str, str]]:
    """Check all rules, and yield the name, outcome and detail of each.

    after_failure: called after each rule that is broken, before the next one is checked.
    has_options: whether the user has set options, so that a UsageError means these, and is raised.
    """
    owners = [rule for rule in rules if rule.owns]
    broken = ""
    for rule in rules:
        if broken:
            yield rule.name, NOT_RUN, f"broken: {broken}"
            continue
        outcome, detail = _outcome(rule, subject, has_options=has_options)
        if outcome == PASSED and rule in owners:
            owners.remove(rule)
        if outcome == FAILED:
            owner = next((each for each in owners if any(own in detail for own in each.owns)), rule)
            if owner is not rule:
                outcome, detail = NOT_RUN, f"broken: {owner.name}"
            elif rule.needed:
                broken = rule.name
            after_failure()
        yield rule.name, outcome, detail


def _outcome(rule: Rule[S], subject: S, *, has_options: bool) -> tuple[str, str]:
    try:
        return PASSED, rule.check(subject)
    except NotApplicableError as reason:
        return NOT_APPLICABLE, str(reason)
    except NotRunError as reason:
        return NOT_RUN, str(reason)
    except KeyboardInterrupt:
        raise
    except BrokenRuleError as error:
        return FAILED, clean_reason(error.example)
    except BaseException as error:  # also SystemExit
        if has_options and isinstance(error, UsageError):
            raise
        return FAILED, describe_broken(error)
